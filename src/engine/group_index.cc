// Groups as lines of positions, and the set of those that have something to hand out.
#include "engine/group_index.h"

#include <algorithm>
#include <cassert>

#include "engine/hash.h"

namespace polymq::engine {

GroupKey GroupKey::of(std::string_view name) {
  const XXH128_hash_t hash = XXH3_128bits(name.data(), name.size());
  return {hash.high64, hash.low64};
}

GroupIndex::~GroupIndex() {
  meter_.bytes -= static_cast<std::int64_t>(entries_.size()) * kEntryBytes;
  meter_.bytes -= static_cast<std::int64_t>(by_key_.size()) * kGroupBytes;
}

GroupIndex::GroupNumber GroupIndex::number_of(const GroupKey& key) {
  const auto [known, fresh] = by_key_.try_emplace(key, 0);
  if (!fresh) return known->second;
  meter_.bytes += kGroupBytes;
  if (free_.empty()) {
    known->second = static_cast<GroupNumber>(groups_.size());
    groups_.push_back({.key = key, .returned = {}});
  } else {
    known->second = free_.back();
    free_.pop_back();
    groups_[known->second] = {.key = key, .returned = {}};
  }
  return known->second;
}

void GroupIndex::append(Group& group, Position position, Entry& entry) {
  entry.before = group.last;
  if (group.last != 0) entries_.find(group.last)->behind = position;
  if (group.first == 0) group.first = position;
  group.last = position;
}

void GroupIndex::leave_line(Group& group, const Entry& entry) {
  (entry.before != 0 ? entries_.find(entry.before)->behind : group.first) = entry.behind;
  (entry.behind != 0 ? entries_.find(entry.behind)->before : group.last) = entry.before;
}

void GroupIndex::add(Position position, std::optional<GroupKey> key, bool waits) {
  assert(!contains(position));
  Entry entry{.waits = waits};
  if (key) entry.group = number_of(*key);
  if (fair_ && waits) {
    put_aside(position, entry);
  } else if (key) {
    append(groups_[entry.group], position, entry);
  }
  if (position >= entries_.end()) {
    entries_.skip_to(position);
    entries_.push(entry);
  } else {
    entries_.put(position, entry);
  }
  meter_.bytes += kEntryBytes;
  update(position, entry);
}

void GroupIndex::lease(Position position, Holder holder, MonotonicMs now) {
  Entry& entry = *entries_.find(position);
  assert(entry.place != Place::kLeased && !entry.waits);
  if (entry.group != kAlone) {
    Group& group = groups_[entry.group];
    assert(fair_ || first_of(group) == position);
    assert(fair_ || group.leased == 0 || group.holder == holder);
    if (entry.place == Place::kReturned) {
      assert(group.returned.front() == position);
      group.returned.pop();
    } else {
      leave_line(group, entry);
    }
    if (group.leased++ == 0) group.holder = holder;
  }
  ++leased_;
  entry.place = Place::kLeased;
  if (fair_) {
    shares_.began();
    entry.before = static_cast<Position>(now);
  }
  update(position, entry);
}

void GroupIndex::worked(Position position, MonotonicMs now) {
  const Entry& entry = *entries_.find(position);
  if (!fair_ || entry.place != Place::kLeased) return;
  if (shares_.must_rebase(now)) {
    const double factor = shares_.rebase(now);
    for (Group& group : groups_) group.busy *= factor;
  }
  const double units = shares_.work(now - static_cast<MonotonicMs>(entry.before), now);
  if (entry.group != kAlone) groups_[entry.group].busy += units;
}

void GroupIndex::leave_place(Entry& entry) {
  Group* group = entry.group == kAlone ? nullptr : &groups_[entry.group];
  if (entry.place == Place::kLeased) {
    --leased_;
    if (fair_) shares_.ended();
    if (group != nullptr) --group->leased;
  } else if (entry.place == Place::kAside) {
    --aside_;
    if (group != nullptr) --group->aside;
  }
}

void GroupIndex::put_aside(Position position, Entry& entry) {
  assert(entry.place != Place::kReturned);
  if (entry.group != kAlone) {
    Group& group = groups_[entry.group];
    if (entry.place == Place::kInLine && contains(position)) leave_line(group, entry);
    ++group.aside;
  }
  ++aside_;
  entry.place = Place::kAside;
}

void GroupIndex::give_back(Position position) {
  Entry& entry = *entries_.find(position);
  entry.waits = false;
  if (entry.place == Place::kLeased || entry.place == Place::kAside) {
    leave_place(entry);
    entry.place = Place::kReturned;
    if (entry.group != kAlone) groups_[entry.group].returned.add({position});
  }
  update(position, entry);
}

void GroupIndex::wait(Position position) {
  Entry& entry = *entries_.find(position);
  entry.waits = true;
  if (fair_) {
    leave_place(entry);
    put_aside(position, entry);
  } else if (entry.place == Place::kLeased) {
    give_back(position);
    entry.waits = true;
  }
  update(position, entry);
}

void GroupIndex::erase(Position position) {
  Entry entry = *entries_.find(position);
  entries_.erase(position);
  meter_.bytes -= kEntryBytes;
  leave_place(entry);
  if (entry.group == kAlone) {
    available_.erase({kFree, position});
    return;
  }
  if (entry.place == Place::kInLine) leave_line(groups_[entry.group], entry);
  update(entry.group);
}

// Among those that returned some may be gone.
Position GroupIndex::first_of(Group& group) {
  while (!group.returned.empty() && !contains(group.returned.front())) group.returned.pop();
  if (group.returned.empty()) return group.first;
  if (group.first == 0) return group.returned.front();
  return std::min(group.first, group.returned.front());
}

void GroupIndex::update(Position position, const Entry& entry) {
  if (entry.group != kAlone) return update(entry.group);
  if (entry.place == Place::kLeased || entry.waits) {
    available_.erase({kFree, position});
  } else {
    available_.insert({kFree, position});
  }
}

void GroupIndex::update(GroupNumber number) {
  Group& group = groups_[number];
  if (group.leased == 0) group.holder = kFree;
  const Position first = first_of(group);
  Holder under = group.holder;
  if (fair_) under = group.noisy ? Holder{group.leased} + 1 : kFree;
  const bool shows = first != 0 && under != kNobody && !entries_.find(first)->waits;
  show(group.shown, shows ? Shown{under, first} : Shown{});
  if (first != 0 || group.leased != 0 || group.aside != 0) return;
  if (group.noisy) std::erase(noisy_, number);
  by_key_.erase(group.key);
  free_.push_back(number);
  meter_.bytes -= kGroupBytes;
}

void GroupIndex::show(Shown& shown, Shown wanted) {
  if (shown == wanted) return;
  if (shown.second == 0) {
    available_.insert(wanted);
  } else if (wanted.second == 0) {
    available_.erase(shown);
  } else {
    auto node = available_.extract(shown);
    node.value() = wanted;
    available_.insert(std::move(node));
  }
  shown = wanted;
}

std::optional<Position> GroupIndex::next(Holder holder, bool stay) {
  if (fair_) return next_fair();
  const auto held = available_.lower_bound({holder, 0});
  const bool has_held = held != available_.end() && held->first == holder;
  const auto free = available_.begin();
  const bool has_free = free != available_.end() && free->first == kFree;
  if (has_held && (stay || !has_free || held->second < free->second)) return held->second;
  return has_free ? std::optional(free->second) : std::nullopt;
}

std::optional<Position> GroupIndex::next_fair() {
  for (std::size_t i = noisy_.size(); i > 0; --i) {
    const GroupNumber number = noisy_[i - 1];
    if (takes_too_much(groups_[number])) continue;
    groups_[number].noisy = false;
    noisy_.erase(noisy_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    update(number);
  }
  while (!available_.empty()) {
    const auto [under, position] = *available_.begin();
    if (under != kFree) return position;
    const GroupNumber number = entries_.find(position)->group;
    if (number == kAlone || !takes_too_much(groups_[number])) return position;
    groups_[number].noisy = true;
    noisy_.push_back(number);
    update(number);
  }
  return std::nullopt;
}

std::optional<GroupKey> GroupIndex::key_of(Position position) const {
  const GroupNumber group = entries_.find(position)->group;
  return group == kAlone ? std::nullopt : std::optional(groups_[group].key);
}

std::optional<Position> GroupIndex::first_if_open(const GroupKey& key) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end() || groups_[known->second].leased != 0) return std::nullopt;
  const Position first = first_of(groups_[known->second]);
  if (first == 0 || entries_.find(first)->waits) return std::nullopt;
  return first;
}

bool GroupIndex::is_open(Position position) const {
  const Entry& entry = *entries_.find(position);
  if (entry.place == Place::kLeased || entry.place == Place::kAside) return false;
  if (entry.group == kAlone) return true;
  const Group& group = groups_[entry.group];
  return fair_ ? !group.noisy : group.leased == 0;
}

bool GroupIndex::same_group(Position a, Position b) const {
  const GroupNumber group = entries_.find(a)->group;
  return group != kAlone && group == entries_.find(b)->group;
}

bool GroupIndex::goes_with(Position position, Position from) const {
  if (is_open(position)) return true;
  if (!contains(from)) return false;
  if (!fair_) return same_group(position, from);
  const Place place = entries_.find(position)->place;
  return place != Place::kLeased && place != Place::kAside && !is_open(from);
}

}  // namespace polymq::engine
