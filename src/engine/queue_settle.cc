// Messages back: ends of leases, requeueing, purging and closing a queue.
#include <algorithm>

#include "engine/queue.h"
#include "engine/topology.h"

namespace polymq::engine {
namespace {

// How long a returned message waits before it is handed out again: grows with every hand-out.
std::int64_t retry_delay_ms(const QueueSettings& settings, Settle how, std::uint16_t acquired) {
  if (how == Settle::kUnwritten) return 0;
  const bool failed = how == Settle::kFail;
  const DelayedRetry rule = settings.delayed_retry.value_or(DelayedRetry::kDisabled);
  const bool waits = rule == DelayedRetry::kAll || (failed && rule == DelayedRetry::kFailed) ||
                     (!failed && rule == DelayedRetry::kReturned);
  if (!waits) return 0;
  const std::int64_t step = settings.delayed_retry_min_ms.value_or(0);
  const std::int64_t delay = step < kNever / std::max<int>(acquired, 1) ? step * acquired : kNever;
  return std::min(delay, settings.delayed_retry_max_ms.value_or(delay));
}

}  // namespace

void Queue::left_ready(const Slot& slot) {
  --ready_count_;
  ready_bytes_ -= slot.message->body().size();
}

void Queue::erase(Position position, Slot& slot) {
  if (slot.message->ttl().set()) --with_ttl_;
  if (slot.state == State::kWaiting) waits_->remove(cost_of_wait(slot));
  if (slot.stored) host_.forget_stored(*this, position, position);
  if (timed_) timed_->forget(position);
  leave_groups(position);
  slot.message->release(meter_);
  slots_.erase(position);
  meter_.bytes -= kSlotBytes;
}

void Queue::drop_or_dead_letter(Position position, Slot& slot, DeathReason reason) {
  if (slot.state == State::kReady) left_ready(slot);
  if (!settings().dead_letter_exchange || deleting) {
    erase(position, slot);
    return;
  }
  const bool taken_back = reason == DeathReason::kDeliveryLimit || reason == DeathReason::kRejected;
  start_moving(position, slot, settings().keep_unroutable && taken_back);
  host_.dead_letter(*this, position, *slot.message, reason);
}

// One that may stay keeps its place in its group, which is locked meanwhile.
void Queue::start_moving(Position position, Slot& slot, bool may_stay) {
  slot.state = State::kMoving;
  ++moving_count_;
  moving_bytes_ += slot.message->body().size();
  if (!may_stay) {
    leave_groups(position);
  } else if (groups_ && groups_->index.contains(position) && !groups_->index.leased(position)) {
    groups_->index.lease(position, GroupIndex::kNobody, host_.now().monotonic);
  }
}

std::vector<Position> Queue::begin_moves(std::uint64_t most, Position below) {
  std::vector<Position> moving;
  while (!deleting && moving.size() < most) {
    const Picked next = pick_any();
    if (next.how != Picked::How::kFound || next.position >= below) break;
    if (!ready_.empty() && ready_.front() == next.position) {
      ready_.pop();
    } else {
      next.slot->left_behind = true;
    }
    left_ready(*next.slot);
    start_moving(next.position, *next.slot, true);
    moving.push_back(next.position);
  }
  if (groups_) drop_group_leftovers();
  arm_for_head();
  page();
  return moving;
}

bool Queue::has_ready_below(Position below) {
  const Picked next = pick_any();
  if (next.how == Picked::How::kFound) return next.position < below;
  return next.how != Picked::How::kNone;
}

// What is not durable here yet must not go elsewhere.
Queue::Picked Queue::pick_any() {
  // Where groups are locked, the first one may not be for the taking.
  if (groups_ && !groups_->index.fair()) {
    return pick(GroupIndex::kNobody, false, false, true);
  }
  Picked next;
  next.slot = head(next.position, false);
  if (next.slot == nullptr) {
    next.how = ready_.empty() ? Picked::How::kNone : Picked::How::kWaits;
  } else {
    next.how = next.slot->arriving ? Picked::How::kWaits : Picked::How::kFound;
  }
  return next;
}

void Queue::forget_moving(Position position) {
  Slot* slot = slots_.find(position);
  if (slot == nullptr || !slot->stored) return;
  slot->stored = false;
  host_.forget_stored(*this, position, position);
}

void Queue::moved(Position position) {
  Slot* slot = slots_.find(position);
  if (slot == nullptr) return;
  if (dies_in_turn(position)) {
    groups_->looked_through.push_back(*groups_->index.key_of(position));
  }
  // Its group may have been locked, and somebody may wait for that.
  if (groups_ && groups_->index.contains(position)) host_.arm_timer(*this, host_.now().wall);
  --moving_count_;
  moving_bytes_ -= slot->message->body().size();
  erase(position, *slot);
}

void Queue::stay(Position position) {
  Slot* slot = slots_.find(position);
  if (slot == nullptr) return;
  --moving_count_;
  moving_bytes_ -= slot->message->body().size();
  if (deleting) return erase(position, *slot);
  // The store may know of a lease that had a deadline.
  if (slot->stored && timed_) host_.returned_stored(*this, position, slot->acquired, slot->failed);
  std::vector<Position> one{position};
  give_back(one);
  host_.arm_timer(*this, host_.now().wall);  // somebody may wait for it
}

void Queue::withdraw(Position position) {
  Slot* slot = slots_.find(position);
  if (slot == nullptr) return;
  // Its publisher hears that it was refused, and may send it again.
  if (const auto key = deduplication_key(*slot->message)) {
    seen_->forget(*key, position);
    account_ids();
  }
  const bool ready = slot->state == State::kReady;
  if ((!ready && slot->state != State::kWaiting) || slot->acquired != 0) return;
  if (ready && !purged(position, *slot)) left_ready(*slot);
  slot->stored = false;
  erase(position, *slot);
  drop_front_leftovers();
  arm_for_head();
}

// What was removed from among the ready ones surfaces.
void Queue::drop_front_leftovers() {
  while (!ready_.empty() && slots_.find(ready_.front()) == nullptr && !front_may_be_cold()) {
    pass_over(nullptr);
  }
}

std::uint64_t Queue::settle(Consumer& consumer, LeaseNumber first, LeaseNumber last, Settle how) {
  std::uint64_t settled = 0;
  std::vector<Position> returned;
  for (LeaseNumber n = consumer.leases.next(first); n <= last && n < consumer.leases.end();
       n = consumer.leases.next(n + 1)) {
    const Position position = *consumer.leases.find(n);
    consumer.leases.erase(n);
    end_lease(position, *slots_.find(position), how, returned);
    ++settled;
  }
  give_back(returned);
  if (how == Settle::kAck && !consumer.options.no_ack) counters_.ack += settled;
  consumers_.wake(consumer);
  return settled;
}

void Queue::release_all(Consumer& consumer) {
  const Settle written = consumer.options.no_ack                 ? Settle::kAck
                         : settings().type == QueueType::kQuorum ? Settle::kFail
                                                                 : Settle::kRequeue;
  std::vector<Position> returned;
  for (LeaseNumber n = consumer.leases.front(); n < consumer.leases.end();
       n = consumer.leases.next(n + 1)) {
    const Position position = *consumer.leases.find(n);
    consumer.leases.erase(n);
    const Settle how = n <= consumer.written ? written : Settle::kUnwritten;
    end_lease(position, *slots_.find(position), how, returned);
  }
  give_back(returned);
}

bool Queue::out_of_chances(const Slot& slot) const {
  const auto failures = settings().effective_delivery_limit();
  return (failures && slot.failed > *failures) ||
         (settings().receive_limit && slot.acquired >= *settings().receive_limit);
}

void Queue::end_lease(Position position, Slot& slot, Settle how, std::vector<Position>& returned) {
  --leased_count_;
  const bool in_turn = dies_in_turn(position);
  if (in_turn) groups_->looked_through.push_back(*groups_->index.key_of(position));
  if (how == Settle::kAck && groups_ && groups_->index.contains(position)) {
    groups_->index.worked(position, host_.now().monotonic);
  }
  if (how == Settle::kAck || deleting) {
    erase(position, slot);
    return;
  }
  if (how == Settle::kDiscard) {
    drop_or_dead_letter(position, slot, DeathReason::kRejected);
    return;
  }
  if (how == Settle::kUnwritten) {
    --slot.acquired;
  } else if (how == Settle::kFail && slot.failed != UINT16_MAX) {
    ++slot.failed;
  }
  if (retained_until(slot) <= host_.now().wall) return erase(position, slot);
  const bool exhausted = how != Settle::kUnwritten && out_of_chances(slot);
  if (exhausted && !in_turn) {
    drop_or_dead_letter(position, slot, DeathReason::kDeliveryLimit);
    return;
  }
  // Of a classic queue nobody sees the counts; that it may have been delivered is known anyway.
  const bool counts = settings().type == QueueType::kQuorum || timed_;
  // The store knows of a lease that ends by itself, whether it reached its client or not.
  if (slot.stored && counts && (how != Settle::kUnwritten || timed_)) {
    host_.returned_stored(*this, position, slot.acquired, slot.failed);
  }
  const std::int64_t delay = exhausted ? 0 : retry_delay_ms(settings(), how, slot.acquired);
  if (delay > 0) {
    wait_until(position, slot, after(host_.now().wall, delay));
    return;
  }
  returned.push_back(position);
}

void Queue::give_back(std::vector<Position>& positions) {
  if (positions.empty()) return;
  // Those that were passed over in ready_ are still there.
  std::erase_if(positions, [this](Position position) {
    Slot& slot = *slots_.find(position);
    slot.state = State::kReady;
    slot.after_purge = position < purged_below_;
    ++ready_count_;
    ready_bytes_ += slot.message->body().size();
    if (groups_) return_to_group(position, slot);
    const bool still_there = slot.left_behind;
    slot.left_behind = false;
    return still_there;
  });
  if (positions.empty()) {
    // They never left.
  } else if (ready_.levels() == 1) {
    if (!std::is_sorted(positions.begin(), positions.end())) {
      std::sort(positions.begin(), positions.end());
    }
    ready_.give_back(std::move(positions), 0);
  } else {
    // One run per priority, each still in order of position.
    std::sort(positions.begin(), positions.end(), [this](Position a, Position b) {
      return std::pair(priority_of(*slots_.find(a)->message), a) <
             std::pair(priority_of(*slots_.find(b)->message), b);
    });
    for (auto from = positions.begin(); from != positions.end();) {
      const std::uint8_t level = priority_of(*slots_.find(*from)->message);
      const auto to = std::find_if(from, positions.end(), [&](Position position) {
        return priority_of(*slots_.find(position)->message) != level;
      });
      ready_.give_back({from, to}, level);
      from = to;
    }
  }
  arm_for_head();
  enforce_length();
}

// Levels take turns where priorities are mixed: together their ranges are few.
void Queue::forget_ready() {
  std::vector<PositionRange> ranges;
  ready_.for_each_range([&](Position first, Position end) { ranges.push_back({first, end}); });
  std::sort(ranges.begin(), ranges.end(),
            [](const PositionRange& a, const PositionRange& b) { return a.first < b.first; });
  if (groups_ || delayed() != 0) keep_leftovers(ranges);
  for (auto at = ranges.begin(); at != ranges.end();) {
    PositionRange joined = *at;
    for (++at; at != ranges.end() && at->first == joined.end; ++at) joined.end = at->end;
    host_.forget_stored(*this, joined.first, joined.end - 1);
  }
}

std::uint64_t Queue::purge(bool everything) {
  std::uint64_t dropped = ready_count_;
  if (everything) dropped += drop_waits() + drop_leased();
  if (stores_ && !deleting) forget_ready();  // else the store forgets the whole queue
  cold_ = {};
  places_.clear();
  slots_.hold_none();
  ready_ = ReadyIndex(ready_.levels());
  if (groups_) purge_groups();
  forget_places_of_waits();
  ready_count_ = 0;
  ready_bytes_ = 0;
  // Slots of an earlier purge that came back since are ready, and therefore dropped by this one.
  for (Position p = slots_.front(); p < purged_below_ && p < slots_.end(); p = slots_.next(p + 1)) {
    slots_.find(p)->after_purge = false;
  }
  purged_below_ = slots_.end();
  sweep_at_ = slots_.front();
  return dropped;
}

bool Queue::sweep() {
  std::size_t slice = kMostPerSlice;
  Position position = slots_.next(sweep_at_);
  for (; position < purged_below_ && slice > 0; --slice) {
    Slot& slot = *slots_.find(position);
    if (purged(position, slot)) {
      slot.stored = false;  // the store was told at once
      erase(position, slot);
    }
    position = slots_.next(position + 1);
  }
  sweep_at_ = position;
  if (position < purged_below_) return true;
  return false;
}

void Queue::close() {
  deleting = true;
  purge();
  drop_waits();
  drop_leased();
}

}  // namespace polymq::engine
