// Attempts by name, and the order in which they are forgotten.
#include "engine/receive_attempts.h"

#include <utility>

namespace polymq::engine {

void ReceiveAttempts::note(DeduplicationKey attempt, std::vector<Lease> leases, WallMs now) {
  order_.push_back({attempt, ++last_number_});
  attempts_[attempt] = {after(now, kMemoryMs), last_number_, std::move(leases)};
  drop_old(now);
}

std::vector<ReceiveAttempts::Lease>* ReceiveAttempts::find(DeduplicationKey attempt, WallMs now) {
  drop_old(now);
  const auto at = attempts_.find(attempt);
  return at == attempts_.end() ? nullptr : &at->second.leases;
}

void ReceiveAttempts::drop_old(WallMs now) {
  for (; !order_.empty(); order_.pop_front()) {
    const auto at = attempts_.find(order_.front().attempt);
    const bool current = at != attempts_.end() && at->second.number == order_.front().number;
    if (!current) continue;
    if (at->second.until > now && order_.size() <= kMost) return;
    attempts_.erase(at);
  }
}

}  // namespace polymq::engine
