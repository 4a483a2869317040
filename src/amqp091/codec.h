// Methods to bytes and back, derived at compile time from their declarations.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "amqp091/field_table.h"
#include "amqp091/frame.h"
#include "amqp091/methods.h"
#include "amqp091/utf8.h"
#include "base/bytes.h"

namespace polymq::amqp091 {

/// Why arguments could not be read. The texts and codes are the caller's:
/// kBadLength 501 "cannot decode <<...>>", kBadUtf8 501 "Malformed UTF-8 in shortstr", kBadTable
/// 502, kUnknownMethod 503.
enum class DecodeStatus : std::uint8_t { kOk, kUnknownMethod, kBadLength, kBadUtf8, kBadTable };

namespace detail {

template <class M>
constexpr std::size_t field_count = std::tuple_size_v<std::remove_cvref_t<decltype(M::kFields)>>;

template <class C, class T>
T member_type(T C::*);
template <class M, std::size_t I>
using FieldType = decltype(member_type(std::get<I>(M::kFields)));

template <class M, std::size_t I>
constexpr bool is_bit = std::is_same_v<FieldType<M, I>, bool>;

/// How many bits directly precede field I: its place in the shared octets.
template <class M, std::size_t I>
constexpr std::size_t bits_before() {
  if constexpr (I == 0) {
    return 0;
  } else if constexpr (is_bit<M, I - 1>) {
    return bits_before<M, I - 1>() + 1;
  } else {
    return 0;
  }
}

/// The octets that field I takes at least: all of a number, the length of a string, and for a bit
/// its octet if it opens one.
template <class M, std::size_t I>
constexpr std::size_t least_size() {
  using T = FieldType<M, I>;
  if constexpr (std::is_same_v<T, bool>) return bits_before<M, I>() % 8 == 0 ? 1 : 0;
  if constexpr (std::is_same_v<T, std::string_view>) return 1;
  if constexpr (std::is_same_v<T, LongString> || std::is_same_v<T, FieldTable>) return 4;
  if constexpr (std::is_unsigned_v<T>) return sizeof(T);
}

template <class M>
constexpr std::size_t least_size_of_all = []<std::size_t... I>(std::index_sequence<I...>) {
  return (least_size<M, I>() + ... + 0);
}(std::make_index_sequence<field_count<M>>());

/// Where a decoder stands: the fixed parts of all fields to come are known to be there, so that
/// only the variable parts must be taken from `spare`.
struct Cursor {
  const char* at;
  std::size_t spare;
  std::string_view take(std::size_t size) {
    const std::string_view taken(at, size);
    at += size;
    spare -= size;
    return taken;
  }
};

template <class M, std::size_t I>
DecodeStatus decode_field(Cursor& in, M& out) {
  using T = FieldType<M, I>;
  T& field = out.*std::get<I>(M::kFields);
  if constexpr (std::is_same_v<T, bool>) {
    // The octet is read by the bit that opens it; the others look back at it.
    constexpr std::size_t kBit = bits_before<M, I>() % 8;
    if constexpr (kBit == 0) ++in.at;
    field = (static_cast<std::uint8_t>(in.at[-1]) >> kBit & 1) != 0;
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    const std::size_t size = load_big_endian<std::uint8_t>(in.at++);
    if (size > in.spare) return DecodeStatus::kBadLength;
    field = in.take(size);
    if (!is_utf8(field)) return DecodeStatus::kBadUtf8;
  } else if constexpr (std::is_unsigned_v<T>) {
    field = load_big_endian<T>(in.at);
    in.at += sizeof(T);
  } else {
    const std::size_t size = load_big_endian<std::uint32_t>(in.at);
    in.at += 4;
    if (size > in.spare) return DecodeStatus::kBadLength;
    field.bytes = in.take(size);
    if constexpr (std::is_same_v<T, FieldTable>) {
      if (!field.bytes.empty() && !check_table(field.bytes)) return DecodeStatus::kBadTable;
    }
  }
  return DecodeStatus::kOk;
}

template <class T>
std::size_t variable_size(const T& field) {
  if constexpr (std::is_same_v<T, std::string_view>) return field.size() < 255 ? field.size() : 255;
  if constexpr (std::is_same_v<T, LongString> || std::is_same_v<T, FieldTable>) {
    return field.bytes.size();
  }
  return 0;
}

inline char* put(char* to, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

template <class M, std::size_t I>
char* encode_field(char* to, const M& method) {
  using T = FieldType<M, I>;
  const T& field = method.*std::get<I>(M::kFields);
  if constexpr (std::is_same_v<T, bool>) {
    constexpr std::size_t kBit = bits_before<M, I>() % 8;
    if constexpr (kBit == 0) *to++ = 0;
    if (field) to[-1] = static_cast<char>(to[-1] | 1 << kBit);
    return to;
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    const std::string_view text = field.substr(0, 255);
    *to++ = static_cast<char>(text.size());
    return put(to, text);
  } else if constexpr (std::is_unsigned_v<T>) {
    store_big_endian<T>(to, field);
    return to + sizeof(T);
  } else {
    store_big_endian(to, static_cast<std::uint32_t>(field.bytes.size()));
    return put(to + 4, field.bytes);
  }
}

template <class M, class Visitor>
DecodeStatus decode_and_visit(std::string_view arguments, Visitor& visitor);

}  // namespace detail

/// Reads the arguments of one method (a method frame's payload after the two ids). Views in `out`
/// point into `arguments`. All of `arguments` must be used up. Does not allocate; tables are walked
/// once to see that they can be decoded. Anything but kOk leaves `out` in no particular state.
template <class M>
DecodeStatus decode(std::string_view arguments, M& out) {
  constexpr std::size_t kLeast = detail::least_size_of_all<M>;
  if (arguments.size() < kLeast) return DecodeStatus::kBadLength;
  detail::Cursor in{arguments.data(), arguments.size() - kLeast};
  DecodeStatus status = DecodeStatus::kOk;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (void)(((status = detail::decode_field<M, I>(in, out)) == DecodeStatus::kOk) && ...);
  }(std::make_index_sequence<detail::field_count<M>>());
  if (status == DecodeStatus::kOk && in.spare != 0) return DecodeStatus::kBadLength;
  return status;
}

/// The size of the whole method frame.
template <class M>
std::size_t method_frame_size(const M& method) {
  return kFrameOverhead + 4 + detail::least_size_of_all<M> +
         [&]<std::size_t... I>(std::index_sequence<I...>) {
           return (detail::variable_size(method.*std::get<I>(M::kFields)) + ... + 0);
         }(std::make_index_sequence<detail::field_count<M>>());
}

/// Writes the whole method frame to `to`, which has method_frame_size() octets; returns its end.
/// Short strings are cut to 255 octets.
template <class M>
char* write_method_frame(char* to, std::uint16_t channel, const M& method) {
  char* const frame = to;
  store_big_endian(frame + kFrameHeaderSize, M::kId.packed());
  to = frame + kFrameHeaderSize + 4;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((to = detail::encode_field<M, I>(to, method)), ...);
  }(std::make_index_sequence<detail::field_count<M>>());
  write_frame_header(frame, FrameType::kMethod, channel,
                     static_cast<std::uint32_t>(to - frame) - kFrameHeaderSize);
  *to++ = kFrameEnd;
  return to;
}

template <class M>
void encode_method(Buffer& out, std::uint16_t channel, const M& method) {
  char* const to = out.reserve(method_frame_size(method));
  out.commit(static_cast<std::size_t>(write_method_frame(to, channel, method) - to));
}

namespace detail {

template <class M, class Visitor>
DecodeStatus decode_and_visit(std::string_view arguments, Visitor& visitor) {
  M method;
  const DecodeStatus status = decode(arguments, method);
  if (status == DecodeStatus::kOk) visitor(std::as_const(method));
  return status;
}

template <class Visitor, class... M>
DecodeStatus dispatch_among(std::tuple<M...>*, MethodId id, std::string_view arguments,
                            Visitor& visitor) {
  // Comparisons of one number with constants: the compiler makes a switch of them.
  DecodeStatus status = DecodeStatus::kUnknownMethod;
  const std::uint32_t packed = id.packed();
  (void)((packed == M::kId.packed() && (status = decode_and_visit<M>(arguments, visitor), true)) ||
         ...);
  return status;
}

}  // namespace detail

/// Decodes the arguments of method `id` and calls visitor(const M&). kUnknownMethod when `id` is
/// not in `Methods` (method::All, ToServer, ToClient); the visitor is called only for kOk.
template <class Methods = method::All, class Visitor>
DecodeStatus dispatch(MethodId id, std::string_view arguments, Visitor&& visitor) {
  return detail::dispatch_among(static_cast<Methods*>(nullptr), id, arguments, visitor);
}

/// "queue.declare", or "" for an unknown id. For logs.
std::string_view method_name(MethodId id);

}  // namespace polymq::amqp091
