// What an exchange remembers: messages it holds until they are due, the last ones it passed on, and
// which ones it has seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"
#include "engine/deduplication_window.h"
#include "engine/exchange/types.h"
#include "engine/message.h"

namespace polymq::engine {

/// Shard: the exchange's home. No clock, no routing: time is handed in, messages are handed out.
/// Messages kept here are counted on the meter and freed with clear().
class ExchangeState {
 public:
  ExchangeState(StatefulKind kind, const Fields& arguments,
                const std::optional<DeduplicationLimits>& deduplication);
  ExchangeState(ExchangeState&&) noexcept = default;

  /// The id in x-deduplication-header, if this exchange looks at it; the scope is the exchange.
  std::optional<DeduplicationKey> deduplication_key(const Message& message) const;
  /// Was the id seen lately? Remembers it, for the time in the header x-cache-ttl or else as the
  /// exchange was declared.
  bool seen(DeduplicationKey key, const Message& message, WallMs now);
  /// The message of that id did not arrive: its publisher may send it again.
  void forget(DeduplicationKey key) { seen_->forget(key); }

  /// Holds a copy with the elapsed delay in its header, if `message` asks for a delay here.
  bool hold(const Message& message, WallMs now, MemoryMeter& meter);
  /// When the next held message is due; kNever without one.
  WallMs next_due() const { return held_.empty() ? kNever : held_.front().due; }
  /// The first held message, if it is due: the caller's from now on. Null if there is none. In
  /// order of due time; those due together come as they arrived.
  Message* take_due(WallMs now);

  /// Remembers a copy of `message` if this exchange has a history, instead of its oldest.
  void record(const Message& message, MemoryMeter& meter);
  /// Oldest first.
  const std::deque<Message*>& history() const { return history_; }

  /// Frees at most `most` messages. True when there are more.
  bool clear(std::size_t most, MemoryMeter& meter);
  std::size_t held() const { return held_.size(); }

  WallMs timer_at = kNever;  // the home's timer for it

 private:
  struct Held {
    WallMs due;
    std::uint64_t order;
    Message* message;
    bool operator>(const Held& other) const {
      return due != other.due ? due > other.due : order > other.order;
    }
  };

  const StatefulKind kind_;
  std::size_t history_length_ = 0;  // 0: none
  std::unique_ptr<DeduplicationWindow> seen_;
  std::vector<Held> held_;  // a heap, the first due in front
  std::uint64_t arrivals_ = 0;
  std::deque<Message*> history_;
};

}  // namespace polymq::engine
