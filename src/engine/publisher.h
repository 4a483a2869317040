// Sends messages to the homes of their queues in batches and keeps track of the answers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/sliding_window.h"
#include "engine/mail.h"
#include "storage/message_store.h"

namespace polymq::engine {

/// Notes in a message what it reaches, where that matters: with an exchange among several targets.
void note_targets(Message& message, std::span<Target* const> targets);

/// Shard: its session's. Used by channels (publisher confirms), the dead letter mover and exchanges
/// with state.
class Publisher {
 public:
  Publisher(SessionId id, Mailer& mailer, MemoryMeter& meter)
      : id_(id), mailer_(mailer), meter_(meter) {}

  /// `targets`: as routing gives them, exchanges last.
  /// Publishes without wanting to know what became of it.
  void publish(Message* message, std::span<Target* const> targets);
  /// Publishes under the next sequence number (from 1), which settled() will name once all of
  /// `targets` have answered; at once when there are none (the message is freed then).
  std::uint64_t publish_tracked(Message* message, std::span<Target* const> targets);
  /// The same to a queue which, as far as is known here, refuses nothing, and takes the message
  /// though it may refuse some by now: in the unit that it is part of it leaves its old place.
  std::uint64_t publish_sure(Message* message, Target& target);
  /// From now on places() has news of what is tracked, for those who ask: of the messages that go
  /// straight to one queue.
  void tell_places() { tell_places_ = true; }
  /// Hands over what publish() collected. Before any wait, and at the end of a read. `unit`: that
  /// all of it is part of.
  void flush(const StoredUnit& unit = {});
  /// The same as a unit of its own, in the store together with what this shard is staging.
  void flush_with_staged(storage::MessageStore& store);
  /// The shards that flush() would send to.
  std::vector<ShardIndex> open_homes() const;

  void answered(const PublishAnswer& answer);

  struct Settled {
    std::uint64_t sequence;
    bool rejected;
  };
  /// What has been settled since the last call, in order of settling.
  std::vector<Settled>& settled() { return settled_; }
  /// What has been placed since the last call. A place that has been settled, too, holds.
  std::vector<PublishPlace>& places() { return places_; }
  /// The lowest sequence not settled yet; when there is none, the one to be given next.
  std::uint64_t lowest_pending() const { return pending_.front(); }
  std::uint64_t pending() const { return pending_.size(); }

 private:
  struct Owed {
    std::uint16_t answers = 0;
    bool rejected = false;
  };
  struct Range {
    std::uint64_t first;
    std::uint64_t last;
  };
  struct Open {
    ShardIndex home;
    PublishBatch batch;
    std::vector<Range> tracked;  // the sequences whose answers this batch owes
    std::size_t last_batch = 0;  // items of the one before: the next is mostly as large
    void add(std::uint64_t target, Message* message, std::uint64_t sequence);
  };
  Open& open_for(ShardIndex home);
  std::uint16_t spread(Message* message, std::span<Target* const> targets, std::uint64_t sequence);
  void owe(Open& open, std::uint64_t sequence);
  void settle(std::uint64_t sequence);

  const SessionId id_;
  Mailer& mailer_;
  MemoryMeter& meter_;
  std::vector<Open> open_;  // few: one per home in use
  SlidingWindow<Owed> pending_{1};
  SlidingWindow<std::vector<Range>> batches_{1};
  std::vector<Settled> settled_;
  std::vector<PublishPlace> places_;
  std::uint64_t units_ = 0;
  bool tell_places_ = false;
};

}  // namespace polymq::engine
