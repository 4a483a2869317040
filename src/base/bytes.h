// Big-endian numbers and lengths in byte strings: the one place where shifts and bounds are done.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace polymq {

/// Reads the number at `from`, which must have sizeof(T) readable bytes.
template <class T>
T load_big_endian(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(value));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(value));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(value));
  return value;
}

template <class T>
void store_big_endian(char* to, T value) {
  value = load_big_endian<T>(reinterpret_cast<const char*>(&value));
  std::memcpy(to, &value, sizeof value);
}

/// Walks over received bytes. Reading past the end yields zeros and empty views and makes ok()
/// false for good, so that a decoder checks once, at its end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), left_(bytes.size()) {}

  std::uint8_t u8() { return number<std::uint8_t>(); }
  std::uint16_t u16() { return number<std::uint16_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }

  /// The next `size` bytes as a view into the input.
  std::string_view bytes(std::size_t size) {
    if (!take(size)) return {};
    return {at_ - size, size};
  }
  /// A length octet and that many bytes.
  std::string_view short_string() { return bytes(u8()); }
  /// A four-octet length and that many bytes.
  std::string_view long_string() { return bytes(u32()); }

  bool ok() const { return ok_; }
  std::size_t left() const { return left_; }
  std::string_view rest() const { return {at_, left_}; }

 private:
  bool take(std::size_t size) {
    if (size > left_) {
      ok_ = false;
      left_ = 0;
      return false;
    }
    at_ += size;
    left_ -= size;
    return true;
  }
  template <class T>
  T number() {
    return take(sizeof(T)) ? load_big_endian<T>(at_ - sizeof(T)) : T{};
  }

  const char* at_;
  std::size_t left_;
  bool ok_ = true;
};

/// A growing block of bytes that is appended to at the end and consumed from the front: what a
/// connection wants to send. Owns no memory while it is empty and released.
class Buffer {
 public:
  /// Bytes written and not yet consumed.
  std::string_view view() const { return {block_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }

  /// Room for `size` more bytes; what is written there counts after commit().
  char* reserve(std::size_t size) {
    if (capacity_ - end_ < size) grow(size);
    return block_.get() + end_;
  }
  void commit(std::size_t size) { end_ += size; }

  void append(std::string_view bytes) {
    if (bytes.empty()) return;  // an empty view may have no address to copy from
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  void u8(std::uint8_t value) { number(value); }
  void u16(std::uint16_t value) { number(value); }
  void u32(std::uint32_t value) { number(value); }
  void u64(std::uint64_t value) { number(value); }
  /// Cut to the 255 octets that a length octet can tell.
  void short_string(std::string_view text) {
    if (text.size() > 255) text = text.substr(0, 255);
    u8(static_cast<std::uint8_t>(text.size()));
    append(text);
  }
  void long_string(std::string_view text) {
    u32(static_cast<std::uint32_t>(text.size()));
    append(text);
  }
  /// Overwrites four bytes at `offset` of view(), for a length known only at the end.
  void patch_u32(std::size_t offset, std::uint32_t value) {
    store_big_endian(block_.get() + begin_ + offset, value);
  }
  /// Forgets everything after the first `size` bytes of view().
  void truncate(std::size_t size) { end_ = begin_ + size; }

  void consume(std::size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Gives the memory back; only an empty buffer may do that.
  void release() {
    block_.reset();
    begin_ = end_ = capacity_ = 0;
  }

 private:
  template <class T>
  void number(T value) {
    store_big_endian(reserve(sizeof value), value);
    commit(sizeof value);
  }
  void grow(std::size_t size);

  std::unique_ptr<char[]> block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace polymq
