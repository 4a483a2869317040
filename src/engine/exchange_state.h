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
#include "engine/held_messages.h"
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

  // --- holding ---
  /// Holds a copy with the elapsed delay in its header, if `message` asks for a delay here: says in
  /// which place.
  std::optional<Position> hold(const Message& message, WallMs now);
  /// Holds `message`, of which it takes over a reference, until `due`.
  Position hold(Message* message, WallMs due);
  /// The first held message, if it is due and in memory: the caller's from now on. The store keeps
  /// it until let_go().
  std::optional<HeldMessages::Held> take_due(WallMs now) { return held_.take_due(now); }
  void let_go(Position position);
  /// The store could not keep it.
  void withdraw(Position position) { held_.withdraw(position); }
  /// Lets held messages leave memory beyond `window` bytes, and reads back what is due soon if it
  /// `may_read`. True: it would have.
  bool page(WallMs now, std::uint64_t window, bool may_read);
  const HeldMessages& held() const { return held_; }
  /// What page() has asked for; see there.
  std::vector<Position> loaded(const storage::ReadMessages& read,
                               const HeldMessages::Damaged& damaged) {
    return held_.loaded(read, damaged);
  }

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

  WallMs timer_at = kNever;  // the home's timer for it
  bool touched = false;      // in the home's list of those to page
  bool paging = false;       // the home counts it among those that have messages on disk only

 private:
  Result<void> restore_history(const storage::MessageRecord& record);
  void drop_oldest();
  bool keeps(const Message& message) const { return store_ != nullptr && message.persistent(); }

  const StatefulKind kind_;
  MemoryMeter& meter_;
  std::size_t history_length_ = 0;  // 0: none
  std::unique_ptr<SeenIds> seen_;
  HeldMessages held_;
  std::deque<Remembered> history_;
  Position next_held_ = 1;
  Position next_history_ = 1;
  storage::MessageStore* store_ = nullptr;
  ExchangeId id_ = 0;
};

}  // namespace polymq::engine
