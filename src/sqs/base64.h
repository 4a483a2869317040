// Base64 as RFC 4648 has it: the usual alphabet for binary values, the URL-safe one for handles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace polymq::sqs {

enum class Base64 : std::uint8_t {
  kPadded,   // + and /, filled up with =
  kUrlSafe,  // - and _, not filled up
};

constexpr std::size_t base64_size(std::size_t bytes, Base64 form) {
  return form == Base64::kPadded ? (bytes + 2) / 3 * 4 : (bytes * 4 + 2) / 3;
}

/// Writes base64_size(bytes.size(), form) characters.
void encode_base64(std::string_view bytes, Base64 form, char* out);

inline constexpr std::size_t kNotBase64 = static_cast<std::size_t>(-1);

/// Writes to `out`, which has room for 3/4 of the text, and returns how many bytes that were, or
/// kNotBase64. Each byte string has one text only: no blanks, no stray bits, padding as the form
/// says, except that missing padding is forgiven.
std::size_t decode_base64(std::string_view text, Base64 form, char* out);

}  // namespace polymq::sqs
