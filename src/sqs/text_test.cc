// Promises of telling legal text: the limits of each range, wherever the character stands.
#include "sqs/text.h"

#include <gtest/gtest.h>

#include <string>

namespace polymq::sqs {
namespace {

TEST(Text, KnowsTheLimitsOfEachRange) {
  struct Case {
    const char* text;
    TextKind kind;
  };
  const Case cases[] = {
      {"\x09", TextKind::kLegal},
      {"\x0A", TextKind::kLegal},
      {"\x0D", TextKind::kLegal},
      {"\x08", TextKind::kForbidden},
      {"\x0B", TextKind::kForbidden},
      {"\x1F", TextKind::kForbidden},
      {"\x20", TextKind::kLegal},
      {"\x7F", TextKind::kLegal},
      {"\xC2\x80", TextKind::kLegal},
      {"\xED\x9F\xBF", TextKind::kLegal},        // U+D7FF
      {"\xED\xA0\x80", TextKind::kNotUtf8},      // U+D800
      {"\xEE\x80\x80", TextKind::kLegal},        // U+E000
      {"\xEF\xBF\xBD", TextKind::kLegal},        // U+FFFD
      {"\xEF\xBF\xBE", TextKind::kForbidden},    // U+FFFE
      {"\xEF\xBF\xBF", TextKind::kForbidden},    // U+FFFF
      {"\xF0\x90\x80\x80", TextKind::kLegal},    // U+10000
      {"\xF4\x8F\xBF\xBF", TextKind::kLegal},    // U+10FFFF
      {"\xF4\x90\x80\x80", TextKind::kNotUtf8},  // above
      {"\xC0\x80", TextKind::kNotUtf8},
      {"\xE0\x9F\xBF", TextKind::kNotUtf8},
      {"\xF0\x8F\xBF\xBF", TextKind::kNotUtf8},
      {"\x80", TextKind::kNotUtf8},
      {"\xC3", TextKind::kNotUtf8},
      {"\xE2\x82", TextKind::kNotUtf8},
  };
  for (const Case& test : cases) {
    for (std::size_t before = 0; before < 36; ++before) {
      for (std::size_t after : {0u, 9u, 20u}) {
        const std::string text = std::string(before, 'x') + test.text + std::string(after, 'x');
        EXPECT_EQ(text_kind(text), test.kind) << ::testing::PrintToString(text);
      }
    }
  }
}

TEST(Text, ANulIsForbiddenWhereverItStands) {
  for (std::size_t at = 0; at < 40; ++at) {
    std::string text(40, 'x');
    text[at] = '\0';
    EXPECT_EQ(text_kind(text), TextKind::kForbidden);
  }
  EXPECT_EQ(text_kind(""), TextKind::kLegal);
}

TEST(Text, ThatIsNotUtf8AfterSomethingForbiddenIsNotUtf8) {
  EXPECT_EQ(text_kind("\x01\xFF"), TextKind::kNotUtf8);
}

}  // namespace
}  // namespace polymq::sqs
