// Promises of UTF-8 validation.
#include "amqp091/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace polymq::amqp091 {
namespace {

TEST(Utf8, EveryLengthOfAsciiIsAccepted) {
  for (std::size_t size = 0; size < 40; ++size) EXPECT_TRUE(is_utf8(std::string(size, 'a')));
}

TEST(Utf8, CharactersOfEverySizeAreAcceptedAtEveryPlace) {
  for (const std::string character :
       {"\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    for (std::size_t before = 0; before < 20; ++before) {
      EXPECT_TRUE(is_utf8(std::string(before, 'a') + character + "b")) << before;
    }
  }
}

TEST(Utf8, WhatIsNotUtf8IsRefusedAtEveryPlace) {
  for (const std::string wrong :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x20", "\xE0\x9F\xBF", "\xE1\x80",
        "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF1\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFE", "\xFF", "\xE1\x80\xC0", "\xF1\x80\x80\x41"}) {
    for (std::size_t before = 0; before < 20; ++before) {
      EXPECT_FALSE(is_utf8(std::string(before, 'a') + wrong)) << before;
    }
  }
}

}  // namespace
}  // namespace polymq::amqp091
