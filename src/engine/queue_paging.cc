// Messages out of memory and back: what is durable and far from the head leaves, and is read ahead
// before its turn comes.
#include <algorithm>

#include "engine/queue.h"
#include "engine/stored_message.h"
#include "engine/topology.h"

namespace polymq::engine {
namespace {

// What a message costs in memory besides its body, roughly.
constexpr std::uint64_t kMessageCost = 128;
// One page is read at a time.
constexpr std::uint64_t kPageBytes = 1024 * 1024;

}  // namespace

void Queue::restore(const storage::StoredQueue& stored) {
  slots_ = SlidingWindow<Slot>(stored.next_position);
  restored_below_ = stored.next_position;
  evicted_below_ = stored.next_position;
  if (stored.ranges.empty()) return;
  stores_ = true;
  cold_.first = stored.ranges.front().first;
  cold_.end = stored.ranges.back().last + 1;
  slots_.hold(cold_.first);
  for (const storage::StoredRange& range : stored.ranges) {
    cold_.count += range.last - range.first + 1;
    cold_.bytes += range.body_bytes;
    with_ttl_ += range.with_ttl;
    if (ready_.levels() > 1 && range.with_priority != 0) indexing_ = true;
  }
  ready_count_ = cold_.count;
  ready_bytes_ = cold_.bytes;
  if (indexing_) return;  // who comes first is known when all were read
  for (const storage::StoredRange& range : stored.ranges) {
    ready_.push(range.first, range.last + 1, default_priority());
  }
  enforce_length();
  arm_for_head();
}

std::uint64_t Queue::hot_cost() const {
  return ready_bytes_ - cold_.bytes + (ready_count_ - cold_.count) * kMessageCost;
}

// Of what is ready before the first message that is on disk only, roughly.
std::uint64_t Queue::cost_ahead() const {
  if (ready_.empty() || ready_.front() >= cold_.first) return 0;
  const std::uint64_t body = cold_.count == 0 ? 0 : cold_.bytes / cold_.count;
  return (cold_.first - ready_.front()) * (body + kMessageCost);
}

void Queue::page() {
  if (deleting) return;
  const std::uint64_t window = host_.paging_window();
  // A queue that nobody looks at is left alone.
  const bool looked_at = head_wanted_ || !consumers_.empty();
  const bool room = hot_cost() < window * 2 || head_is_cold();
  const bool wants_more = indexing_ || (looked_at && room && cost_ahead() < window / 2);
  if (!cold_.empty() && !loading_ && wants_more) {
    loading_ = true;
    head_wanted_ = false;
    loading_below_ = cold_.end;
    host_.read_back(*this, cold_.first, kPageBytes);
  }
  // What came since a start is put in order when all was read: until then it must not leave.
  if (!indexing_ && hot_cost() > window * 2) evict(window);
}

// Keeps about `window` at the head; behind that everything goes that can be read back.
void Queue::evict(std::uint64_t window) {
  const Position readable = host_.readable_below(*this);
  if (evicted_below_ >= readable) return;
  Position at = cold_.empty() ? slots_.front() : slots_.next(std::max(cold_.end, evicted_below_));
  if (cold_.empty()) {
    std::uint64_t kept = 0;
    for (; at < readable && kept < window; at = slots_.next(at + 1)) {
      const Slot& slot = *slots_.find(at);
      if (slot.state == State::kReady) kept += slot.message->body().size() + kMessageCost;
    }
    if (at >= readable) return;
    cold_ = {at, at, 0, 0};
    slots_.hold(at);
  }
  std::size_t slice = kMostPerSlice;
  for (; at < readable; at = slots_.next(at + 1)) {
    if (slice-- == 0) return host_.arm_timer(*this, host_.now().wall);
    cold_.end = evicted_below_ = at + 1;
    Slot& slot = *slots_.find(at);
    const bool plain = slot.state == State::kReady && slot.stored && slot.acquired == 0 &&
                       !slot.delivered && at >= purged_below_ &&
                       (ready_.levels() == 1 || priority_of(*slot.message) == default_priority());
    if (!plain) continue;
    ++cold_.count;
    cold_.bytes += slot.message->body().size();
    slot.message->release(meter_);
    slots_.erase(at);
    meter_.bytes -= kSlotBytes;
  }
}

void Queue::loaded(const storage::ReadMessages& read) {
  loading_ = false;
  if (deleting || cold_.empty() || read.first != cold_.first) return;  // purged meanwhile
  for (const storage::MessageRecord& record : read.messages) {
    if (record.position >= loading_below_) break;
    if (slots_.find(record.position) != nullptr) continue;
    const auto message = from_record(record, meter_);
    if (!message) {
      host_.damaged(*this, record.position, message.error().text);
      continue;
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
    --cold_.count;
    cold_.bytes -= record.body.size();
    if (indexing_) ready_.push(record.position, priority_of(**message));
  }
  for (const auto& damage : read.damages) host_.damaged(*this, damage.first, damage.what);
  cold_.first = std::min(read.next, loading_below_);
  slots_.hold(cold_.first);
  if (cold_.first == cold_.end) all_loaded();
  enforce_length();
  arm_for_head();
}

void Queue::all_loaded() {
  // What could not be read is not there any more.
  ready_count_ -= cold_.count;
  ready_bytes_ -= cold_.bytes;
  const Position end = cold_.end;
  cold_ = {};
  slots_.hold_none();
  if (!indexing_) return;
  indexing_ = false;
  for (Position at = slots_.next(end); at < slots_.end(); at = slots_.next(at + 1)) {
    const Slot& slot = *slots_.find(at);
    if (slot.state == State::kReady) ready_.push(at, priority_of(*slot.message));
  }
}

}  // namespace polymq::engine
