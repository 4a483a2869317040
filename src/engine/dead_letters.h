// Moves messages that died in a queue to its dead letter exchange; the original stays until every
// copy is safe. In the store, original and copies change places at once.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "engine/dead_letter.h"
#include "engine/publisher.h"
#include "engine/queue.h"
#include "engine/topology.h"
#include "storage/message_store.h"

namespace polymq::engine {

/// Shard: the home of the queues where messages die. A message is first only noted; it moves when
/// run() is called, so that a chain of full queues is a loop, not a recursion.
class DeadLetters {
 public:
  DeadLetters(Mailer& mailer, Topology& topology, storage::MessageStore& store, MemoryMeter& meter,
              const Now& now);

  void add(Queue& queue, Position position, DeathReason reason) {
    waiting_.push_back({.queue = &queue, .position = position, .reason = reason});
  }
  /// Publishes what was noted. True when there was something.
  bool run();
  void answered(const PublishAnswer& answer);
  /// Tries again what an at-least-once queue could not get rid of.
  void retry();
  /// When to call retry() again; kNever without need.
  WallMs next_retry() const;

  std::size_t pending() const { return waiting_.size() + moving_.size() + retries_.size(); }

 private:
  /// Of a letter to several targets of which each must have it, and none twice.
  struct Progress {
    std::vector<std::uint64_t> accepted;
    std::size_t open = 0;  // answers awaited in this try
    bool refused = false;  // by one of them, in this try
  };
  struct Letter {
    Queue* queue;  // stays while it holds the moving message
    Position position;
    DeathReason reason;
    std::shared_ptr<Progress> progress = nullptr;
    std::uint64_t target = 0;  // of this copy, with `progress`
  };
  struct Retry {
    WallMs at;
    Letter letter;
  };
  static constexpr std::int64_t kRetryMs = 1000;

  void move(const Letter& letter);
  void hand_over(const std::vector<Letter>& letters);
  void publish(Letter letter, Message* copy, std::vector<Target*> targets);
  void finish(const Letter& letter, bool delivered);
  bool at_least_once(const Queue& queue) const;

  Topology& topology_;
  storage::MessageStore& store_;
  MemoryMeter& meter_;
  const Now& now_;
  Publisher publisher_;
  /// Of this run: their copies are not stored with it.
  std::vector<std::pair<Queue*, Position>> late_;
  std::vector<Letter> waiting_;
  SlidingWindow<Letter> moving_{1};  // numbered as the publisher's sequences
  std::vector<Retry> retries_;
  std::uint64_t random_ = 0;
};

}  // namespace polymq::engine
