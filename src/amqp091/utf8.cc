// The general form of UTF-8 validation.
#include "amqp091/utf8.h"

namespace polymq::amqp091 {
namespace {

struct Lead {
  int more;                 // continuation octets that follow
  std::uint8_t second_min;  // what the first of them may be: keeps out overlong forms,
  std::uint8_t second_max;  // surrogates and what lies above U+10FFFF
};

/// more = -1 when `octet` cannot start a character.
Lead lead_of(std::uint8_t octet) {
  if (octet < 0x80) return {0, 0, 0};
  if (octet >= 0xC2 && octet <= 0xDF) return {1, 0x80, 0xBF};
  if (octet == 0xE0) return {2, 0xA0, 0xBF};
  if (octet == 0xED) return {2, 0x80, 0x9F};
  if (octet >= 0xE1 && octet <= 0xEF) return {2, 0x80, 0xBF};
  if (octet == 0xF0) return {3, 0x90, 0xBF};
  if (octet >= 0xF1 && octet <= 0xF3) return {3, 0x80, 0xBF};
  if (octet == 0xF4) return {3, 0x80, 0x8F};
  return {-1, 0, 0};
}

}  // namespace

bool is_utf8_slow(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Lead lead = lead_of(static_cast<std::uint8_t>(text[at++]));
    if (lead.more < 0 || text.size() - at < static_cast<std::size_t>(lead.more)) return false;
    for (int i = 0; i < lead.more; ++i, ++at) {
      const auto octet = static_cast<std::uint8_t>(text[at]);
      const std::uint8_t min = i == 0 ? lead.second_min : 0x80;
      const std::uint8_t max = i == 0 ? lead.second_max : 0xBF;
      if (octet < min || octet > max) return false;
    }
  }
  return true;
}

}  // namespace polymq::amqp091
