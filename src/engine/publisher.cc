// Batches by home, and the answers they owe.
#include "engine/publisher.h"

#include <algorithm>

namespace polymq::engine {

void note_targets(Message& message, std::span<Target* const> targets) {
  if (targets.size() < 2 || targets.back()->exchange == nullptr) return;
  std::vector<std::uint64_t>& passed = message.make_extension().passed;
  for (const Target* target : targets) passed.push_back(target->id);
}

Publisher::Open& Publisher::open_for(ShardIndex home) {
  for (Open& open : open_) {
    if (open.home == home) return open;
  }
  open_.push_back({home, {}, {}});
  return open_.back();
}

void Publisher::Open::add(std::uint64_t target, Message* message, std::uint64_t sequence) {
  if (batch.items.empty()) batch.items.reserve(last_batch);
  batch.items.push_back({target, message, sequence});
  batch.bytes += message->footprint();
}

// Gives the message to its targets: the first home gets the message itself, others a copy of their
// own. Returns how many homes there are.
std::uint16_t Publisher::spread(Message* message, std::span<Target* const> targets,
                                std::uint64_t sequence) {
  note_targets(*message, targets);
  message->count_extension(meter_);
  if (targets.size() == 1) {
    Open& open = open_for(targets[0]->home);
    open.add(targets[0]->id, message, sequence);
    if (sequence != 0) owe(open, sequence);
    return 1;
  }
  std::uint16_t homes = 0;
  const ShardIndex first_home = targets[0]->home;
  for (ShardIndex home = 0; home < mailer_.shard_count(); ++home) {
    const auto here = [&](const Target* target) { return target->home == home; };
    const auto count = std::count_if(targets.begin(), targets.end(), here);
    if (count == 0) continue;
    Message* own = home == first_home ? message : message->clone(meter_);
    own->set_references(static_cast<std::uint32_t>(count));
    Open& open = open_for(home);
    for (const Target* target : targets) {
      if (here(target)) open.add(target->id, own, sequence);
    }
    if (sequence != 0) owe(open, sequence);
    ++homes;
  }
  return homes;
}

void Publisher::owe(Open& open, std::uint64_t sequence) {
  if (!open.tracked.empty() && open.tracked.back().last + 1 == sequence) {
    open.tracked.back().last = sequence;
  } else {
    open.tracked.push_back({sequence, sequence});
  }
}

void Publisher::publish(Message* message, std::span<Target* const> targets) {
  if (targets.empty()) {
    message->release(meter_);
    return;
  }
  spread(message, targets, 0);
}

std::uint64_t Publisher::publish_tracked(Message* message, std::span<Target* const> targets) {
  const std::uint64_t sequence = pending_.end();
  if (targets.empty()) {
    message->release(meter_);
    pending_.push({});
    settle(sequence);
    return sequence;
  }
  pending_.push({spread(message, targets, sequence), false});
  return sequence;
}

std::uint64_t Publisher::publish_sure(Message* message, Target& target) {
  Target* const only = &target;
  const std::uint64_t sequence = publish_tracked(message, {&only, 1});
  open_for(target.home).batch.items.back().sure = true;
  return sequence;
}

std::vector<ShardIndex> Publisher::open_homes() const {
  std::vector<ShardIndex> homes;
  for (const Open& open : open_) {
    if (!open.batch.items.empty()) homes.push_back(open.home);
  }
  return homes;
}

void Publisher::flush(const StoredUnit& unit) {
  for (Open& open : open_) {
    if (open.batch.items.empty()) continue;
    open.batch.from = id_;
    open.batch.unit = unit;
    open.batch.tell_places = tell_places_;
    open.last_batch = open.batch.items.size();
    if (!open.tracked.empty()) open.batch.number = batches_.push(std::exchange(open.tracked, {}));
    mailer_.send(open.home, std::exchange(open.batch, {}));
  }
}

void Publisher::flush_with_staged(storage::MessageStore& store) {
  std::vector<ShardIndex> shards = open_homes();
  const ShardIndex self = mailer_.self();
  if (std::find(shards.begin(), shards.end(), self) == shards.end()) shards.push_back(self);
  // Apart from those of transactions, and from those of the other publishers of this shard.
  constexpr std::uint64_t kOurs = std::uint64_t{1} << 63;
  const StoredUnit unit{kOurs | ++units_ << 20 | id_.number() << 16 | self,
                        static_cast<std::uint32_t>(shards.size())};
  store.join_unit(unit.id, unit.parts);
  flush(unit);
}

void Publisher::answered(const PublishAnswer& answer) {
  std::vector<Range>* ranges = batches_.find(answer.number);
  for (const std::uint64_t sequence : answer.rejected) pending_.find(sequence)->rejected = true;
  for (const Range& range : *ranges) {
    for (std::uint64_t sequence = range.first; sequence <= range.last; ++sequence) {
      if (--pending_.find(sequence)->answers == 0) settle(sequence);
    }
  }
  batches_.erase(answer.number);
  places_.insert(places_.end(), answer.places.begin(), answer.places.end());
}

void Publisher::settle(std::uint64_t sequence) {
  settled_.push_back({sequence, pending_.find(sequence)->rejected});
  pending_.erase(sequence);
}

}  // namespace polymq::engine
