// A bounded queue between exactly two threads: one puts, one takes. No locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace polymq {

/// Capacity is a power of two. Each side keeps a copy of the other's index and looks again only
/// when that says full (or empty), so that a steady flow rarely touches the other's cache line.
template <class T, std::size_t kCapacity>
class Mailbox {
  static_assert((kCapacity & (kCapacity - 1)) == 0);

 public:
  Mailbox() : places_(std::make_unique<T[]>(kCapacity)) {}

  /// The putting thread. False, and `item` untouched, when it is full.
  bool put(T& item) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - known_head_ == kCapacity) {
      known_head_ = head_.load(std::memory_order_acquire);
      if (tail - known_head_ == kCapacity) return false;
    }
    places_[tail & (kCapacity - 1)] = std::move(item);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  /// The taking thread. False when it is empty.
  bool take(T& item) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == known_tail_) {
      known_tail_ = tail_.load(std::memory_order_acquire);
      if (head == known_tail_) return false;
    }
    item = std::move(places_[head & (kCapacity - 1)]);
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  /// The taking thread: is there anything? Sequentially consistent, so that it can be asked after
  /// announcing to fall asleep.
  bool empty() const {
    return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_seq_cst);
  }

 private:
  std::unique_ptr<T[]> places_;
  alignas(64) std::atomic<std::size_t> head_{0};
  std::size_t known_tail_ = 0;  // the taker's
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::size_t known_head_ = 0;  // the putter's
};

}  // namespace polymq
