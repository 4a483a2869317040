// Messages out of memory and back: what is durable and far from the head leaves, and is read ahead
// before its turn comes.
#include <algorithm>

#include "engine/queue.h"
#include "engine/stored_message.h"
#include "engine/topology.h"

namespace polymq::engine {
namespace {

// Positions to ask for in one page: they are in many ranges where priorities are mixed.
constexpr std::uint64_t kLeastInPage = 64;
constexpr std::uint64_t kMostInPage = 16 * 1024;

}  // namespace

std::uint64_t Queue::hot_cost() const {
  const std::uint64_t count = ready_count_ - cold_.count - places_.count_on_disk();
  return ready_bytes_ - cold_.bytes - places_.bytes_on_disk() + count * kMessageCost;
}

// What is ready before the first message that is on disk only is half a window, roughly.
bool Queue::has_enough_ahead(std::uint64_t window) const {
  const std::uint64_t each = cold_.bytes / cold_.count + kMessageCost;
  const std::uint64_t enough = window / 2 / each;
  return ready_.ahead_of_unread(enough) > enough;
}

void Queue::page() {
  if (deleting) return;
  const std::uint64_t window = host_.paging_window();
  evict_waits(window);
  // A queue that nobody looks at is left alone.
  if (groups_) return page_groups(window);
  const bool looked_at = head_wanted_ || !consumers_.empty();
  const bool room = hot_cost() < window * 2;
  if (looked_at && !loading_ && front_is_on_disk()) {
    // What is read stays in memory: without room, only what somebody needs.
    const std::uint64_t page = most_in_page(places_.bytes_on_disk(), places_.count_on_disk());
    if (room || head_wanted_) read_places(room ? page : 1);
  } else if (looked_at && !loading_ && cold_.count != 0) {
    if ((room && !has_enough_ahead(window)) || head_is_cold()) read_on();
  }
  stuck_ = std::min(stuck_, hot_cost());
  if (hot_cost() > std::max(window * 2, stuck_ + window)) evict(window);
}

std::uint64_t Queue::most_in_page(std::uint64_t bytes, std::uint64_t count) {
  const std::uint64_t each = bytes / count + 1;
  return std::clamp(kPageBytes / each, kLeastInPage, kMostInPage);
}

// Asks for what is handed out next of what is on disk only.
void Queue::read_on() {
  const std::uint64_t most = most_in_page(cold_.bytes, cold_.count);
  const ReadyIndex::Wanted wanted = ready_.next_unread(most, [this](Position position) {
    return slots_.find(position) != nullptr || places_.contains(position) ||
           (groups_ && gone_from_groups(position));
  });
  if (wanted.ranges.empty()) return note_unread();
  loading_ = true;
  head_wanted_ = false;
  loading_level_ = static_cast<std::uint8_t>(wanted.level);
  loading_below_ = wanted.ranges.back().end;
  host_.read_back(*this, wanted.ranges, kPageBytes);
}

// Asks for the head, and for those behind it that were delayed, too.
void Queue::read_places(std::uint64_t most) {
  std::uint64_t steps = 4 * most;
  ready_.visit_returned([&](Position at) {
    if (most == 0 || steps-- == 0) return false;
    if (!places_.on_disk(at)) return true;
    append(places_asked_, at);
    --most;
    return true;
  });
  loading_ = true;
  head_wanted_ = false;
  host_.read_back(*this, places_asked_, kPageBytes);
}

// Keeps about `window` of what is handed out next. Of the rest goes what can be read back.
void Queue::evict(std::uint64_t window) {
  const Position readable = host_.readable_below(*this);
  if (evicted_below_ >= readable || ready_.empty()) return;
  const Position head = ready_.front();  // it may have been read for somebody who waits for it
  std::size_t slice = kMostPerSlice;
  const bool all = ready_.let_go(readable, [&](Position position) {
    if (slice == 0 || hot_cost() <= window) return false;
    --slice;
    if (position == head || !evict_one(position)) {
      const Slot* slot = slots_.find(position);
      if (slot != nullptr) stuck_ += cost(*slot);
    }
    return true;
  });
  note_unread();
  if (!all && slice == 0) return host_.arm_timer(*this, host_.now().wall);
  evicted_below_ = readable;
  if (!all) stuck_ = 0;
}

bool Queue::evict_one(Position position) {
  Slot* slot = slots_.find(position);
  const bool can_go = slot != nullptr && slot->state == State::kReady && slot->stored &&
                      slot->acquired == 0 && !slot->delivered && position >= purged_below_ &&
                      available_from(*slot) == slot->enqueued;
  if (!can_go) return false;
  ++cold_.count;
  cold_.bytes += slot->message->body().size();
  leave_memory(position, *slot);
  return true;
}

void Queue::leave_memory(Position position, Slot& slot) {
  slot.message->release(meter_);
  slots_.erase(position);
  meter_.bytes -= kSlotBytes;
}

void Queue::loaded(const storage::ReadMessages& read) {
  loading_ = false;
  if (deleting) return;
  if (restoring_) return leased_loaded(read);
  if (!places_asked_.empty()) return places_loaded(read);
  if (groups_ && std::exchange(groups_->reading, false)) return loaded_for_groups(read);
  const Position below = std::min(read.next, loading_below_);
  const Position seen_below = ready_.seen_below(loading_level_);
  // Purged meanwhile, or more has left before it.
  if (!ready_.was_read(loading_level_, read.first, below)) return;
  for (const storage::MessageRecord& record : read.messages) put_back(record, seen_below);
  for (const auto& damage : read.damages) host_.damaged(*this, damage.first, damage.what);
  note_unread();
  enforce_length();
  Position position;
  if (groups_) head(position, false);  // before it leaves again: it may not be handed out for long
  arm_for_head();
}

// What is due is ready, whatever the queue's delay is by now.
void Queue::places_loaded(const storage::ReadMessages& read) {
  const std::vector<PositionRange> asked = std::exchange(places_asked_, {});
  for (const storage::MessageRecord& record : read.messages) {
    const Position position = record.position;
    if (!places_.on_disk(position)) continue;  // purged meanwhile
    Slot* const slot = make_slot(record);
    if (slot == nullptr) continue;
    slot->after_purge = position < purged_below_;
    places_.erase(position);
  }
  for (const auto& damage : read.damages) host_.damaged(*this, damage.first, damage.what);
  for (const PositionRange& range : asked) {
    for (Position at = range.first; at < std::min(range.end, read.next); ++at) {
      if (!places_.on_disk(at)) continue;
      --ready_count_;  // it could not be read
      ready_bytes_ -= places_.erase(at);
    }
  }
  enforce_length();
  arm_for_head();
}

// Null: it is there already, or cannot be decoded.
Queue::Slot* Queue::make_slot(const storage::MessageRecord& record) {
  if (slots_.find(record.position) != nullptr) return nullptr;
  const auto message = from_record(record, meter_);
  if (!message) {
    host_.damaged(*this, record.position, message.error().text);
    return nullptr;
  }
  slots_.put(record.position,
             Slot{.message = *message,
                  .enqueued = record.enqueued,
                  .acquired = record.acquired,
                  .failed = record.failed,
                  // What left in this life had not been handed out.
                  .delivered = record.delivered && record.position < restored_below_,
                  .stored = true});
  meter_.bytes += kSlotBytes;
  outlived_below_ = std::min(outlived_below_, record.position);
  if (begins_groups(**message)) begin_groups();
  return slots_.find(record.position);
}

// Of what is read for the first time since a restart, some may not be due yet.
void Queue::put_back(const storage::MessageRecord& record, Position seen_below) {
  Slot* const slot = make_slot(record);
  if (slot == nullptr) return;
  --cold_.count;
  // It may be larger than all that are left were taken for.
  const std::uint64_t counted = std::min<std::uint64_t>(cold_.bytes, record.body.size());
  cold_.bytes -= counted;
  ready_bytes_ += record.body.size() - counted;
  if (groups_ && groups_->index.contains(record.position)) --groups_->on_disk;
  if (record.position >= restored_below_ || record.position < seen_below) return;
  // One without a delay does not wait, whatever the clock says by now.
  if (const WallMs from = available_from(*slot); from > slot->enqueued && from > host_.now().wall) {
    left_ready(*slot);
    slot->left_behind = true;
    wait_until(record.position, *slot, from);
  }
}

void Queue::note_unread() {
  const auto first = ready_.first_unread();
  if (first && cold_.count != 0) return slots_.hold(*first);
  // What could not be read is not there any more.
  ready_count_ -= cold_.count;
  ready_bytes_ -= cold_.bytes;
  cold_ = {};
  ready_.all_read();
  slots_.hold_none();
}

}  // namespace polymq::engine
