// Queues with groups: which message is next, and paging of those among which it is looked for.
#include <algorithm>

#include "engine/queue.h"
#include "engine/topology.h"

namespace polymq::engine {

// What is out already has no group: it came before.
void Queue::begin_groups() {
  groups_ = std::make_unique<GroupWindow>(meter_, MessageGroups::kFair);
  ready_.for_each_returned([this](Position position) {
    if (Slot* slot = slots_.find(position)) slot->came_back = true;
  });
}

// --- the window ---------------------------------------------------------------------------------
// Messages come into it in order. It ends before the first one that must be read back.
void Queue::widen_groups() {
  GroupWindow& window = *groups_;
  while (window.index.size() < GroupWindow::kMessages) {
    const Position next = slots_.next(window.end);
    const Position unread = unread_behind_groups();
    if (unread < next) {
      window.end = std::max(window.end, unread);
      return;
    }
    window.end = next;
    if (next == slots_.end()) return;
    ++window.end;
    if (!window.index.contains(next)) add_to_groups(next, *slots_.find(next));
  }
}

void Queue::add_to_groups(Position position, const Slot& slot) {
  GroupIndex& index = groups_->index;
  if (purged(position, slot) || (slot.state == State::kMoving && !index.fair())) return;
  const std::string_view group = slot.message->group();
  index.add(position, group.empty() ? std::nullopt : std::optional(GroupKey::of(group)),
            slot.state == State::kWaiting);
  // Handed out, or on its way elsewhere, since before there were groups.
  const bool out = slot.state == State::kLeased || slot.state == State::kMoving;
  if (out) index.lease(position, GroupIndex::kNobody, host_.now().monotonic);
  // It was to die when the node did.
  if (dies_next(position)) groups_->looked_through.push_back(*index.key_of(position));
}

Position Queue::unread_behind_groups() const {
  if (cold_.count == 0) return storage::kLastPosition;
  return ready_.unread_from(std::max(groups_->end, groups_->read_below));
}

bool Queue::groups_can_read_on() const {
  return groups_->index.size() < GroupWindow::kMessages &&
         unread_behind_groups() != storage::kLastPosition;
}

// --- handing out --------------------------------------------------------------------------------
bool Queue::dies_next(Position position) const {
  if (!dies_in_turn(position)) return false;
  const Slot* slot = slots_.find(position);
  return slot != nullptr && slot->state == State::kReady && out_of_chances(*slot);
}

std::optional<Position> Queue::next_in_groups(GroupIndex::Holder holder, bool stay) const {
  const std::optional<Position> next = groups_->index.next(holder, stay);
  if (!next || !dies_next(*next)) return next;
  const bool is_first = groups_->index.first_if_open(*groups_->index.key_of(*next)) == next;
  return is_first ? next : groups_->index.next(GroupIndex::kNobody);
}

Queue::Picked Queue::pick(GroupIndex::Holder holder, bool stay, bool strictly,
                          bool goes_elsewhere) {
  const bool may_be_over = may_expire();
  for (std::size_t slice = kMostPerSlice; slice != 0; --slice) {
    widen_groups();
    drop_exhausted();
    const std::optional<Position> next = next_in_groups(holder, stay);
    if (!next) {
      groups_->wants_more = groups_can_read_on();
      return {.how = groups_->wants_more ? Picked::How::kWaits : Picked::How::kNone};
    }
    groups_->looks_on = groups_->index.only_noisy() && groups_can_read_on();
    Slot* slot = slots_.find(*next);
    if (slot == nullptr && cold_.count == 0) {
      lose_from_groups(*next);
    } else if (slot == nullptr) {
      groups_->wanted = *next;
      return {.how = Picked::How::kWaits};
    } else if (may_be_over && !slot->arriving && is_over(*slot, strictly)) {
      drop_expired(*next, *slot);
    } else if (goes_elsewhere ? slot->arriving : must_be_marked(*next, *slot)) {
      return {.how = Picked::How::kWaits};
    } else {
      return {.how = Picked::How::kFound, .position = *next, .slot = slot};
    }
  }
  host_.arm_timer(*this, host_.now().wall);
  return {.how = Picked::How::kLater};
}

// What is taken out of the middle of ready_ is left behind there until it surfaces.
void Queue::leave_line(const Picked& picked, GroupIndex::Holder holder) {
  groups_->index.lease(picked.position, holder, host_.now().monotonic);
  if (!ready_.empty() && ready_.front() == picked.position) {
    ready_.pop();
  } else {
    picked.slot->left_behind = true;
  }
}

bool Queue::dies_in_turn(Position position) const {
  const bool limited = settings().receive_limit || settings().effective_delivery_limit();
  return limited && groups_ && !groups_->index.fair() && groups_->index.contains(position) &&
         groups_->index.key_of(position).has_value();
}

// Of groups that nobody holds any more what was handed out too often goes, as long as it is first:
// in order, and nothing that comes later overtakes it. One that may turn out to stay locks its
// group until that is known.
void Queue::drop_exhausted() {
  for (const GroupKey& group : std::exchange(groups_->looked_through, {})) {
    while (const auto first = groups_->index.first_if_open(group)) {
      if (!dies_next(*first)) break;
      Slot& slot = *slots_.find(*first);
      if (!ready_.empty() && ready_.front() == *first) {
        ready_.pop();
      } else {
        slot.left_behind = true;
      }
      drop_or_dead_letter(*first, slot, DeathReason::kDeliveryLimit);
    }
  }
}

void Queue::dispatch_groups() {
  if (!groups_->looked_through.empty()) widen_groups();  // it may have been out over a restart
  drop_exhausted();
  bool waits = false;
  std::vector<Consumer*> without;  // there is nothing for them
  while (ready_count_ != 0) {
    Consumer* consumer = consumers_.next(leased_count_);
    if (consumer == nullptr) break;
    const GroupIndex::Holder holder = consumer->id.value;
    const Picked picked = pick(holder, consumer->poll != nullptr, true);
    if (picked.how == Picked::How::kLater) break;
    if (picked.how != Picked::How::kFound) {
      waits = waits || picked.how == Picked::How::kWaits;
      consumer->unlink();
      without.push_back(consumer);
      continue;
    }
    leave_line(picked, holder);
    hand_out(picked.position, *picked.slot, *consumer);
    consumers_.served(*consumer);
  }
  for (Consumer* consumer : without) {
    const bool ends = consumer->poll && !consumer->poll->items.empty();
    if (!ends) consumers_.wake(*consumer);
  }
  note_handed_out();
  drop_group_leftovers();
  if (ready_count_ == 0) return;
  arm_for_head();
  if (!waits) want_group_tokens();
}

// Tokens would only go round for those for whom there is nothing.
void Queue::want_group_tokens() {
  const auto all_starved = consumers_.take_starved();
  if (!all_starved.empty()) widen_groups();
  for (Consumer* starved : all_starved) {
    if (next_in_groups(starved->id.value, false)) {
      host_.want_token(*starved);
    } else {
      groups_->wants_more = groups_->wants_more || groups_can_read_on();
      consumers_.wake(*starved);
    }
  }
}

// A get holds what it gets, and is over: it never has more of a group. What needs no
// acknowledgement is held only until it is written.
std::optional<DeliveryItem> Queue::take_of_groups(Consumer& consumer) {
  const GroupIndex::Holder holder =
      consumer.options.no_ack ? consumer.id.value : GroupIndex::kNobody;
  Picked picked;
  do {
    picked = pick(holder, false, false);
  } while (picked.how == Picked::How::kLater);
  if (picked.how != Picked::How::kFound) {
    if (picked.how == Picked::How::kNone) ++counters_.get_empty;
    return std::nullopt;
  }
  leave_line(picked, holder);
  ++(consumer.options.no_ack ? counters_.get_no_ack : counters_.get);
  const DeliveryItem item = lend(picked.position, *picked.slot, consumer);
  note_handed_out();
  drop_group_leftovers();
  arm_for_head();
  return item;
}

// head_waits() of those who hold nothing.
bool Queue::groups_wait() {
  GroupWindow& window = *groups_;
  widen_groups();
  if (cold_.count != 0 && (window.wanted != 0 || window.wants_more)) return true;
  const std::optional<Position> next = window.index.next(GroupIndex::kNobody);
  if (!next) return window.wants_more = groups_can_read_on();
  const Slot* slot = slots_.find(*next);
  if (slot != nullptr) return must_be_marked(*next, *slot);
  if (cold_.count != 0) window.wanted = *next;
  return cold_.count != 0;
}

// --- coming back, and going ---------------------------------------------------------------------
void Queue::return_to_group(Position position, Slot& slot) {
  slot.came_back = slot.came_back || !slot.left_behind;
  if (!groups_->index.contains(position)) return;
  // What is before it in its group may not be known yet.
  if (ahead_of_groups(position)) {
    groups_->index.erase(position);
  } else {
    groups_->index.give_back(position);
  }
}

void Queue::drop_group_leftovers() {
  while (!ready_.empty()) {
    Slot* slot = slots_.find(ready_.front());
    if (slot == nullptr ? front_may_be_cold() : slot->state == State::kReady) return;
    pass_over(slot);
  }
}

// What ready_ has of messages that are not ready (left behind, or being moved) is cut out of it.
void Queue::keep_leftovers(std::vector<PositionRange>& ready) const {
  std::vector<PositionRange> kept;
  Position at = 0;  // they are in order
  for (PositionRange range : ready) {
    if (at < range.first) at = slots_.next(range.first);
    for (; at < range.end; at = slots_.next(at + 1)) {
      if (slots_.find(at)->state == State::kReady) continue;
      if (range.first != at) kept.push_back({range.first, at});
      range.first = at + 1;
    }
    if (!range.empty()) kept.push_back(range);
  }
  ready = std::move(kept);
}

void Queue::purge_groups() {
  GroupWindow& window = *groups_;
  window.index.for_each([&](Position position) {
    Slot* slot = slots_.find(position);
    if (slot == nullptr || slot->state == State::kReady) {
      window.index.erase(position);
    } else {
      slot->left_behind = false;
    }
  });
  window.on_disk = 0;
  window.wanted = 0;
  window.wants_more = false;
  window.looks_on = false;
}

// --- paging -------------------------------------------------------------------------------------
void Queue::page_groups(std::uint64_t window) {
  GroupWindow& groups = *groups_;
  if (cold_.count == 0) {
    groups.wanted = 0;
    groups.wants_more = false;
    groups.looks_on = false;
  } else if (!loading_) {
    const bool ahead = !consumers_.empty() && hot_cost() < window / 2 && groups_can_read_on();
    if (groups.wanted != 0) {
      read_for_groups(groups.wanted);
    } else if (groups.wants_more || ahead) {
      read_for_groups(groups.end);
    } else if (head_wanted_) {  // by what expires, or is too much
      head_wanted_ = head_is_cold();
      if (head_wanted_) read_on();
    } else if (groups.looks_on && hot_cost() < window * 2) {  // else some leave at first
      read_for_groups(groups.end);
    }
  }
  stuck_ = std::min(stuck_, hot_cost());
  if (hot_cost() > std::max(window * 2, stuck_ + window)) evict_of_groups(window);
}

// Those in the window that can be handed out, now or after it; and all behind it.
bool Queue::unread_for_groups(Position position, Position from) const {
  if (slots_.find(position) != nullptr) return false;
  const GroupWindow& groups = *groups_;
  if (position >= groups.end) return position >= groups.read_below;
  if (!groups.index.contains(position)) return false;
  return position == from || groups.index.goes_with(position, from);
}

void Queue::read_for_groups(Position from) {
  GroupWindow& groups = *groups_;
  std::uint64_t most = most_in_page(cold_.bytes, cold_.count);
  std::uint64_t steps = 4 * most;
  std::vector<PositionRange> ranges;
  ready_.visit_from(from, [&](Position at) {
    const bool room = at < groups.end || groups.index.size() < GroupWindow::kMessages;
    if (most == 0 || steps-- == 0 || !room) return false;
    if (!unread_for_groups(at, from)) return true;
    append(ranges, at);
    --most;
    return true;
  });
  groups.wanted = 0;
  groups.wants_more = false;
  groups.looks_on = false;
  const bool found = !ranges.empty() && ranges.front().first == from;
  if (!found && groups.index.contains(from) && slots_.find(from) == nullptr) {
    lose_from_groups(from);
  }
  if (ranges.empty()) return host_.arm_timer(*this, host_.now().wall);
  loading_ = true;
  groups.reading = true;
  groups.asked = ranges;
  groups.asked_for = from;
  host_.read_back(*this, ranges, kPageBytes);
}

void Queue::loaded_for_groups(const storage::ReadMessages& read) {
  GroupWindow& groups = *groups_;
  const std::vector<PositionRange> asked = std::exchange(groups.asked, {});
  const Position below = std::min(read.next, asked.back().end);
  const Position seen_below = ready_.seen_below(0);
  for (const storage::MessageRecord& record : read.messages) {
    const bool purged_meanwhile = record.position < purged_below_ || cold_.count == 0;
    if (!purged_meanwhile) put_back(record, seen_below);
  }
  for (const auto& damage : read.damages) host_.damaged(*this, damage.first, damage.what);
  for (const PositionRange& range : asked) {
    for (Position at = range.first; at < std::min(range.end, below); ++at) {
      if (slots_.find(at) == nullptr && groups.index.contains(at)) lose_from_groups(at);
    }
  }
  if (below > groups.end) {
    groups.read_below = std::max(groups.read_below, below);
    ready_.see(below);
  }
  note_lost();
  if (groups.index.fair()) widen_groups();  // before they leave again: their groups are known then
  enforce_length();
  arm_for_head();
}

// It was there, and could not be read.
void Queue::lose_from_groups(Position position) {
  groups_->index.erase(position);
  if (groups_->on_disk != 0) --groups_->on_disk;
  if (cold_.count == 0) return;
  --cold_.count;
  --ready_count_;
}

// When nothing is left to be read behind the window, what is on disk only is all in the index.
void Queue::note_lost() {
  if (cold_.count > groups_->on_disk && unread_behind_groups() == storage::kLastPosition) {
    ready_count_ -= cold_.count - groups_->on_disk;
    cold_.count = groups_->on_disk;
  }
  note_unread();
}

// Keeps about `window`. Of the rest goes what can be read back, the last first: at first what is
// behind the window or cannot be handed out now, then anything.
void Queue::evict_of_groups(std::uint64_t window) {
  GroupWindow& groups = *groups_;
  if (loading_) return;  // what has left would be taken for lost
  const Position readable = host_.readable_below(*this);
  if (groups.evict_at == 0) {
    groups.evict_at = readable;
    groups.evict_any = false;
  }
  for (std::size_t slice = kMostPerSlice; hot_cost() > window; --slice) {
    if (slice == 0) {
      note_unread();
      return host_.arm_timer(*this, host_.now().wall);
    }
    const Position at = slots_.previous(groups.evict_at);
    if (at != slots_.end()) {
      groups.evict_at = at;
      const bool late = at >= groups.end || !groups.index.contains(at) || !groups.index.is_open(at);
      const bool stays = slots_.find(at)->came_back || at == groups.asked_for;
      if ((late || groups.evict_any) && !stays) evict_from_groups(at);
    } else if (!std::exchange(groups.evict_any, true)) {
      groups.evict_at = readable;
    } else {
      stuck_ = hot_cost();
      break;
    }
  }
  groups.evict_at = 0;
  note_unread();
}

void Queue::evict_from_groups(Position position) {
  if (!evict_one(position)) return;
  ready_.let_go_of(position);
  if (position >= groups_->end) {
    groups_->read_below = std::min(groups_->read_below, position);
  } else {
    ++groups_->on_disk;
  }
}

}  // namespace polymq::engine
