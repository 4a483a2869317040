// Handing out again what an attempt to receive was handed before.
#include "engine/queue.h"

namespace polymq::engine {

void Queue::note_attempt(const Poll& poll) {
  std::vector<ReceiveAttempts::Lease> leases;
  for (const ReceivedItem& item : poll.items) {
    const Slot* slot = slots_.find(item.token.position);
    if (slot == nullptr || !holds_lease(*slot, item.token)) return;
    const TimedLeases::Lease& lease = *timed_->find(item.token.position);
    leases.push_back({item.token, lease.deadline, lease.number});
  }
  if (!attempts_) attempts_ = std::make_unique<ReceiveAttempts>();
  attempts_->note(*poll.options.attempt, std::move(leases), host_.now().wall);
}

bool Queue::repeat_attempt(Consumer& consumer) {
  Poll& poll = *consumer.poll;
  const WallMs now = host_.now().wall;
  auto* const leases = attempts_ ? attempts_->find(*poll.options.attempt, now) : nullptr;
  if (leases == nullptr) return false;
  for (const ReceiveAttempts::Lease& lease : *leases) {
    const Slot* slot = slots_.find(lease.token.position);
    const bool held = slot != nullptr && holds_lease(*slot, lease.token);
    const TimedLeases::Lease* now_held = held ? timed_->find(lease.token.position) : nullptr;
    const bool same =
        held && now_held->deadline == lease.deadline && now_held->number == lease.number;
    if (same) continue;
    attempts_->forget(*poll.options.attempt);
    return false;
  }
  for (ReceiveAttempts::Lease& lease : *leases) {
    Slot& slot = *slots_.find(lease.token.position);
    lease.deadline = after(now, poll.options.lease_ms);
    const WallMs first =
        timed_->begin(lease.token.position, now, lease.deadline, lease.token.life).first;
    store_lease(lease.token.position, slot);
    slot.message->add_reference();
    consumer.link->unwritten_bytes += slot.message->footprint();
    poll.items.push_back({slot.message, lease.token, since(slot), first});
  }
  host_.arm_timer(*this, leases->front().deadline);
  poll.repeated = true;
  ended_polls_.push_back(&consumer);
  return true;
}

}  // namespace polymq::engine
