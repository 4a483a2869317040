// Responses, reasons, names.
#include "http/message.h"

#include <gtest/gtest.h>

namespace polymq::http {
namespace {

TEST(Message, StatusesHaveTheirReasons) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(413), "Content Too Large");
  EXPECT_EQ(reason_phrase(505), "HTTP Version Not Supported");
  EXPECT_EQ(reason_phrase(299), "Unknown");
  EXPECT_EQ(reason_phrase(999), "Unknown");
}

TEST(Message, NamesAreComparedWithoutRegardToCase) {
  EXPECT_TRUE(equal_ignoring_case("Content-Type", "content-TYPE"));
  EXPECT_FALSE(equal_ignoring_case("Content-Type", "Content-Typ"));
  EXPECT_FALSE(equal_ignoring_case("a@", "a`")) << "only letters have a case";
  EXPECT_TRUE(equal_ignoring_case("", ""));
}

TEST(Message, NobodysDataMakesAFieldOfItsOwn) {
  Response response;
  response.add("X-Queue", "a\r\nSet-Cookie: b\n").add("Allow", std::string_view("x\0y\x7f", 4));
  EXPECT_EQ(response.fields, "X-Queue: a  Set-Cookie: b \r\nAllow: x y \r\n");
}

}  // namespace
}  // namespace polymq::http
