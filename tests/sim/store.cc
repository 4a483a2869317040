// Commits that end late, or badly.
#include "store.h"

#include <cstring>

namespace polymq::sim {

using storage::CommitEnd;

void Store::append(const storage::MessageRecord& message) {
  const Key key{message.queue, message.position};
  if (!kept_.insert(key).second) {
    violated("(a) position %lu of queue #%lu is stored twice", message.position, message.queue);
  }
  StoredName name{0, std::string(message.exchange), std::string(message.routing_key)};
  if (message.body.size() >= sizeof(name.message)) {
    std::memcpy(&name.message, message.body.data(), sizeof(name.message));
  }
  open_.messages.push_back(key);
  open_.appended.emplace_back(name, message.queue);
  appended_[open_.appended.back()] = State::kUnderWay;
  names_[key] = std::move(name);
  touched_ = true;
}

// A range may have positions that were never stored: a purge names what was ready.
void Store::settle(std::uint64_t queue, std::uint64_t first, std::uint64_t last) {
  if (closed_.contains(queue)) return;
  for (const auto* set : {&kept_, &lost_}) {
    std::vector<Key> found(set->lower_bound({queue, first}), set->upper_bound({queue, last}));
    for (const Key& key : found) settle_one(key);
  }
}

void Store::remove_queue(std::uint64_t queue) {
  for (const auto* set : {&kept_, &lost_}) {
    std::vector<Key> found(set->lower_bound({queue, 0}), set->upper_bound({queue, UINT64_MAX}));
    for (const Key& key : found) settle_one(key);
  }
}

void Store::settle_one(const Key& key) {
  const auto [queue, position] = key;
  if (kept_.erase(key) == 0) lost_.erase(key);
  const auto name = names_.find(key);
  open_.settled.emplace_back(std::move(name->second), queue);
  settled_[open_.settled.back()] = State::kUnderWay;
  names_.erase(name);
  touched_ = true;
}

void Store::seal(MonotonicMs) {
  if (!touched_) return;
  touched_ = false;
  ++sealed_;
  under_way_.push_back(std::exchange(open_, {}));
}

void Store::take_ended(std::vector<CommitEnd>& ended) {
  static constexpr CommitEnd kBad[] = {CommitEnd::kFailed, CommitEnd::kFenced, CommitEnd::kUnknown};
  while (!under_way_.empty() && !random_.chance(faults_.delay_percent)) {
    const Commit commit = std::move(under_way_.front());
    under_way_.pop_front();
    CommitEnd end = CommitEnd::kDurable;
    State state = State::kDurable;
    if (random_.chance(faults_.fail_percent)) {
      end = random_.pick(kBad);
      state = State::kFailed;
      log_.add("store: a commit of %zu messages fails (%d)", commit.messages.size(),
               static_cast<int>(end));
      for (const Key& key : commit.messages) {
        if (kept_.erase(key) != 0) lost_.insert(key);
      }
    }
    for (const Place& place : commit.appended) appended_[place] = state;
    for (const Place& place : commit.settled) settled_[place] = state;
    ended.push_back(end);
  }
}

Store::State Store::appended(const StoredName& name) const {
  State worst = State::kUnknown;
  for (auto it = appended_.lower_bound({name, 0}); it != appended_.end() && it->first.first == name;
       ++it) {
    const bool worse = worst == State::kUnknown || worst == State::kDurable;
    if (worse) worst = it->second;
  }
  return worst;
}

Store::State Store::appended(const StoredName& name, std::uint64_t queue) const {
  const auto known = appended_.find({name, queue});
  return known == appended_.end() ? State::kUnknown : known->second;
}

Store::State Store::settled(const StoredName& name, std::uint64_t queue) const {
  const auto known = settled_.find({name, queue});
  return known == settled_.end() ? State::kUnknown : known->second;
}

}  // namespace polymq::sim
