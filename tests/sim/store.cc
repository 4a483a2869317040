// Commits that end late, or badly.
#include "store.h"

namespace polymq::sim {

using storage::CommitEnd;

void Store::append(const storage::MessageRecord& message) {
  const Key key{message.queue, message.position};
  if (!kept_.insert(key).second) {
    violated("(a) position %lu of queue #%lu is stored twice", message.position, message.queue);
  }
  open_.push_back(key);
  touched_ = true;
}

void Store::settle(std::uint64_t queue, std::uint64_t position) {
  if (kept_.erase({queue, position}) == 0 && lost_.erase({queue, position}) == 0) {
    violated("(a) position %lu of queue #%lu is settled but not stored", position, queue);
  }
  touched_ = true;
}

void Store::begin_unit() {
  if (in_unit_) violated("(g) a unit within a unit");
  in_unit_ = true;
}

void Store::end_unit() {
  if (!in_unit_) violated("(g) the end of no unit");
  in_unit_ = false;
}

void Store::seal() {
  if (in_unit_) violated("(g) a unit is open at the end of a turn");
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
    if (random_.chance(faults_.fail_percent)) {
      end = random_.pick(kBad);
      log_.add("store: a commit of %zu messages fails (%d)", commit.size(), static_cast<int>(end));
      for (const Key& key : commit) {
        if (kept_.erase(key) != 0) lost_.insert(key);
      }
    }
    ended.push_back(end);
  }
}

}  // namespace polymq::sim
