// Is this text UTF-8? Asked of every short string in a method.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace polymq::amqp091 {

/// The general answer: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8_slow(std::string_view text);

/// ASCII, the usual case, is recognized eight octets at a time.
inline bool is_utf8(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080u;
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t seen = 0;
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    seen |= word;
  }
  for (; left != 0; ++at, --left) seen |= static_cast<std::uint8_t>(*at);
  return (seen & kHighBits) == 0 || is_utf8_slow(text);
}

}  // namespace polymq::amqp091
