// The end of receives and leases, and what must be true on the way.
#include <algorithm>

#include "engine/move_order.h"
#include "world.h"

namespace polymq::sim {
namespace {

/// No lease is longer, nor does anything but forgetting wait for longer.
constexpr std::int64_t kLongestLeaseMs = 43'200'000;
/// So many timers come in that time at most.
constexpr int kMostTimers = 5000;

}  // namespace

void World::let_polls_end() {
  const auto receives = [](const auto& client) { return client->receives(); };
  for (int timer = 0; std::any_of(clients_.begin(), clients_.end(), receives); ++timer) {
    if (timer == kMostTimers || next_timer() == kNever) violated("(n) a receive does not end");
    jump_to_timer();
    quiesce("while receives wait");
    check_nobody_waits();
    check_leases();
  }
}

void World::let_leases_end() {
  if (!workload_.receives()) return;
  check_leases();
  const WallMs end = now_.wall + kLongestLeaseMs;
  for (int timer = 0; next_timer() <= end; ++timer) {
    if (timer == kMostTimers) violated("(j) there is always something to wait for");
    jump_to_timer();
    quiesce("while leases end");
    check_leases();
  }
  now_.monotonic += end - now_.wall;
  now_.wall = end;
  quiesce("when all leases have ended");
  check_orders();
}

void World::check_leases() const {
  for (const auto& shard : shards_) {
    for (const auto& [name, vhost] : shard->topology().vhosts()) {
      for (const auto& [queue, entry] : vhost->queues) {
        if (!entry->local || kind_of(queue).moving || !model_.knows_queue(entry->id)) continue;
        const Model::Out out = model_.out_of(entry->id);
        const std::uint64_t there = entry->local->unacked();
        if (there >= out.least && there <= out.most) continue;
        violated("(m) of %s %lu messages are handed out, but %lu to %lu are known to be",
                 queue.c_str(), there, out.least, out.most);
      }
    }
  }
}

void World::check_orders() const {
  constexpr std::int64_t kMsPerSecond = 1000;
  for (const auto& [name, vhost] : shards_[0]->topology().vhosts()) {
    for (const auto& [queue, entry] : vhost->queues) {
      const auto order = engine::move_order_of(*entry->arguments);
      if (!order) continue;
      if (order->state == engine::MoveState::kRunning) {
        violated("(p) the order to move messages from %s does not end", queue.c_str());
      }
      const std::int64_t allowed = (now_.wall - order->given) * order->rate / kMsPerSecond + 1;
      if (order->rate != 0 && restarts_ == 0 && order->moved > allowed) {
        violated("(p) %ld messages were moved from %s, but no more than %ld a second may be",
                 order->moved, queue.c_str(), order->rate);
      }
    }
  }
}

}  // namespace polymq::sim
