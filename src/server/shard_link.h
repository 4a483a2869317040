// The way of mail from one shard to another: a mailbox that never refuses, and how far behind the
// receiver is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "base/mailbox.h"
#include "engine/mail.h"

namespace polymq::server {

/// Between exactly two threads. A sender that is far ahead stops reading its publishers until the
/// receiver has caught up: else a fast publisher fills memory with what consumers on a busy shard
/// are waiting for, and the messages that they get have left every cache.
class ShardLink {
 public:
  static constexpr std::size_t kCapacity = 256;
  /// Bytes of messages under way at which the receiver counts as behind. Large enough that neither
  /// side waits for the other in a steady flow, small enough for the cache that cores share.
  static constexpr std::uint64_t kMostUnderWay = 512 * 1024;
  /// Bytes that reports free before they wake the receiver up: a small part of a client's window.
  /// A wake-up costs more than all the rest of a message's way.
  static constexpr std::uint64_t kMostUnreported = engine::Link::kWindowBytes / 8;

  // --- the sender ---
  void send(engine::Envelope envelope) {
    sent_ += engine::message_bytes(envelope.mail);
    const std::uint64_t reported = engine::reported_bytes(envelope.mail);
    unreported_ += reported;
    urgent_ = urgent_ || reported == 0 || unreported_ >= kMostUnreported;
    if (overflow_.empty() && mailbox_.put(envelope)) return;
    overflow_.push_back(std::move(envelope));
    urgent_ = true;
  }
  /// Was anything sent since the last true for which a receiver that sleeps must be woken?
  bool take_urgent() {
    if (urgent_) unreported_ = 0;
    return std::exchange(urgent_, false);
  }
  /// True when the receiver should catch up first; it will then wake the sender up.
  bool behind() {
    drain_overflow();
    if (!too_far()) return false;
    awaited_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    drain_overflow();  // it may have caught up just before it could see that it is awaited
    return too_far();
  }

  // --- the receiver ---
  bool empty() const { return mailbox_.empty(); }
  bool take(engine::Envelope& envelope) {
    if (!mailbox_.take(envelope)) return false;
    ++taken_;
    taken_bytes_ += engine::message_bytes(envelope.mail);
    return true;
  }
  /// All that was taken is dealt with. True when the sender waits to be told.
  bool report_done() {
    if (taken_ == done_mail_) return false;
    done_mail_ = taken_;
    done_.store(taken_bytes_, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return awaited_.load(std::memory_order_relaxed) && awaited_.exchange(false);
  }

 private:
  void drain_overflow() {
    while (!overflow_.empty() && mailbox_.put(overflow_.front())) {
      overflow_.pop_front();
      urgent_ = true;
    }
  }
  bool too_far() const {
    return !overflow_.empty() || sent_ - done_.load(std::memory_order_acquire) > kMostUnderWay;
  }

  Mailbox<engine::Envelope, kCapacity> mailbox_;
  alignas(64) std::deque<engine::Envelope> overflow_;
  std::uint64_t sent_ = 0;  // bytes
  std::uint64_t unreported_ = 0;
  bool urgent_ = false;
  alignas(64) std::uint64_t taken_ = 0;
  std::uint64_t taken_bytes_ = 0;
  std::uint64_t done_mail_ = 0;
  std::atomic<std::uint64_t> done_{0};  // bytes
  std::atomic<bool> awaited_{false};
};

}  // namespace polymq::server
