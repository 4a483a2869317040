// The exchanges with state of their own that live on a shard: what is published to them arrives
// here, and goes on from here.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/sliding_window.h"
#include "base/time.h"
#include "engine/exchange_state.h"
#include "engine/mail.h"
#include "engine/publisher.h"
#include "engine/stored_logs.h"
#include "engine/topology.h"

namespace polymq::engine {

/// What a home says when a batch of publishes is done.
/// Or a request that waits for the store.
using BatchAnswer = std::variant<PublishAnswer, UnitDone, Reply>;
/// Names a batch some of whose messages went on to other homes, which have not all answered yet.
using RelayId = std::uint64_t;

/// Shard: the exchanges' home. A message that goes on is published by this shard in its own name;
/// the answer of the batch that brought it waits for the answers to that.
class StatefulExchanges {
 public:
  static constexpr std::size_t kMostPerSlice = 2000;

  StatefulExchanges(Mailer& mailer, Topology& topology, StoredLogs& logs, MemoryMeter& meter,
                    const Now& now);
  ~StatefulExchanges();
  StatefulExchanges(const StatefulExchanges&) = delete;
  StatefulExchanges& operator=(const StatefulExchanges&) = delete;

  // --- from the topology replica ---
  void exchange_added(const Exchange& exchange);
  void binding_added(const Exchange& source, Destination destination);
  void exchange_removed(const Exchange& exchange);
  /// The topology of before a restart is there; its bindings are not new.
  void restored() { replays_.clear(); }
  /// All that was kept from before a restart has been read.
  void loaded();

  // --- the store ---
  /// Some of what the exchange holds is durable now: it may leave memory.
  void note_durable(ExchangeId exchange);
  /// Held messages that were read back.
  void loaded(const storage::ReadMessages& read);
  /// How many exchanges have messages on disk only.
  std::size_t paging() const { return paging_; }

  // --- publishes ---
  void begin_batch(SessionId from) { relayed_ = from.number() == kExchangePublisher; }
  struct Published {
    /// Held in the store's log of the exchange, when the commit that is being staged has ended.
    std::optional<Position> stored = std::nullopt;
    /// It is dropped. What it is a duplicate of is safe when everything staged so far is, and when
    /// its batch's relay has ended.
    bool duplicate = false;
  };
  /// Takes over one reference of `message`, published to `exchange` under `sequence`. `awaited`:
  /// the answer of its batch tells what became of it; `in_unit`: it is a part of a unit.
  Published publish(Exchange& exchange, Message* message, std::uint64_t sequence, bool awaited,
                    bool in_unit);
  /// The store could not keep a message.
  void withdraw(ExchangeId exchange, Position position);
  /// After the last publish of a batch; 0: none of its answers is awaited here.
  RelayId end_batch() { return std::exchange(open_relay_, 0); }
  /// The rest of the batch is done: take_answers() has `answer` once all that went on is answered
  /// too.
  void answer(RelayId relay, ShardIndex to, BatchAnswer answer);
  struct Answer {
    ShardIndex to;
    BatchAnswer answer;
    bool forgot;  // an id that was stored; the answer waits until that is, too
  };
  std::vector<Answer> take_answers() { return std::exchange(answers_, {}); }
  /// Answers to what went on from here.
  void answered(const PublishAnswer& answer);

  // --- the turn ---
  /// Hands over what goes on, and sees to it that each exchange has about `window` bytes of what
  /// it holds in memory, where that can be read back.
  void work(std::uint64_t window);
  /// Lets go of what is due; in slices, so that it may have to be called again at once.
  void run_timers();
  /// Frees a slice of what removed exchanges kept; true while there is more.
  bool sweep();
  WallMs next_timer() const { return timers_.empty() ? kNever : timers_.top().at; }

  /// Messages held, and batches that wait; zero once all exchanges are gone and answered for.
  std::size_t pending() const;

 private:
  struct Timer {
    WallMs at;
    ExchangeId exchange;
    bool operator>(const Timer& other) const { return at > other.at; }
  };
  struct Replay {
    ExchangeId source;
    Destination destination;
  };
  struct Relay {
    std::size_t owed = 0;
    std::vector<std::uint64_t> rejected;
    ShardIndex to = 0;
    std::optional<BatchAnswer> answer;  // when the rest of the batch is done
    bool forgot = false;
  };
  /// A message of a relay's batch.
  struct Owed {
    RelayId relay = 0;           // 0: nobody waits
    std::uint64_t sequence = 0;  // in its batch
  };
  /// A message that went on.
  struct Onward {
    Owed owed;
    ExchangeId exchange = 0;
    std::optional<DeduplicationKey> key;
    std::uint64_t bytes = 0;  // if it was held in the store
  };
  struct SeenHere {
    ExchangeId exchange;
    DeduplicationKey key;
    bool operator==(const SeenHere&) const = default;
  };
  struct SeenHash {
    std::size_t operator()(const SeenHere& seen) const { return seen.key.low ^ seen.exchange; }
  };
  enum class Cycles : std::uint8_t { kCut, kAllow };

  ExchangeState& state_of(const Exchange& exchange);
  void hand_over();
  Message* own(Message* message);
  ExchangeState* find_state(ExchangeId exchange);
  /// What `message` reaches from `exchange`, in targets_.
  void find_targets(Exchange& exchange, const Message& message, Cycles cycles);
  /// Sends one reference of `message`, which is ours, to targets_. `onward`: null if nobody waits.
  void pass_on(Exchange& exchange, Message* message, const Onward* onward);
  Owed owe(std::uint64_t sequence);
  void settle(const Owed& owed, bool rejected, bool forgot);
  void settle(const Onward& onward, bool rejected);
  void replay();
  void replay(const Exchange& source, Destination destination, const Message& message);
  void touch(ExchangeId exchange, ExchangeState& state);
  void page(std::uint64_t window);
  void note_paging(ExchangeState& state, bool now);
  void arm(ExchangeId exchange, ExchangeState& state);
  void finish(RelayId relay);
  std::optional<Onward> take_passing(ExchangeId exchange, Position position);
  std::uint64_t random();

  Topology& topology_;
  StoredLogs& logs_;
  MemoryMeter& meter_;
  const Now& now_;
  Publisher publisher_;
  boost::unordered_flat_map<ExchangeId, std::unique_ptr<ExchangeState>> states_;  // once in use
  std::vector<std::unique_ptr<ExchangeState>> dying_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::vector<ExchangeId> touched_;  // what they hold has changed
  std::size_t paging_ = 0;
  std::vector<Replay> replays_;
  boost::unordered_flat_map<RelayId, Relay> relays_;
  RelayId last_relay_ = 0;
  RelayId open_relay_ = 0;           // of the batch that is being handled
  bool relayed_ = false;             // that batch comes from an exchange
  bool staged_ = false;              // something that belongs to what hand_over() will send
  SlidingWindow<Onward> onward_{1};  // numbered as the publisher's sequences
  std::uint64_t onward_bytes_ = 0;   // of these
  /// Ids of messages that went on or soon will: duplicates of them, that share their fate.
  boost::unordered_flat_map<SeenHere, std::vector<Owed>, SeenHash> undecided_;
  /// What is held for a moment, by its place.
  boost::unordered_flat_map<ExchangeId, std::unordered_map<Position, Onward>> passing_;
  std::vector<Answer> answers_;
  std::vector<Target*> targets_;
  std::uint64_t random_;
};

}  // namespace polymq::engine
