// Reading and writing basic properties.
#include "amqp091/properties.h"

#include <tuple>
#include <type_traits>

#include "amqp091/field_table.h"

namespace polymq::amqp091 {
namespace {

/// The members in wire order: the first is flag bit 15, the last bit 2.
constexpr auto kOrder = std::tuple{&Properties::content_type, &Properties::content_encoding,
                                   &Properties::headers,      &Properties::delivery_mode,
                                   &Properties::priority,     &Properties::correlation_id,
                                   &Properties::reply_to,     &Properties::expiration,
                                   &Properties::message_id,   &Properties::timestamp,
                                   &Properties::type,         &Properties::user_id,
                                   &Properties::app_id,       &Properties::cluster_id};

constexpr unsigned kHighestBit = 0x8000;
constexpr unsigned kMoreFlags = 0x0001;

template <class Do, std::size_t... I>
void for_each_property(Do&& action, std::index_sequence<I...>) {
  (action(std::get<I>(kOrder), kHighestBit >> I), ...);
}

/// action(pointer to member, flag bit) in wire order.
template <class Do>
void for_each_property(Do&& action) {
  for_each_property(action, std::make_index_sequence<std::tuple_size_v<decltype(kOrder)>>());
}

template <class T>
T read(ByteReader& in) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return in.short_string();
  } else if constexpr (std::is_same_v<T, FieldTable>) {
    return FieldTable{in.long_string()};
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    return in.u64();
  } else {
    return in.u8();
  }
}

template <class T>
void write(Buffer& out, const T& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    out.short_string(value);
  } else if constexpr (std::is_same_v<T, FieldTable>) {
    out.long_string(value.bytes);
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    out.u64(value);
  } else {
    out.u8(value);
  }
}

/// The values without a look into the headers.
PropertiesStatus read_all(std::string_view bytes, Properties& out) {
  ByteReader in(bytes);
  const unsigned flags = in.u16();
  if ((flags & kMoreFlags) != 0) return PropertiesStatus::kBadLength;
  for_each_property([&]<class T>(std::optional<T> Properties::* member, unsigned bit) {
    if ((flags & bit) != 0) out.*member = read<T>(in);
  });
  return in.ok() && in.left() == 0 ? PropertiesStatus::kOk : PropertiesStatus::kBadLength;
}

/// Steps over everything before `wanted` and reads it.
template <class T>
std::optional<T> read_one(std::string_view bytes, std::optional<T> Properties::* wanted) {
  ByteReader in(bytes);
  const unsigned flags = in.u16();
  std::optional<T> found;
  bool done = false;
  for_each_property([&]<class U>(std::optional<U> Properties::* member, unsigned bit) {
    if (done || (flags & bit) == 0) return;
    const U value = read<U>(in);
    if constexpr (std::is_same_v<T, U>) {
      if (member == wanted) {
        found = value;
        done = true;
      }
    }
  });
  return in.ok() ? found : std::nullopt;
}

}  // namespace

PropertiesStatus parse(std::string_view bytes, Properties& out) {
  const PropertiesStatus status = read_all(bytes, out);
  if (status != PropertiesStatus::kOk) return status;
  if (out.headers && !check_table(out.headers->bytes)) return PropertiesStatus::kBadTable;
  return PropertiesStatus::kOk;
}

PropertiesStatus scan_slow(std::string_view bytes, HotProperties& out) {
  Properties all;
  const PropertiesStatus status = parse(bytes, all);
  if (status != PropertiesStatus::kOk) return status;
  out.delivery_mode = all.delivery_mode.value_or(0);
  out.priority = all.priority.value_or(0);
  out.expiration = all.expiration.value_or(std::string_view{});
  out.reply_to = all.reply_to.value_or(std::string_view{});
  out.user_id = all.user_id.value_or(std::string_view{});
  out.headers = all.headers.value_or(FieldTable{});
  return status;
}

void encode(Buffer& out, const Properties& properties) {
  unsigned flags = 0;
  for_each_property([&]<class T>(std::optional<T> Properties::* member, unsigned bit) {
    if (properties.*member) flags |= bit;
  });
  out.u16(static_cast<std::uint16_t>(flags));
  for_each_property([&]<class T>(std::optional<T> Properties::* member, unsigned) {
    if (properties.*member) write(out, *(properties.*member));
  });
}

std::string encode(const Properties& properties) {
  Buffer out;
  encode(out, properties);
  return std::string(out.view());
}

std::optional<std::string_view> correlation_id(std::string_view bytes) {
  return read_one(bytes, &Properties::correlation_id);
}

std::optional<std::string_view> message_id(std::string_view bytes) {
  return read_one(bytes, &Properties::message_id);
}

std::optional<std::uint64_t> timestamp(std::string_view bytes) {
  return read_one(bytes, &Properties::timestamp);
}

std::optional<std::string_view> expiration(std::string_view bytes) {
  return read_one(bytes, &Properties::expiration);
}

FieldTable headers(std::string_view bytes) {
  return read_one(bytes, &Properties::headers).value_or(FieldTable{});
}

std::string with_changes(std::string_view bytes, const PropertyChanges& changes) {
  Properties properties;
  (void)read_all(bytes, properties);
  if (changes.headers) {
    properties.headers = changes.headers->bytes.empty() ? std::nullopt : changes.headers;
  }
  if (changes.drop_expiration) properties.expiration = std::nullopt;
  if (changes.reply_to) properties.reply_to = changes.reply_to;
  return encode(properties);
}

}  // namespace polymq::amqp091
