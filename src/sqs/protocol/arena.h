// Memory that lives as long as a request: handed out in order, given back all at once.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

namespace polymq::sqs {

/// Decoded requests are views into the received bytes and into an arena. Used by one thread; may be
/// reset and used for another request. What it holds is never destroyed, only forgotten.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { release(); }

  /// `alignment` is at most that of the default operator new.
  void* allocate(std::size_t size, std::size_t alignment) {
    const std::size_t begin = (used_ + alignment - 1) & ~(alignment - 1);
    if (block_ == nullptr || begin > capacity_ || capacity_ - begin < size) {
      return allocate_in_new_block(size);
    }
    used_ = begin + size;
    return bytes(block_) + begin;
  }

  /// `count` default-made objects; never a null address, so that an empty list differs from none.
  template <class T>
  std::span<T> array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    T* const first = static_cast<T*>(allocate(sizeof(T) * count, alignof(T)));
    std::uninitialized_value_construct_n(first, count);
    return {first, count};
  }

  /// `size` bytes to be written by the caller.
  char* text(std::size_t size) { return static_cast<char*>(allocate(size, 1)); }

  std::string_view copy(std::string_view from) {
    char* const to = text(from.size());
    if (!from.empty()) std::memcpy(to, from.data(), from.size());
    return {to, from.size()};
  }

  /// Forgets everything; a block of usual size is kept for the next request.
  void reset();
  /// Forgets everything and holds no memory.
  void release();
  /// Bytes held, whether used or not.
  std::size_t capacity() const { return held_; }

 private:
  struct Block {
    Block* before;
    std::size_t size;  // what follows this header
  };

  static char* bytes(Block* block) { return reinterpret_cast<char*>(block + 1); }
  void* allocate_in_new_block(std::size_t size);

  Block* block_ = nullptr;
  std::size_t used_ = 0;
  std::size_t capacity_ = 0;
  std::size_t held_ = 0;
};

}  // namespace polymq::sqs
