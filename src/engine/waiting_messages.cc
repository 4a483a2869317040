// Two heaps: what is in memory, and what is on disk only.
#include "engine/waiting_messages.h"

#include <functional>

namespace polymq::engine {

WallMs WaitingMessages::next() const {
  const WallMs near = near_.empty() ? kNever : near_.front().due;
  return on_disk_.empty() ? near : std::min(near, leaves_at(on_disk_.front()));
}

void WaitingMessages::add(Position position, WallMs due, std::uint64_t cost) {
  near_.push_back({due, position});
  std::push_heap(near_.begin(), near_.end(), std::greater());
  ++in_memory_;
  bytes_ += cost;
}

std::optional<Position> WaitingMessages::take_due(WallMs now) {
  if (near_.empty() || near_.front().due > now) return std::nullopt;
  std::pop_heap(near_.begin(), near_.end(), std::greater());
  const Position position = near_.back().position;
  near_.pop_back();
  return position;
}

void WaitingMessages::add(OnDisk wait) {
  on_disk_.push_back(wait);
  std::push_heap(on_disk_.begin(), on_disk_.end(), later_on_disk());
  meter_.bytes += sizeof(OnDisk);
}

std::optional<WaitingMessages::OnDisk> WaitingMessages::take_due_on_disk(WallMs now) {
  if (on_disk_.empty() || leaves_at(on_disk_.front()) > now) return std::nullopt;
  std::pop_heap(on_disk_.begin(), on_disk_.end(), later_on_disk());
  const OnDisk wait = on_disk_.back();
  on_disk_.pop_back();
  meter_.bytes -= sizeof(OnDisk);
  if (on_disk_.empty()) std::vector<OnDisk>().swap(on_disk_);
  return wait;
}

void WaitingMessages::keep_for(TimeToLive kept) {
  kept_ = kept;
  std::make_heap(on_disk_.begin(), on_disk_.end(), later_on_disk());
}

std::vector<Position> WaitingMessages::positions_on_disk() const {
  std::vector<Position> positions;
  positions.reserve(on_disk_.size());
  for (const OnDisk& wait : on_disk_) positions.push_back(wait.position);
  std::sort(positions.begin(), positions.end());
  return positions;
}

}  // namespace polymq::engine
