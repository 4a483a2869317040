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
#include "engine/exchange/types.h"
#include "engine/ids.h"
#include "engine/message.h"
#include "engine/seen_ids.h"
#include "engine/stored_logs.h"

namespace polymq::engine {

/// Shard: the exchange's home. No clock, no routing: time is handed in, messages are handed out.
/// Messages kept here are counted on the meter and freed with clear(). Stays in its place while its
/// logs are read.
class ExchangeState {
 public:
  ExchangeState(StatefulKind kind, const Fields& arguments,
                const std::optional<DeduplicationLimits>& deduplication, MemoryMeter& meter);
  ExchangeState(const ExchangeState&) = delete;
  ExchangeState& operator=(const ExchangeState&) = delete;

  /// From now on it keeps in the store what concerns persistent messages; what is there already is
  /// known when it was read.
  void keep_in(StoredLogs& logs, ExchangeId exchange);
  bool stored() const { return store_ != nullptr; }

  /// The id in x-deduplication-header, if this exchange looks at it; the scope is the exchange.
  std::optional<DeduplicationKey> deduplication_key(const Message& message) const;
  /// Was the id seen lately? Remembers it, for the time in the header x-cache-ttl or else as the
  /// exchange was declared.
  bool seen(DeduplicationKey key, const Message& message, WallMs now);
  /// The message of that id did not arrive: its publisher may send it again.
  void forget(DeduplicationKey key) { seen_->forget(key); }

  /// A held message, by its place.
  struct Held {
    WallMs due;
    Position position;  // in order of arrival
    Message* message;
    bool operator>(const Held& other) const {
      return due != other.due ? due > other.due : position > other.position;
    }
  };
  /// Holds a copy with the elapsed delay in its header, if `message` asks for a delay here: says in
  /// which place.
  std::optional<Position> hold(const Message& message, WallMs now);
  /// Holds `message`, of which it takes over a reference, until `due`.
  Position hold(Message* message, WallMs due);
  /// When the next held message is due; kNever without one.
  WallMs next_due() const { return held_.empty() ? kNever : held_.front().due; }
  /// The first held message, if it is due: the caller's from now on. The store keeps it until
  /// let_go(). In order of due time; those due together come as they arrived.
  std::optional<Held> take_due(WallMs now);
  void let_go(const Held& held);
  /// The store could not keep it.
  void withdraw(Position position);

  /// Remembers a copy of `message` if this exchange has a history, instead of its oldest. True if
  /// it does.
  bool record(const Message& message);
  struct Remembered {
    Position position;
    Message* message;
  };
  /// Oldest first.
  const std::deque<Remembered>& history() const { return history_; }

  /// Frees at most `most` messages. True when there are more.
  bool clear(std::size_t most);
  std::size_t held() const { return held_.size(); }

  WallMs timer_at = kNever;  // the home's timer for it

 private:
  Result<void> restore_held(const storage::MessageRecord& record);
  Result<void> restore_history(const storage::MessageRecord& record);
  void add(const Held& held);
  void drop_oldest();
  bool keeps(const Message& message) const { return store_ != nullptr && message.persistent(); }

  const StatefulKind kind_;
  MemoryMeter& meter_;
  std::size_t history_length_ = 0;  // 0: none
  std::unique_ptr<SeenIds> seen_;
  std::vector<Held> held_;  // a heap, the first due in front
  std::deque<Remembered> history_;
  Position next_held_ = 1;
  Position next_history_ = 1;
  storage::MessageStore* store_ = nullptr;
  ExchangeId id_ = 0;
};

}  // namespace polymq::engine
