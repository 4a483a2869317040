// Moves messages that died in a queue to its dead letter exchange, and those that were ordered to
// go to another queue; the original stays until every copy is safe. In the store, original and
// copies change places at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "engine/dead_letter.h"
#include "engine/move_order.h"
#include "engine/publisher.h"
#include "engine/queue.h"
#include "engine/topology.h"
#include "storage/message_store.h"

namespace polymq::engine {

/// Of an order to move messages (moves.h).
struct MoveProgress {
  /// A queue of the same vhost; none: where each message was dead-lettered last.
  std::optional<std::string> destination;
  std::uint64_t moved = 0;
  std::uint64_t under_way = 0;
  MoveFailure failure = MoveFailure::kNone;  // that ends it
};

/// Shard: the home of the queues where messages die. A message is first only noted; it moves when
/// run() is called, so that a chain of full queues is a loop, not a recursion.
class DeadLetters {
 public:
  DeadLetters(Mailer& mailer, Topology& topology, storage::MessageStore& store, MemoryMeter& meter,
              const Now& now);

  void add(Queue& queue, Position position, DeathReason reason) {
    waiting_.push_back({.queue = &queue, .position = position, .reason = reason});
  }
  /// The same for one that was ordered to go to another queue.
  void add(Queue& queue, Position position, std::shared_ptr<MoveProgress> move) {
    ++move->under_way;
    waiting_.push_back({.queue = &queue, .position = position, .move = std::move(move)});
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
    DeathReason reason = DeathReason::kRejected;
    std::shared_ptr<Progress> progress = nullptr;
    std::uint64_t target = 0;                      // of this copy, with `progress`
    std::shared_ptr<MoveProgress> move = nullptr;  // it is no dead letter, but was ordered to go
  };
  struct Retry {
    WallMs at;
    Letter letter;
  };
  static constexpr std::int64_t kRetryMs = 1000;

  void move(const Letter& letter);
  void die(const Letter& letter);
  void go(const Letter& letter);
  void stay(const Letter& letter);
  void hand_over(const std::vector<Letter>& letters);
  void publish(Letter letter, Message* copy, std::vector<Target*> targets);
  void finish(const Letter& letter, bool delivered);
  bool at_least_once(const Queue& queue) const;

  Topology& topology_;
  storage::MessageStore& store_;
  MemoryMeter& meter_;
  const Now& now_;
  Publisher publisher_;
  /// Of this run: their copies, if any, are not stored with it.
  std::vector<std::pair<Queue*, Position>> late_;
  std::vector<Letter> waiting_;
  SlidingWindow<Letter> moving_{1};  // numbered as the publisher's sequences
  std::vector<Retry> retries_;
  std::uint64_t random_ = 0;
};

}  // namespace polymq::engine
