// Carries out orders to move messages between queues, a window at a time: each message goes as a
// dead letter does, so that it is in one of the two queues at any moment, after a crash, too. Only
// where the other queue may refuse it, it may be in both after a crash: it waits for the answer.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "engine/dead_letters.h"
#include "engine/mail.h"
#include "engine/move_order.h"
#include "engine/queue.h"

namespace polymq::engine {

/// Shard: the home of the queues that messages are taken from.
class Moves {
 public:
  Moves(Mailer& mailer, DeadLetters& letters, const Now& now)
      : mailer_(mailer), letters_(letters), now_(now) {}

  /// The queue is new here, or its settings have changed: it may have an order.
  /// `restored`: since before a restart.
  void update(Queue& queue, bool restored);
  /// It goes.
  void forget(Queue& queue);
  /// Takes what may be taken now, not more than a window. True when there was something.
  bool work();
  /// When to call work() again at the latest; kNever without need.
  WallMs next_timer() const;

  MoveProgressed progress(const Queue& queue) const;
  /// Cancels the order: what is on its way still arrives.
  void cancel(Queue& queue);

 private:
  struct Task {
    Queue* queue;
    MoveOrder order;
    Position below;  // those that came later stay
    WallMs begun;    // here
    std::uint64_t taken = 0;
    std::shared_ptr<MoveProgress> progress;
  };
  static constexpr std::uint64_t kWindow = 512;  // messages on their way at once

  /// Messages that the order's rate allows by now.
  std::uint64_t allowed(const Task& task) const;
  bool advance(Task& task);
  /// True: it has ended, and that was told.
  bool ended(const Task& task);

  Mailer& mailer_;
  DeadLetters& letters_;
  const Now& now_;
  std::vector<std::unique_ptr<Task>> tasks_;
};

}  // namespace polymq::engine
