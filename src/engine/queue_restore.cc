// What was there before a restart: messages are on disk until their turn comes, those that were out
// under leases that end by themselves are read at once, and are out again.
#include <algorithm>

#include "engine/queue.h"
#include "engine/topology.h"

namespace polymq::engine {
namespace {

// Ranges of positions to ask for at once.
constexpr std::size_t kMostRanges = 16 * 1024;

}  // namespace

void Queue::restore(storage::StoredQueue stored) {
  slots_ = SlidingWindow<Slot>(stored.next_position);
  restored_below_ = stored.next_position;
  evicted_below_ = stored.next_position;
  if (stored.ranges.empty()) return;
  stores_ = true;
  for (const storage::StoredRange& range : stored.ranges) {
    cold_.count += range.last - range.first + 1;
    cold_.bytes += range.body_bytes;  // leased ones are taken off when their sizes are known
    with_ttl_ += range.with_ttl;
  }
  cold_.count -= stored.leases.size();
  ready_count_ = cold_.count;
  ready_bytes_ = cold_.bytes;
  push_unread(stored);
  if (stored.leases.empty()) return restored();
  timed_ = std::make_unique<TimedLeases>();
  restoring_ = std::make_unique<Restoring>(Restoring{std::move(stored.leases)});
  read_leased();
}

// All but those that are leased.
void Queue::push_unread(const storage::StoredQueue& stored) {
  auto lease = stored.leases.begin();
  auto run = stored.priorities.begin();
  std::uint64_t left_of_run = run->count;
  for (const storage::StoredRange& range : stored.ranges) {
    for (Position first = range.first; first <= range.last;) {
      if (left_of_run == 0) left_of_run = (++run)->count;
      std::uint64_t count = std::min(left_of_run, range.last + 1 - first);
      if (lease != stored.leases.end()) count = std::min(count, lease->position - first);
      if (count == 0) {
        count = 1;
        ++lease;
      } else {
        ready_.push_unread(first, first + count, run->priority.value_or(default_priority()));
      }
      left_of_run -= count;
      first += count;
    }
  }
}

void Queue::read_leased() {
  std::vector<PositionRange> ranges;
  for (auto at = restoring_->next(); at != restoring_->leases.end(); ++at) {
    const bool begins_one = ranges.empty() || ranges.back().end != at->position;
    if (begins_one && ranges.size() == kMostRanges) break;
    append(ranges, at->position);
  }
  loading_ = true;
  loading_below_ = ranges.back().end;
  host_.read_back(*this, ranges, kPageBytes);
}

// What could not be read is passed over: it is as if it had gone.
void Queue::leased_loaded(const storage::ReadMessages& read) {
  const auto pass_below = [this](Position position) {
    while (!restoring_->done() && restoring_->next()->position < position) ++restoring_->read;
  };
  for (const storage::MessageRecord& record : read.messages) {
    pass_below(record.position);
    restore_lease(record, restoring_->next()->lease);
  }
  for (const auto& damage : read.damages) host_.damaged(*this, damage.first, damage.what);
  pass_below(std::min(read.next, loading_below_));
  if (!restoring_->done()) return read_leased();
  restoring_.reset();
  restored();
  host_.arm_timer(*this, host_.now().wall);  // some may be over
}

void Queue::restore_lease(const storage::MessageRecord& record, const storage::Lease& lease) {
  Slot* const slot = make_slot(record);
  if (slot == nullptr) return;
  cold_.bytes -= record.body.size();
  ready_bytes_ -= record.body.size();
  slot->state = State::kLeased;
  ++leased_count_;
  timed_->restore(record.position, lease);
  if (groups_) add_to_groups(record.position, *slot);
}

void Queue::restored() {
  note_unread();
  enforce_length();
  arm_for_head();
}

}  // namespace polymq::engine
