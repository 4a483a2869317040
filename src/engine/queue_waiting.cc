// Messages that are there and must not be handed out yet: delayed ones, and returned ones that wait
// before they are tried again.
#include <algorithm>

#include "engine/queue.h"
#include "engine/topology.h"

namespace polymq::engine {
namespace {

/// Of a heap by due time, the nearest first.
constexpr auto kLater = [](const auto& a, const auto& b) { return a.due > b.due; };

}  // namespace

WallMs Queue::available_from(const Slot& slot) const {
  const std::int64_t own = slot.message->delay_ms();
  return after(slot.enqueued, own >= 0 ? own : settings().delay_ms.value_or(0));
}

// It is not counted as ready, nor as leased.
void Queue::wait_until(Position position, Slot& slot, WallMs due) {
  slot.state = State::kWaiting;
  ++waiting_count_;
  if (groups_ && groups_->index.contains(position)) {
    if (ahead_of_groups(position)) {
      groups_->index.erase(position);
    } else {
      groups_->index.wait(position);
    }
  }
  if (!waiting_) waiting_ = std::make_unique<std::vector<Waiting>>();
  waiting_->push_back({due, position});
  std::push_heap(waiting_->begin(), waiting_->end(), kLater);
  host_.arm_timer(*this, std::min(waiting_->front().due, retained_until(slot)));
}

// With SQS a new delay counts for what is delayed already, where groups are locked. A message that
// was handed out does not wait for that.
void Queue::delay_anew() {
  if (!waiting_ || settings().message_groups != MessageGroups::kExclusive) return;
  for (Waiting& waiting : *waiting_) {
    const Slot* slot = slots_.find(waiting.position);
    const bool delayed = slot != nullptr && slot->state == State::kWaiting && slot->acquired == 0;
    if (delayed) waiting.due = available_from(*slot);
  }
  std::make_heap(waiting_->begin(), waiting_->end(), kLater);
  if (!waiting_->empty()) host_.arm_timer(*this, waiting_->front().due);
}

// Those that were removed meanwhile are still in the heap.
void Queue::end_waits() {
  if (!waiting_) return;
  std::vector<Position> due;
  while (!waiting_->empty() && waiting_->front().due <= host_.now().wall) {
    const Position position = waiting_->front().position;
    std::pop_heap(waiting_->begin(), waiting_->end(), kLater);
    waiting_->pop_back();
    const Slot* slot = slots_.find(position);
    if (slot != nullptr && slot->state == State::kWaiting) due.push_back(position);
  }
  waiting_count_ -= due.size();
  give_back(due);
  if (!waiting_->empty()) host_.arm_timer(*this, waiting_->front().due);
}

void Queue::forget_places_of_waits() {
  if (!waiting_) return;
  for (const Waiting& waiting : *waiting_) {
    if (Slot* slot = slots_.find(waiting.position)) slot->left_behind = false;
  }
}

std::uint64_t Queue::drop_waits() {
  if (!waiting_) return 0;
  const std::uint64_t dropped = waiting_count_;
  for (const Waiting& waiting : *waiting_) {
    Slot* slot = slots_.find(waiting.position);
    if (slot != nullptr && slot->state == State::kWaiting) erase(waiting.position, *slot);
  }
  waiting_.reset();
  return dropped;
}

}  // namespace polymq::engine
