// Basic properties (reference §5): the bytes after a content header's fixed part, to values and
// back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "amqp091/method.h"
#include "base/bytes.h"

namespace polymq::amqp091 {

inline constexpr std::uint8_t kPersistent = 2;  ///< the delivery mode; every other is transient
/// The encoded form of no properties at all.
inline constexpr std::string_view kNoProperties{"\0\0", 2};

enum class PropertiesStatus : std::uint8_t {
  kOk,
  kBadLength,  ///< too short, too long, or more flags announced
  kBadTable,   ///< headers that cannot be decoded
};

/// All properties; views point into the parsed bytes.
struct Properties {
  std::optional<std::string_view> content_type;
  std::optional<std::string_view> content_encoding;
  std::optional<FieldTable> headers;
  std::optional<std::uint8_t> delivery_mode;
  std::optional<std::uint8_t> priority;
  std::optional<std::string_view> correlation_id;
  std::optional<std::string_view> reply_to;
  std::optional<std::string_view> expiration;  ///< milliseconds, as text
  std::optional<std::string_view> message_id;
  std::optional<std::uint64_t> timestamp;  ///< seconds
  std::optional<std::string_view> type;
  std::optional<std::string_view> user_id;
  std::optional<std::string_view> app_id;
  std::optional<std::string_view> cluster_id;
  bool operator==(const Properties&) const = default;
};

/// Reads everything and checks everything, headers included. `out` must be fresh.
PropertiesStatus parse(std::string_view bytes, Properties& out);
/// Short strings are cut to 255 octets.
void encode(Buffer& out, const Properties& properties);
std::string encode(const Properties& properties);

/// What the broker looks at in every published message. An absent property is 0 or an empty view
/// (data() == nullptr; a property that is there but empty has data() != nullptr).
struct HotProperties {
  std::uint8_t delivery_mode = 0;
  std::uint8_t priority = 0;
  std::string_view expiration;
  std::string_view reply_to;
  std::string_view user_id;
  FieldTable headers;

  bool persistent() const { return delivery_mode == kPersistent; }
  static bool present(std::string_view text) { return text.data() != nullptr; }
};

/// Reads and checks everything for messages that have more than a delivery mode.
PropertiesStatus scan_slow(std::string_view bytes, HotProperties& out);

/// One pass that checks as much as parse() does and keeps what matters per message; no allocation.
/// `out` must be fresh.
inline PropertiesStatus scan(std::string_view bytes, HotProperties& out) {
  // The two usual cases: no property, or just the delivery mode (bit 12).
  if (bytes == kNoProperties) return PropertiesStatus::kOk;
  if (bytes.size() == 3 && bytes[0] == 0x10 && bytes[1] == 0) {
    out.delivery_mode = static_cast<std::uint8_t>(bytes[2]);
    return PropertiesStatus::kOk;
  }
  return scan_slow(bytes, out);
}

/// Is the priority there (bit 11), be it 0?
inline bool has_priority(std::string_view bytes) { return (bytes[0] & 0x08) != 0; }

/// Single properties out of bytes that scan() or parse() accepted.
std::optional<std::string_view> correlation_id(std::string_view bytes);
std::optional<std::string_view> message_id(std::string_view bytes);
std::optional<std::uint64_t> timestamp(std::string_view bytes);
std::optional<std::string_view> expiration(std::string_view bytes);
FieldTable headers(std::string_view bytes);  ///< empty when absent

/// What differs in a copy; the rest stays as it is.
struct PropertyChanges {
  std::optional<FieldTable> headers{};  ///< replaces the table; an empty one removes it
  bool drop_expiration = false;
  std::optional<std::string_view> reply_to{};  ///< replaces it
};

/// The bytes of `properties` (accepted by scan() or parse()) with the changes made.
std::string with_changes(std::string_view properties, const PropertyChanges& changes);

}  // namespace polymq::amqp091
