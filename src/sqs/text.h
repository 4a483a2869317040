// Which texts SQS accepts: UTF-8, and of that what XML 1.0 can hold.
#pragma once

#include <cstdint>
#include <string_view>

namespace polymq::sqs {

enum class TextKind : std::uint8_t {
  kLegal,      // U+0009, U+000A, U+000D, U+0020 to U+D7FF, U+E000 to U+FFFD, U+10000 and above
  kForbidden,  // well-formed, but with other characters
  kNotUtf8,
};

TextKind text_kind(std::string_view text);

/// May be a message's body or an attribute's value.
inline bool is_message_text(std::string_view text) { return text_kind(text) == TextKind::kLegal; }
inline bool is_utf8(std::string_view text) { return text_kind(text) != TextKind::kNotUtf8; }

}  // namespace polymq::sqs
