// The vocabulary that method declarations are written in: ids, directions and field types.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace polymq::amqp091 {

struct MethodId {
  std::uint16_t class_id = 0;
  std::uint16_t method_id = 0;
  auto operator<=>(const MethodId&) const = default;
  /// Both in one word, as the first four octets of a method frame's payload.
  constexpr std::uint32_t packed() const {
    return static_cast<std::uint32_t>(class_id) << 16 | method_id;
  }
};

enum class Direction : std::uint8_t { kToServer = 1, kToClient = 2, kBoth = 3 };

constexpr bool goes(Direction method, Direction way) {
  return (static_cast<unsigned>(method) & static_cast<unsigned>(way)) != 0;
}

/// Bytes with a four-octet length on the wire; a plain std::string_view has a one-octet length.
struct LongString {
  std::string_view bytes;
  bool operator==(const LongString&) const = default;
};

/// The undecoded body of a field table, without its four-octet length; see field_table.h.
struct FieldTable {
  std::string_view bytes;
  bool operator==(const FieldTable&) const = default;
};

/// A method is a struct with kId, kName, kDirection and kFields, a tuple of pointers to its members
/// in wire order. The member's type decides how it is written: integers, bool (a bit; consecutive
/// ones share octets), std::string_view (short string), LongString, FieldTable. Views point into
/// the received frame. kContent exists, and is true, where a content header and body follow.
template <class M>
constexpr bool has_content() {
  if constexpr (requires { M::kContent; }) return M::kContent;
  return false;
}

}  // namespace polymq::amqp091
