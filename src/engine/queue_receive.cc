// Polls, and leases that end by themselves: handing out, ending and extending them by token.
#include <algorithm>

#include "engine/queue.h"
#include "engine/topology.h"

namespace polymq::engine {

// --- polls --------------------------------------------------------------------------------------
void Queue::add_poll(Consumer& consumer) {
  polls_.push_back(&consumer);
  consumers_.wake(consumer);
  host_.arm_timer(*this, consumer.poll->until);
}

void Queue::remove_poll(Consumer& consumer) {
  std::erase(polls_, &consumer);
  consumer.unlink();
}

void Queue::wake_polls() {
  for (Consumer* consumer : polls_) consumers_.wake(*consumer);
}

// Whose time is up go empty-handed, unless what comes next is only on its way from the store.
void Queue::end_polls() {
  if (polls_.empty() || (!ready_.empty() && head_waits())) return;
  WallMs next = kNever;
  std::erase_if(polls_, [&](Consumer* consumer) {
    const WallMs until = consumer->poll->until;
    if (until > host_.now().wall) {
      next = std::min(next, until);
      return false;
    }
    consumer->unlink();
    ended_polls_.push_back(consumer);
    return true;
  });
  host_.arm_timer(*this, next);
}

std::vector<Consumer*> Queue::take_ended_polls() {
  for (Consumer* consumer : ended_polls_) consumer->poll->answered = true;
  return std::exchange(ended_polls_, {});
}

void Queue::hand_to_poll(Position position, Slot& slot, Consumer& consumer) {
  Poll& poll = *consumer.poll;
  lend(position, slot);
  if (!timed_) timed_ = std::make_unique<TimedLeases>();
  const WallMs now = host_.now().wall;
  const TimedLeases::Lease& lease =
      timed_->begin(position, now, after(now, poll.options.lease_ms), host_.life());
  store_lease(position, slot);
  host_.arm_timer(*this, std::min(lease.deadline, retained_until(slot)));
  slot.message->add_reference();
  consumer.link->unwritten_bytes += slot.message->footprint();
  poll.items.push_back(
      {slot.message, {position, slot.acquired, host_.life()}, since(slot), lease.first});
  poll.bytes += slot.message->body().size();
  ++counters_.get;
  if (poll.items.size() > 1) return;
  std::erase(polls_, &consumer);
  ended_polls_.push_back(&consumer);
}

void Queue::return_unwritten(Poll& poll) {
  if (poll.repeated) return;  // it may have reached its client the first time
  std::vector<Position> returned;
  for (const ReceivedItem& item : poll.items) {
    Slot* slot = slots_.find(item.token.position);
    if (slot == nullptr || !holds_lease(*slot, item.token)) continue;
    if (timed_->find(item.token.position)->again) continue;  // somebody else was handed it, too
    timed_->end(item.token.position);
    end_lease(item.token.position, *slot, Settle::kUnwritten, returned);
  }
  give_back(returned);
}

// --- leases -------------------------------------------------------------------------------------
void Queue::store_lease(Position position, const Slot& slot) {
  if (!slot.stored) return;
  const TimedLeases::Lease* lease = timed_->find_leased(position);
  if (lease != nullptr) host_.lent_stored(*this, position, slot.acquired, slot.failed, *lease);
}

bool Queue::is_latest(const Slot& slot, const LeaseToken& token) const {
  const TimedLeases::Lease* lease = timed_ ? timed_->find(token.position) : nullptr;
  return lease != nullptr && lease->life == token.life && slot.acquired == token.acquired;
}

bool Queue::holds_lease(const Slot& slot, const LeaseToken& token) const {
  return slot.state == State::kLeased && is_latest(slot, token) &&
         timed_->find_leased(token.position) != nullptr;
}

// In each life a position is one message's, but what was not stored leaves it to another one in the
// next life. What is there since before this life was there in the one before, or was put there in
// it; before that, something else may have been.
bool Queue::is_outlived(const LeaseToken& token) const { return token.life < host_.life_before(); }

TokenEnd Queue::check(const LeaseToken& token, const Slot* slot, Freshness freshness) const {
  const bool gone =
      slot == nullptr || slot->state == State::kMoving || purged(token.position, *slot);
  const bool another = token.life != host_.life() && token.position >= restored_below_;
  if (gone || another) return TokenEnd::kUnknown;
  if (holds_lease(*slot, token)) return TokenEnd::kDone;  // the lease was stored with its message
  if (freshness == Freshness::kCurrent) return TokenEnd::kStale;
  const bool latest_only = freshness == Freshness::kLatest || is_outlived(token);
  if (latest_only && !is_latest(*slot, token)) return TokenEnd::kStale;
  if (slot->state != State::kLeased) return TokenEnd::kNotLeased;
  // Of a consumer that holds it for as long as it lives, it is not taken away.
  const bool ends_by_itself = timed_ && timed_->find_leased(token.position) != nullptr;
  return ends_by_itself ? TokenEnd::kDone : TokenEnd::kStale;
}

TokenEnd Queue::settle(const LeaseToken& token, Freshness freshness, Settle how) {
  Slot* slot = slots_.find(token.position);
  const bool earlier = token.life != host_.life();
  if (slot == nullptr && earlier && how == Settle::kAck && is_unread(token.position)) {
    if (freshness != Freshness::kAny || is_outlived(token)) return TokenEnd::kStale;
    remove_unread(token.position);
    ++counters_.ack;
    return TokenEnd::kDone;
  }
  const TokenEnd end = check(token, slot, freshness);
  if (end != TokenEnd::kDone && end != TokenEnd::kNotLeased) return end;
  if (end == TokenEnd::kNotLeased) {
    if (how != Settle::kAck) return end;
    remove_waiting(token.position, *slot);
    ++counters_.ack;
    return TokenEnd::kDone;
  }
  // Who was handed the same once more may have it.
  if (how == Settle::kUnwritten && timed_->find(token.position)->again) return TokenEnd::kDone;
  timed_->end(token.position);
  std::vector<Position> returned;
  end_lease(token.position, *slot, how, returned);
  give_back(returned);
  if (how == Settle::kAck) ++counters_.ack;
  return TokenEnd::kDone;
}

TokenEnd Queue::extend(const LeaseToken& token, Freshness freshness, std::int64_t lease_ms,
                       std::int64_t most_ms) {
  Slot* slot = slots_.find(token.position);
  const TokenEnd end = check(token, slot, freshness);
  if (end != TokenEnd::kDone) return end;
  const WallMs deadline = after(host_.now().wall, lease_ms);
  if (deadline > after(timed_->find(token.position)->begun, most_ms)) return TokenEnd::kOverLimit;
  timed_->extend(token.position, deadline);
  store_lease(token.position, *slot);
  host_.arm_timer(*this, deadline);
  return TokenEnd::kDone;
}

// It is not out: it goes from among those that will be.
void Queue::remove_waiting(Position position, Slot& slot) {
  if (slot.state == State::kReady) left_ready(slot);
  erase(position, slot);
  drop_front_leftovers();
  arm_for_head();
}

bool Queue::is_unread(Position position) const {
  if (cold_.count == 0 || position >= restored_below_ || slots_.find(position)) return false;
  if (groups_ && position < groups_->end) return groups_->index.contains(position);
  return ready_.is_unseen(position) && !places_.contains(position);
}

// How large it is nobody knows: as large as the others, it counts as, until the rest has been read.
void Queue::remove_unread(Position position) {
  host_.forget_stored(*this, position, position);
  if (groups_ && groups_->index.contains(position)) {
    lose_from_groups(position);
  } else {
    places_.add_gone(position);
    const std::uint64_t bytes = cold_.bytes / cold_.count;
    cold_.bytes -= bytes;
    ready_bytes_ -= bytes;
    --cold_.count;
    --ready_count_;
  }
  note_unread();
  drop_front_leftovers();
  arm_for_head();
}

// Whose leases end by themselves: their holders have no say in it.
std::uint64_t Queue::drop_leased() {
  if (!timed_) return 0;
  const std::uint64_t before = leased_count_;
  for (Position at = slots_.front(); at < slots_.end(); at = slots_.next(at + 1)) {
    if (timed_->find_leased(at) == nullptr) continue;
    --leased_count_;
    erase(at, *slots_.find(at));
  }
  return before - leased_count_;
}

// A slice of those whose time is up.
void Queue::end_due_leases() {
  if (!timed_) return;
  std::vector<Position> returned;
  for (std::size_t slice = kMostPerSlice; slice != 0; --slice) {
    const auto position = timed_->take_due(host_.now().wall);
    if (!position) break;
    timed_->end(*position);
    end_lease(*position, *slots_.find(*position), Settle::kFail, returned);
  }
  give_back(returned);
  host_.arm_timer(*this, timed_->next());
}

}  // namespace polymq::engine
