// Walks over text character by character where it is not plain ASCII.
#include "sqs/text.h"

#include <cstddef>

namespace polymq::sqs {
namespace {

/// Octets that are all from 0x20 to 0x7F. Without a way out in the middle, so that the compiler
/// looks at all of them at once.
constexpr std::size_t kBlock = 16;
bool is_plain(const char* octets) {
  std::uint8_t special = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto octet = static_cast<std::uint8_t>(octets[i]);
    special |= static_cast<std::uint8_t>(octet < 0x20 || octet >= 0x80);
  }
  return special == 0;
}

struct Character {
  std::uint32_t code = 0;
  std::size_t size = 0;  // 0: not UTF-8
};

std::size_t size_of(std::uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

/// The character that begins with an octet of 0x80 or above.
Character decode(std::string_view text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  const std::size_t size = size_of(lead);
  if (size == 0 || text.size() < size) return {};
  std::uint32_t code = lead & (0xFFu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    const auto octet = static_cast<std::uint8_t>(text[i]);
    if ((octet & 0xC0) != 0x80) return {};
    code = code << 6 | (octet & 0x3F);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (overlong || surrogate || code > 0x10FFFF) return {};
  return {code, size};
}

}  // namespace

TextKind text_kind(std::string_view text) {
  TextKind kind = TextKind::kLegal;
  const std::string_view whole = text;
  while (!text.empty()) {
    if (text.size() >= kBlock) {
      if (is_plain(text.data())) {
        text.remove_prefix(kBlock);
        continue;
      }
    } else if (whole.size() >= kBlock && is_plain(whole.data() + whole.size() - kBlock)) {
      break;  // the last few, with some of those before them
    }
    const auto octet = static_cast<std::uint8_t>(text.front());
    if (octet < 0x80) {
      const bool legal = octet >= 0x20 || octet == 0x9 || octet == 0xA || octet == 0xD;
      if (!legal) kind = TextKind::kForbidden;
      text.remove_prefix(1);
      continue;
    }
    const Character character = decode(text);
    if (character.size == 0) return TextKind::kNotUtf8;
    if (character.code == 0xFFFE || character.code == 0xFFFF) kind = TextKind::kForbidden;
    text.remove_prefix(character.size);
  }
  return kind;
}

}  // namespace polymq::sqs
