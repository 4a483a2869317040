// Messages that are there and must not be handed out yet: delayed ones, and returned ones that wait
// before they are tried again. Of many delayed ones, most are on disk only.
#include <algorithm>
#include <map>

#include "engine/queue.h"
#include "engine/topology.h"

namespace polymq::engine {

WallMs Queue::available_from(const Slot& slot) const {
  const std::int64_t own = slot.message->delay_ms();
  return after(slot.enqueued, own >= 0 ? own : settings().delay_ms.value_or(0));
}

// It is not counted as ready, nor as leased.
void Queue::wait_until(Position position, Slot& slot, WallMs due) {
  slot.state = State::kWaiting;
  if (groups_ && groups_->index.contains(position)) {
    if (ahead_of_groups(position)) {
      groups_->index.erase(position);
    } else {
      groups_->index.wait(position);
    }
  }
  if (!waits_) {
    waits_ =
        std::make_unique<WaitingMessages>(meter_, TimeToLive{settings().retention_ms.value_or(-1)});
  }
  waits_->add(position, due, cost_of_wait(slot));
  host_.arm_timer(*this, std::min(waits_->next(), retained_until(slot)));
}

// With SQS a new delay counts for what is delayed already, where groups are locked. A message that
// was handed out does not wait for that.
void Queue::delay_anew() {
  if (!waits_ || settings().message_groups != MessageGroups::kExclusive) return;
  waits_->change([this](Position position) -> std::optional<WallMs> {
    const Slot* slot = slots_.find(position);
    const bool delayed = slot != nullptr && slot->state == State::kWaiting && slot->acquired == 0;
    return delayed ? std::optional(available_from(*slot)) : std::nullopt;
  });
  host_.arm_timer(*this, waits_->next());
}

// What is due is ready: of what is on disk a slice. Of very much in memory, what can be read back
// goes to disk.
void Queue::end_waits() {
  if (!waits_) return;
  const WallMs now = host_.now().wall;
  const std::uint64_t most = host_.paging_window() * 2;
  std::uint64_t hot = hot_cost();
  std::vector<Position> due;
  std::vector<WaitingMessages::OnDisk> due_on_disk;
  while (const auto position = waits_->take_due(now)) {
    Slot* const slot = slots_.find(*position);
    if (slot == nullptr || slot->state != State::kWaiting) continue;
    hot += cost(*slot);
    waits_->remove(cost_of_wait(*slot));
    if (hot > most && can_wait_on_disk(*position, *slot)) {
      hot -= cost(*slot);
      due_on_disk.push_back(wait_on_disk(*position, *slot, now));
    } else {
      due.push_back(*position);
    }
  }
  for (std::size_t slice = kMostPerSlice; slice != 0; --slice) {
    const auto wait = waits_->take_due_on_disk(now);
    if (!wait) break;
    if (wait->due <= now) {
      due_on_disk.push_back(*wait);
    } else {  // it has been kept for long enough
      host_.forget_stored(*this, wait->position, wait->position);
    }
  }
  give_back(due);
  come_due_on_disk(due_on_disk);
  host_.arm_timer(*this, waits_->next());
}

// --- on disk ------------------------------------------------------------------------------------
// With groups, what waits has its place among the others of its group.
void Queue::evict_waits(std::uint64_t window) {
  if (!waits_ || groups_) return;
  const auto leave = [this](Position position,
                            WallMs due) -> std::optional<WaitingMessages::OnDisk> {
    Slot* const slot = slots_.find(position);
    const bool waits = slot != nullptr && slot->state == State::kWaiting;
    if (!waits || !can_wait_on_disk(position, *slot)) return std::nullopt;
    waits_->remove(cost_of_wait(*slot));
    return wait_on_disk(position, *slot, due);
  };
  waits_->let_go(window, host_.readable_below(*this), leave);
  host_.arm_timer(*this, waits_->next());  // what leaves may be older than others
}

std::uint64_t Queue::cost_of_wait(const Slot& slot) const {
  return entry_.stored() && slot.message->persistent() && slot.acquired == 0 ? cost(slot) : 0;
}

bool Queue::can_wait_on_disk(Position position, const Slot& slot) const {
  return !groups_ && slot.stored && !slot.arriving && !slot.left_behind && slot.acquired == 0 &&
         position < host_.readable_below(*this);
}

WaitingMessages::OnDisk Queue::wait_on_disk(Position position, Slot& slot, WallMs due) {
  const WaitingMessages::OnDisk wait{
      .due = due,
      .since = since(slot),
      .position = position,
      .bytes = static_cast<std::uint32_t>(slot.message->body().size()),
      .priority = priority_of(*slot.message)};
  leave_memory(position, slot);
  return wait;
}

// They come back to their places, and are read when their turn comes.
void Queue::come_due_on_disk(const std::vector<WaitingMessages::OnDisk>& due) {
  if (due.empty()) return;
  std::map<std::uint8_t, std::vector<Position>> returned;
  for (const WaitingMessages::OnDisk& wait : due) {
    ++ready_count_;
    ready_bytes_ += wait.bytes;
    places_.add_on_disk(wait.position, wait.bytes);
    returned[ready_.levels() == 1 ? 0 : wait.priority].push_back(wait.position);
  }
  for (auto& [priority, positions] : returned) {
    std::sort(positions.begin(), positions.end());
    ready_.give_back(std::move(positions), priority);
  }
  arm_for_head();
  enforce_length();
}

// --- going --------------------------------------------------------------------------------------
void Queue::forget_places_of_waits() {
  if (!waits_) return;
  waits_->for_each([this](Position position) {
    if (Slot* slot = slots_.find(position)) slot->left_behind = false;
  });
}

std::uint64_t Queue::drop_waits() {
  if (!waits_) return 0;
  const std::uint64_t dropped = waits_->size();
  waits_->for_each([this](Position position) {
    Slot* slot = slots_.find(position);
    if (slot != nullptr && slot->state == State::kWaiting) erase(position, *slot);
  });
  if (!deleting) {
    std::vector<PositionRange> stored;
    for (const Position position : waits_->positions_on_disk()) append(stored, position);
    for (const PositionRange& range : stored) {
      host_.forget_stored(*this, range.first, range.end - 1);
    }
  }
  waits_.reset();
  return dropped;
}

}  // namespace polymq::engine
