// Percent-encoding of URLs and forms.
#include "http/url_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polymq::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(UrlEncoding, APlusIsABlankInFormsOnly) {
  EXPECT_EQ(form_decode("a+b%2B%20c"), "a b+ c");
  EXPECT_EQ(percent_decode("a+b%2B%20c"), "a+b+ c");
}

TEST(UrlEncoding, AnyOctetCanBeSaid) {
  std::string all;
  for (int octet = 0; octet < 256; ++octet) all += static_cast<char>(octet);
  const std::string encoded = percent_encode(all);
  EXPECT_EQ(percent_decode(encoded), all);
  EXPECT_EQ(form_decode(encoded), all);
  EXPECT_EQ(percent_encode("az-AZ_09.~ /%"), "az-AZ_09.~%20%2F%25");
  EXPECT_EQ(percent_decode("%c3%A9"), "\xc3\xa9");
}

TEST(UrlEncoding, WhatIsNoEncodingIsNothing) {
  for (const char* text : {"%", "%1", "a%", "%g0", "%0g", "%%20", "100%", "%+1"}) {
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
    EXPECT_EQ(form_decode(text), std::nullopt) << text;
  }
}

TEST(UrlEncoding, AFormIsReadInItsOrder) {
  EXPECT_THAT(
      *parse_form("Action=SendMessage&MessageBody=a%26b%3Dc+d&x=1=2", 10),
      ElementsAre(Pair("Action", "SendMessage"), Pair("MessageBody", "a&b=c d"), Pair("x", "1=2")));
  EXPECT_THAT(*parse_form("b&a=&&=c&", 10),
              ElementsAre(Pair("b", ""), Pair("a", ""), Pair("", "c")));
  EXPECT_THAT(*parse_form("", 10), IsEmpty());
  EXPECT_THAT(*parse_form("a=1&a=2", 2), ElementsAre(Pair("a", "1"), Pair("a", "2")));
}

TEST(UrlEncoding, AFormThatIsWrongOrTooLongIsAnError) {
  EXPECT_FALSE(parse_form("a=%", 10));
  EXPECT_FALSE(parse_form("%zz=1", 10));
  EXPECT_TRUE(parse_form("a&b&c", 3));
  EXPECT_FALSE(parse_form("a&b&c", 2));
  EXPECT_FALSE(parse_form("a", 0));
}

}  // namespace
}  // namespace polymq::http
