// Messages in, out and back: pushing, limits, expiry and hand-out.
#include "engine/queue.h"

#include <algorithm>

#include "engine/topology.h"

namespace polymq::engine {
namespace {

constexpr std::uint8_t kQuorumLevels = 32;
constexpr std::uint8_t kQuorumDefaultPriority = 4;
constexpr std::uint16_t kSaturated = UINT16_MAX;

std::size_t levels_of(const QueueSettings& settings) {
  if (settings.message_groups) return 1;
  if (settings.type == QueueType::kQuorum) return kQuorumLevels;
  return settings.max_priority.value_or(0) + std::size_t{1};
}

void count_one(std::uint16_t& counter) {
  if (counter != kSaturated) ++counter;
}

}  // namespace

Queue::Queue(QueueEntry& entry, QueueHost& host)
    : entry_(entry),
      id_(entry.id),
      host_(host),
      meter_(host.meter()),
      settings_(entry.effective),
      ready_(levels_of(*entry.effective)),
      places_(meter_),
      last_use_(host.now().wall) {
  if (settings().message_groups == MessageGroups::kExclusive) {
    groups_ = std::make_unique<GroupWindow>(meter_, MessageGroups::kExclusive);
  }
  settings_changed();
}

Queue::~Queue() {
  for (Position at = slots_.front(); at < slots_.end(); at = slots_.next(at + 1)) {
    slots_.find(at)->message->release(meter_);
    meter_.bytes -= kSlotBytes;
  }
  meter_.bytes -= seen_bytes_;
}

void Queue::settings_changed() {
  const auto before = std::exchange(settings_, entry_.effective);
  consumers_.set_single_active(settings().single_active_consumer,
                               settings().type == QueueType::kQuorum);
  begin_deduplication();
  if (settings().delay_ms != before->delay_ms) delay_anew();
  if (settings().retention_ms != before->retention_ms) retain_anew();
  enforce_length();
  arm_for_head();
  if (settings().expires_ms) host_.arm_timer(*this, after(last_use_, *settings().expires_ms));
}

std::uint8_t Queue::default_priority() const {
  return settings().type == QueueType::kQuorum ? kQuorumDefaultPriority : 0;
}

std::uint8_t Queue::priority_of(const Message& message) const {
  return message.priority().value_or(default_priority());
}

bool Queue::head_is_cold() {
  const bool cold =
      !ready_.empty() && front_may_be_cold() && slots_.find(ready_.front()) == nullptr;
  head_wanted_ = head_wanted_ || cold;
  return cold;
}

bool Queue::head_waits() {
  if (groups_) return groups_wait();
  if (head_is_cold()) return true;
  const Slot* slot = ready_.empty() ? nullptr : slots_.find(ready_.front());
  return slot != nullptr && must_be_marked(ready_.front(), *slot);
}

WallMs Queue::deadline(const Slot& slot) const {
  const TimeToLive queue_ttl{settings().ttl_ms.value_or(-1)};
  return TimeToLive::least(queue_ttl, slot.message->ttl()).deadline(slot.enqueued);
}

bool Queue::over_length(std::uint64_t messages, std::uint64_t bytes) const {
  return (settings().max_length && messages > static_cast<std::uint64_t>(*settings().max_length)) ||
         (settings().max_length_bytes &&
          bytes > static_cast<std::uint64_t>(*settings().max_length_bytes));
}

bool Queue::would_reject(std::size_t messages, std::size_t bytes) {
  if (settings().effective_overflow() == Overflow::kDropHead) return false;
  dispatch();
  if (settings().dead_letter_strategy == DeadLetterStrategy::kAtLeastOnce) {
    messages += moving_count_;  // they wait here until their copies are safe
    bytes += moving_bytes_;
  }
  return over_length(ready_count_ + messages, ready_bytes_ + bytes);
}

Queue::Pushed Queue::push(Message* message, Arrival arrival, bool moved) {
  ++counters_.publish;
  const std::size_t size = message->body().size();
  const bool limited = settings().max_length || settings().max_length_bytes;
  const bool may_refuse = arrival == Arrival::kAlone || arrival == Arrival::kMoving;
  const bool full = limited && may_refuse && would_reject(1, size);
  if (full && settings().effective_overflow() == Overflow::kRejectPublish) {
    message->release(meter_);
    return Pushed::kRejected;
  }
  if (!full && seen_ && is_duplicate(*message, moved)) {
    message->release(meter_);
    return Pushed::kDuplicate;  // dropped, and its publisher told that all is well
  }
  if (begins_groups(*message)) begin_groups();
  meter_.bytes += kSlotBytes;
  const bool stored = message->persistent() && entry_.stored();
  const Position position = slots_.push(Slot{
      .message = message, .enqueued = host_.now().wall, .arriving = stored && is_move(arrival)});
  const TimeToLive own = message->ttl();
  if (own.set()) ++with_ttl_;
  Slot& slot = *slots_.find(position);
  if (const WallMs from = available_from(slot); from > slot.enqueued && !full) {
    wait_until(position, slot, from);
    return Pushed::kTaken;
  }
  ++ready_count_;
  ready_bytes_ += size;
  if (full) {  // reject-publish-dlx: refused, and dead-lettered all the same
    drop_or_dead_letter(position, slot, DeathReason::kMaxLength);
    return Pushed::kRejected;
  }
  ready_.push(position, priority_of(*message));
  if (limited && over_length(ready_count_, ready_bytes_)) {
    dispatch();
    enforce_length();
  }
  if (own.set() || settings().ttl_ms || settings().retention_ms) {
    if (own.ms == 0 || settings().ttl_ms == 0) {
      dispatch();
      Position at;
      head(at, false);
    } else {
      arm_for_head();
    }
  }
  return Pushed::kTaken;
}

void Queue::enforce_length() {
  if (settings().effective_overflow() != Overflow::kDropHead) return;
  for (std::size_t slice = kMostPerSlice; over_length(ready_count_, ready_bytes_); --slice) {
    if (slice == 0) {
      host_.arm_timer(*this, host_.now().wall);
      return;
    }
    Position position;
    Slot* slot = head(position, false);
    if (slot == nullptr) return;
    ready_.pop();
    drop_or_dead_letter(position, *slot, DeathReason::kMaxLength);
  }
  arm_for_head();
}

// `strictly`: a message whose time is up just now may still be handed out (time to live 0).
Queue::Slot* Queue::head(Position& position, bool strictly) {
  const bool may_be_over = may_expire();
  std::size_t slice = kMostPerSlice;
  while (!ready_.empty()) {
    position = ready_.front();
    Slot* slot = slots_.find(position);
    if (slot == nullptr && front_may_be_cold()) {
      head_wanted_ = true;  // page() brings it
      return nullptr;
    }
    if (slot == nullptr || slot->state != State::kReady) {
      pass_over(slot);
      continue;
    }
    if (!may_be_over || slot->arriving || !is_over(*slot, strictly)) return slot;
    if (--slice == 0) {
      host_.arm_timer(*this, host_.now().wall);
      return nullptr;
    }
    ready_.pop();
    drop_expired(position, *slot);
  }
  return nullptr;
}

void Queue::pass_over(Slot* slot) {
  if (slot != nullptr) {
    slot->left_behind = false;
  } else {
    places_.erase(ready_.front());
  }
  ready_.pop();
}

void Queue::drop_expired(Position position, Slot& slot) {
  if (retained_until(slot) > host_.now().wall) {
    return drop_or_dead_letter(position, slot, DeathReason::kExpired);
  }
  left_ready(slot);
  erase(position, slot);
}

bool Queue::is_over(const Slot& slot, bool strictly) const {
  const WallMs now = host_.now().wall;
  const WallMs due = deadline(slot);
  return due < now || (!strictly && due == now) || retained_until(slot) <= now;
}

void Queue::dispatch() {
  if (deleting) return;
  if (consumers_.take_held_back()) wake_polls();
  if (stores_) unmarked_ = host_.unmarked(*this);
  if (groups_) return dispatch_groups();
  bool waits = false;
  while (!ready_.empty()) {
    Consumer* consumer = consumers_.next(leased_count_);
    if (consumer == nullptr) break;
    Position position;
    Slot* slot = head(position, true);
    waits = slot == nullptr ? head_is_cold() : must_be_marked(position, *slot);
    if (slot == nullptr || waits) break;
    ready_.pop();
    hand_out(position, *slot, *consumer);
    consumers_.served(*consumer);
  }
  note_handed_out();
  if (ready_.empty()) return;
  arm_for_head();
  if (waits) return;  // tokens would only go round until it is read
  for (Consumer* starved : consumers_.take_starved()) host_.want_token(*starved);
}

// What is being staged will tell of it in its own record. What was stored before needs a mark,
// which runs ahead of what is handed out: further, the longer that goes on.
void Queue::note_handed_out() {
  if (lent_below_ > marked_below_) {
    marked_below_ = lent_below_;
    host_.handed_out_stored(*this, lent_below_);
    return;
  }
  const bool runs_ahead = marked_below_ > lent_below_;
  const bool runs_short = lent_below_ + ahead_of(marked_below_) / 2 > marked_below_;
  if (runs_ahead && runs_short && unmarked_.covers(marked_below_)) mark_ahead(marked_below_);
}

Position Queue::ahead_of(Position position) const {
  constexpr Position kLeast = 32;
  constexpr Position kMost = 64 * 1024;
  return std::clamp((position - mark_run_from_) / 2, kLeast, kMost);
}

bool Queue::must_be_marked(Position position, const Slot& slot) {
  if (slot.arriving) return true;
  if (!slot.stored || slot.acquired != 0 || slot.delivered) return false;
  if (!unmarked_.covers(position)) return false;
  if (position >= marked_below_) {
    // Messages of one level among many of others are a run, too.
    constexpr Position kSparse = 16;
    if (position > marked_below_ + kSparse * ahead_of(marked_below_)) mark_run_from_ = position;
    mark_ahead(position);
  } else {
    host_.wait_for_marks(*this);
  }
  return true;
}

void Queue::mark_ahead(Position position) {
  marked_below_ = std::min(position + ahead_of(position), slots_.end());
  host_.handed_out_stored(*this, marked_below_);
  host_.wait_for_marks(*this);
}

void Queue::lend(Position position, Slot& slot) {
  left_ready(slot);
  slot.state = State::kLeased;
  ++leased_count_;
  if (slot.stored && position >= lent_below_) lent_below_ = position + 1;
  if (slot.acquired != 0 || slot.delivered) ++counters_.redeliver;
  count_one(slot.acquired);
}

DeliveryItem Queue::lend(Position position, Slot& slot, Consumer& consumer) {
  const DeliveryItem item{slot.message, slot.acquired, slot.failed,
                          slot.acquired != 0 || slot.delivered};
  lend(position, slot);
  consumer.leases.push(position);
  consumer.link->unwritten_bytes += slot.message->footprint();
  if (consumer.shared_credit && consumer.tokens != 0) --consumer.tokens;
  return item;
}

void Queue::hand_out(Position position, Slot& slot, Consumer& consumer) {
  if (consumer.poll) return hand_to_poll(position, slot, consumer);
  const LeaseNumber lease = consumer.leases.end();
  DeliveryBatch& batch = consumer.link->open;
  if (batch.items.empty()) {
    batch.items.reserve(consumer.link->last_batch);
    host_.link_opened(*consumer.link);
  }
  const std::uint32_t tokens = consumer.tokens;
  batch.items.push_back(lend(position, slot, consumer));
  ++(consumer.options.no_ack ? counters_.deliver_no_ack : counters_.deliver);
  if (batch.runs.empty() || batch.runs.back().consumer != consumer.id) {
    batch.runs.push_back({consumer.session, consumer.handle, consumer.id, lease, 0, 0, 0});
  }
  DeliveryRun& run = batch.runs.back();
  ++run.count;
  run.tokens += tokens - consumer.tokens;
  run.bytes += slot.message->footprint();
}

std::optional<DeliveryItem> Queue::take(Consumer& consumer) {
  touch();
  if (groups_) return take_of_groups(consumer);
  Position position;
  Slot* slot = head(position, false);
  // A slice of expired ones may have gone; behind them may be one that lives.
  while (slot == nullptr && !ready_.empty() && !head_waits()) slot = head(position, false);
  if (slot != nullptr && must_be_marked(position, *slot)) return std::nullopt;
  if (slot == nullptr) {
    ++counters_.get_empty;
    return std::nullopt;
  }
  ready_.pop();
  ++(consumer.options.no_ack ? counters_.get_no_ack : counters_.get);
  const DeliveryItem item = lend(position, *slot, consumer);
  note_handed_out();
  arm_for_head();
  return item;
}

void Queue::arm_for_head() {
  if (!may_expire()) return;
  while (!ready_.empty()) {
    Slot* slot = slots_.find(ready_.front());
    if (slot == nullptr && front_may_be_cold()) {
      head_wanted_ = true;
      return;  // armed when it was read
    }
    if (slot == nullptr || slot->state != State::kReady) {  // a removed one surfaces
      pass_over(slot);
      continue;
    }
    if (slot->arriving) return;  // armed when it is there
    const WallMs due = std::min(deadline(*slot), retained_until(*slot));
    if (due != kNever) host_.arm_timer(*this, due);
    return;
  }
}

void Queue::on_timer() {
  timer_at = kNever;
  if (restoring_) return;  // it is called when that is over
  forget_ids();
  end_retention();
  end_waits();
  end_due_leases();
  Position position;
  // What came due on disk is read for whoever needs it, not because of that.
  if (may_expire() || !front_is_on_disk()) head(position, false);
  enforce_length();
  arm_for_head();
  page();
  if (settings().expires_ms && consumers_.empty()) {
    host_.arm_timer(*this, after(last_use_, *settings().expires_ms));
  }
}

void Queue::touch() { last_use_ = host_.now().wall; }

bool Queue::expired() const {
  return settings().expires_ms && consumers_.empty() &&
         after(last_use_, *settings().expires_ms) <= host_.now().wall;
}

}  // namespace polymq::engine
