// Leases that end by themselves, over the end of a life of the node: what is stored of them is what
// their holders were told, and goes on in the next life.
#include "model.h"

namespace polymq::sim {

bool Model::surely_out(const CopyKey& key, const Copy& copy, WallMs now) const {
  if (copy.state != State::kHeld || !copy.lease || copy.left_for_good) return false;
  const Lease& lease = *copy.lease;
  const bool left_alone = lease.returns == 0 && copy.in_flight == 0 && !copy.perhaps_deleted;
  const auto attempt = attempts_.find({key.queue, lease.attempt});
  const bool may_begin_again = attempt != attempts_.end() && !attempt->second.pending.empty();
  return left_alone && !may_begin_again && now < lease.earliest;
}

// A record of a lease is synced with what is stored next.
bool Model::surely_stored(const CopyKey& key, const Lease& lease, const Remains& remains) const {
  const auto known = stored_.find(key.queue);
  const bool before = known != stored_.end() && lease.told < known->second;
  return remains.at_rest || lease.told == 0 || before;
}

void Model::check_stored_lease(const CopyKey& key, const Lease& lease,
                               const FoundMessage& found) const {
  const storage::Lease stored = found.lease.value_or(storage::Lease());
  const engine::LeaseToken token{found.position, found.acquired, stored.life};
  const bool in_time = stored.deadline >= lease.earliest && stored.deadline <= lease.latest;
  if (token == lease.token && in_time) return;
  violated(
      "(m) message %lu of %s is out from (%lu, %u, %lu) to %ld or %ld; stored is (%lu, %u, %lu) to "
      "%ld",
      key.message, queue_name(found.queue).c_str(), lease.token.position, lease.token.acquired,
      lease.token.life, lease.earliest, lease.latest, token.position, token.acquired, token.life,
      stored.deadline);
}

void Model::check_stored_leases(const OnDisk& on_disk, const Remains& remains) const {
  for (const auto& [key, found] : on_disk) {
    const auto known = copies_.find(key);
    if (known == copies_.end() || queues_.at(key.queue).kind->moving) continue;
    const Copy& copy = known->second;
    if (surely_out(key, copy, remains.now) && surely_stored(key, *copy.lease, remains)) {
      check_stored_lease(key, *copy.lease, *found);
    }
    const bool surely_in = remains.at_rest && copy.state == State::kIn && unseen(key.queue) == 0 &&
                           !lost_.contains(key.queue);
    if (!surely_in || !found->lease || found->lease->deadline <= remains.now) continue;
    violated("(m) message %lu of %s waits, but stored is that it is out until %ld", key.message,
             queue_name(found->queue).c_str(), found->lease->deadline);
  }
}

void Model::take_over_lease(const CopyKey& key, Copy& copy, const FoundMessage& found) {
  if (!found.lease) return;
  const storage::Lease& lease = *found.lease;
  copy.state = State::kHeld;
  copy.seen = true;  // by somebody who was killed, too, perhaps
  copy.out = found.acquired;
  copy.taken = static_cast<std::uint16_t>(found.acquired - 1);
  copy.first_lease = lease.first;
  copy.lease = Lease{.token = {found.position, found.acquired, lease.life},
                     .earliest = lease.deadline,
                     .latest = lease.deadline,
                     .begun_first = lease.begun,
                     .begun_last = lease.begun,
                     .outlived = outlived_at(*queues_.at(key.queue).kind, found.enqueued)};
  const std::string& group = messages_.at(key.message).group;
  if (key.path != 0 || group.empty()) return;
  const Holder nobody{UINT64_MAX, 0};  // who is there now
  groups_[{key.queue, group}].emplace(key, nobody);
}

}  // namespace polymq::sim
