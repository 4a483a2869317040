// A heap of deadlines, whose outdated entries are dropped when they surface or become many.
#include "engine/timed_leases.h"

#include <algorithm>

namespace polymq::engine {
namespace {

/// Below it the heap is never looked through.
constexpr std::size_t kSmallHeap = 64;

}  // namespace

const TimedLeases::Lease& TimedLeases::begin(Position position, WallMs now, WallMs deadline,
                                             std::uint64_t life) {
  const auto [at, fresh] = leases_.try_emplace(position);
  Lease& lease = at->second;
  if (fresh) lease.first = now;
  lease.again = !fresh && lease.deadline != kNever;
  if (!lease.again) lease.number = ++last_number_;
  lease.begun = now;
  lease.deadline = deadline;
  lease.life = life;
  push(position, deadline);
  return lease;
}

void TimedLeases::restore(Position position, const storage::Lease& lease) {
  leases_[position] = {lease, ++last_number_, false};
  push(position, lease.deadline);
}

const TimedLeases::Lease* TimedLeases::find(Position position) const {
  const auto at = leases_.find(position);
  return at == leases_.end() ? nullptr : &at->second;
}

const TimedLeases::Lease& TimedLeases::extend(Position position, WallMs deadline) {
  Lease& lease = leases_.find(position)->second;
  lease.deadline = deadline;
  push(position, deadline);
  return lease;
}

void TimedLeases::end(Position position) { leases_.find(position)->second.deadline = kNever; }

std::optional<Position> TimedLeases::take_due(WallMs now) {
  while (!heap_.empty() && heap_.front().deadline <= now) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const Entry entry = heap_.back();
    heap_.pop_back();
    if (current(entry)) return entry.position;
  }
  return std::nullopt;
}

bool TimedLeases::current(const Entry& entry) const {
  const Lease* lease = find(entry.position);
  return lease != nullptr && lease->deadline == entry.deadline;
}

void TimedLeases::push(Position position, WallMs deadline) {
  if (heap_.size() > kSmallHeap && heap_.size() > 4 * leases_.size()) {
    std::erase_if(heap_, [this](const Entry& entry) { return !current(entry); });
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
  heap_.push_back({deadline, position});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

}  // namespace polymq::engine
