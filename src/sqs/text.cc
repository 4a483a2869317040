// Walks over text character by character where it is not plain ASCII.
#include "sqs/text.h"

#include <cstddef>
#include <cstring>

namespace polymq::sqs {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080u;
constexpr std::uint64_t kOnes = 0x0101010101010101u;

/// Eight octets that are all from 0x20 to 0x7F.
bool is_plain(std::uint64_t word) {
  const std::uint64_t below_space = (word - kOnes * 0x20) & ~word;
  return ((word | below_space) & kHighBits) == 0;
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
  while (!text.empty()) {
    if (text.size() >= 8) {
      std::uint64_t word;
      std::memcpy(&word, text.data(), 8);
      if (is_plain(word)) {
        text.remove_prefix(8);
        continue;
      }
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
