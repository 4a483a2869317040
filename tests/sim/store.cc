// Staging, sealing, and what follows when a commit has ended.
#include "store.h"

#include <algorithm>
#include <cstring>

namespace polymq::sim {
namespace {

using storage::CommitEnd;

// What nobody waits for is handed over that late at most.
constexpr MonotonicMs kLazyMs = 3;

constexpr storage::LogPart kParts[] = {storage::LogPart::kMessages, storage::LogPart::kSeenIds,
                                       storage::LogPart::kHistory};

StoredName name_of(const storage::MessageRecord& message) {
  StoredName name{0, std::string(message.exchange), std::string(message.routing_key)};
  if (message.body.size() >= sizeof(name.message)) {
    std::memcpy(&name.message, message.body.data(), sizeof(name.message));
  }
  return name;
}

void add_to(storage::StoredQueue& stored, const storage::MessageRecord& message) {
  if (stored.ranges.empty() || stored.ranges.back().last + 1 != message.position) {
    stored.ranges.push_back({.first = message.position});
  }
  storage::append_run(stored.priorities, {1, message.priority});
  storage::StoredRange& range = stored.ranges.back();
  range.last = message.position;
  range.body_bytes += message.body.size();
  range.with_ttl += message.ttl_ms >= 0 ? 1 : 0;
}

}  // namespace

// --- queues -------------------------------------------------------------------------------------

Store::Open* Store::find(std::uint64_t queue) {
  const auto known = queues_.find(queue);
  return known == queues_.end() || known->second.closed ? nullptr : &known->second;
}

storage::StoredQueue Store::open_queue(std::uint64_t queue, storage::Lane) {
  const auto [opened, is_new] = queues_.try_emplace(queue);
  if (!is_new) violated("(h) queue #%lu is opened twice", queue);
  const KeptQueue* kept = disk_.queue(queue);
  if (kept == nullptr) return {};
  Open& open = opened->second;
  open.next = open.readable_below = kept->next_position;
  open.delivered_below = open.told_handed_out = open.marked_below = kept->handed_out;
  open.sealed_below = kept->next_position;
  storage::StoredQueue stored;
  stored.next_position = kept->next_position;
  for (const auto& [position, message] : kept->messages) {
    open.live[position] = message.record.body.size();
    add_to(stored, message.record);
    if (const auto lease = disk_.find_lease(message)) stored.leases.push_back({position, *lease});
    adopt(queue, message);
  }
  return stored;
}

void Store::adopt(std::uint64_t queue, const KeptMessage& message) {
  StoredName name = name_of(message.record);
  appended_[{name, queue}] = State::kDurable;
  names_[{queue, message.record.position}] = std::move(name);
}

void Store::close_queue(std::uint64_t incarnation) {
  for (const storage::LogPart part : kParts) close_log(storage::log_of(incarnation, part));
}

void Store::close_log(std::uint64_t queue) {
  Open* open = find(queue);
  if (open == nullptr) return;
  open->closed = true;
  const auto from = staged_at_.lower_bound({queue, 0});
  const auto to = staged_at_.upper_bound({queue, UINT64_MAX});
  for (auto at = from; at != to; ++at) staged_[at->second].gone = true;
  staged_at_.erase(from, to);
  forget_lent(queue, 0, UINT64_MAX);
}

void Store::forget_lent(std::uint64_t queue, std::uint64_t first, std::uint64_t last) {
  lent_.erase(lent_.lower_bound({queue, first}), lent_.upper_bound({queue, last}));
}

void Store::remove_queue(std::uint64_t incarnation) {
  for (const storage::LogPart part : kParts) remove_log(storage::log_of(incarnation, part));
}

void Store::remove_log(std::uint64_t queue) {
  const auto known = queues_.find(queue);
  if (known == queues_.end()) return;
  if (!known->second.closed) violated("(h) queue #%lu is removed, but not closed", queue);
  queues_.erase(known);
  const auto from = names_.lower_bound({queue, 0});
  const auto to = names_.upper_bound({queue, UINT64_MAX});
  for (auto name = from; name != to; ++name) {
    commit_.settled.emplace_back(name->second, queue);
    settled_[commit_.settled.back()] = State::kUnderWay;
  }
  names_.erase(from, to);
  batch_.changes.emplace_back(Batch::Removed{queue});
  touch(queue);
}

// --- staging ------------------------------------------------------------------------------------

void Store::touch(std::uint64_t queue) {
  touched_ = true;
  batch_.newest_queue = std::max(batch_.newest_queue, storage::incarnation_of(queue));
}

void Store::append(const storage::MessageRecord& message) {
  Open* open = find(message.queue);
  if (open == nullptr) violated("(h) queue #%lu is not open", message.queue);
  if (message.position < open->next) {
    violated("(a) position %lu of queue #%lu is stored twice", message.position, message.queue);
  }
  const Key key{message.queue, message.position};
  open->next = message.position + 1;
  staged_at_[key] = staged_.size();
  staged_.push_back({message});
  StoredName name = name_of(message);
  commit_.messages.push_back(key);
  commit_.appended.emplace_back(name, message.queue);
  commit_.readable[message.queue] = message.position + 1;
  appended_[commit_.appended.back()] = State::kUnderWay;
  names_[key] = std::move(name);
  touch(message.queue);
}

// A range may have positions that were never stored: a purge names what was ready.
void Store::settle(std::uint64_t queue, std::uint64_t first, std::uint64_t last) {
  Open* open = find(queue);
  if (open == nullptr) return;
  const auto from = staged_at_.lower_bound({queue, first});
  const auto to = staged_at_.upper_bound({queue, last});
  for (auto at = from; at != to; ++at) staged_[at->second].gone = true;
  staged_at_.erase(from, to);
  forget_lent(queue, first, last);
  const auto sealed = open->live.lower_bound(first);
  const auto end = open->live.upper_bound(last);
  if (sealed != end) {
    open->live.erase(sealed, end);
    batch_.changes.emplace_back(Batch::Settled{queue, first, last});
    touch(queue);
  }
  const auto named = names_.lower_bound({queue, first});
  const auto named_end = names_.upper_bound({queue, last});
  for (auto name = named; name != named_end; ++name) note_settled(name->first);
  names_.erase(named, named_end);
}

void Store::note_settled(const Key& key) {
  commit_.settled.emplace_back(names_.at(key), key.first);
  settled_[commit_.settled.back()] = State::kUnderWay;
  touch(key.first);
}

Store::Staged* Store::staged_at(const Key& key) {
  const auto staged = staged_at_.find(key);
  return staged == staged_at_.end() ? nullptr : &staged_[staged->second];
}

void Store::lent(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
                 std::uint16_t failed, const storage::Lease& lease) {
  const Open* open = find(queue);
  if (open == nullptr || refuses()) return;
  const Key key{queue, position};
  if (!staged_at_.contains(key) && !open->live.contains(position)) return;
  lent_.insert_or_assign(key, Batch::Lent{queue, position, acquired, failed, lease});
  touch(queue);
}

void Store::returned(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
                     std::uint16_t failed) {
  const Open* open = find(queue);
  if (open == nullptr) return;
  lent_.erase({queue, position});
  if (Staged* staged = staged_at({queue, position})) {
    staged->message.acquired = acquired;
    staged->message.failed = failed;
  } else if (open->live.contains(position)) {
    batch_.changes.emplace_back(Batch::Returned{queue, position, acquired, failed});
    touch(queue);
  }
}

void Store::handed_out(std::uint64_t queue, std::uint64_t below) {
  Open* open = find(queue);
  if (open == nullptr) return;
  open->told_handed_out = std::max(open->told_handed_out, below);
  batch_.changes.emplace_back(Batch::HandedOut{queue, below});
  commit_.marked[queue] = open->told_handed_out;
  touch(queue);
}

storage::Unmarked Store::unmarked(std::uint64_t queue) const {
  const Open* open = find(queue);
  if (open == nullptr || failed_ || refuses()) return {};
  return {open->marked_below, open->sealed_below};
}

void Store::join_unit(std::uint64_t unit, std::uint32_t parts) {
  if (parts < 2) return;
  // One part for each shard, however often it is named.
  const auto same = [&](const Batch::Part& part) { return part.unit == unit; };
  if (std::any_of(batch_.parts.begin(), batch_.parts.end(), same)) return;
  batch_.parts.push_back({unit, parts});
  touched_ = true;
}

// --- commits ------------------------------------------------------------------------------------

storage::CommitNumber Store::await_staged() {
  if (!touched_) return 0;
  awaited_ = true;
  return sealed_ + 1;
}

storage::CommitNumber Store::await_everything() {
  if (const storage::CommitNumber staged = await_staged(); staged != 0) return staged;
  return under_way_.empty() ? 0 : sealed_;
}

void Store::seal(MonotonicMs now) {
  if (!touched_) return;
  if (touched_since_ == kNever) touched_since_ = now;
  // Parts of units go at once, because others wait for them.
  const bool may_wait =
      batch_.parts.empty() && (!awaited_ || !under_way_.empty()) && now < touched_since_ + kLazyMs;
  if (!may_wait || !random_.chance(faults_.lazy_percent)) seal_now();
}

void Store::flush() {
  if (touched_) seal_now();
}

MonotonicMs Store::seal_due() const {
  return touched_since_ == kNever ? kNever : touched_since_ + kLazyMs;
}

void Store::seal_now() {
  for (const Staged& staged : staged_) {
    if (staged.gone) continue;
    const storage::MessageRecord& message = staged.message;
    Open& open = queues_.at(message.queue);
    open.live[message.position] = message.body.size();
    open.sealed_below = message.position + 1;
    batch_.changes.emplace_back(KeptMessage(message));
  }
  for (const auto& [key, lent] : std::exchange(lent_, {})) batch_.changes.emplace_back(lent);
  staged_.clear();
  staged_at_.clear();
  disk_.submit(writer_, std::exchange(batch_, {}));
  under_way_.push_back(std::exchange(commit_, {}));
  ++sealed_;
  touched_ = false;
  awaited_ = false;
  touched_since_ = kNever;
}

void Store::take_ended(std::vector<CommitEnd>& ended) {
  static constexpr CommitEnd kBad[] = {CommitEnd::kFailed, CommitEnd::kFenced, CommitEnd::kUnknown};
  while (!under_way_.empty() && !random_.chance(faults_.delay_percent)) {
    if (!disk_.has_ended(writer_)) {
      const bool fails = random_.chance(faults_.fail_percent);
      if (!disk_.write(writer_, fails ? random_.pick(kBad) : CommitEnd::kDurable)) return;
      if (random_.chance(faults_.delay_percent)) return;  // nobody knows yet
    }
    const CommitEnd how = disk_.take_ended(writer_);
    end(under_way_.front(), how);
    under_way_.pop_front();
    ended.push_back(how);
  }
}

void Store::end(const Commit& commit, CommitEnd how) {
  const State state = how == CommitEnd::kDurable ? State::kDurable : State::kFailed;
  if (state == State::kFailed) {
    log_.add("store: a commit of %zu messages fails (%d)", commit.messages.size(),
             static_cast<int>(how));
    failed_ = true;
    for (const auto& [queue, position] : commit.messages) {
      if (const auto open = queues_.find(queue); open != queues_.end()) {
        open->second.live.erase(position);
      }
    }
  }
  for (const Place& place : commit.appended) appended_[place] = state;
  for (const Place& place : commit.settled) settled_[place] = state;
  if (failed_) return;
  for (const auto& [queue, below] : commit.readable) {
    if (Open* open = find(queue)) open->readable_below = below;
  }
  for (const auto& [queue, below] : commit.marked) {
    if (Open* open = find(queue)) open->marked_below = std::max(open->marked_below, below);
  }
}

std::size_t Store::kept() const {
  std::size_t sum = staged_at_.size();
  for (const auto& [id, queue] : queues_) sum += queue.live.size();
  return sum;
}

Store::State Store::appended(const StoredName& name) const {
  State worst = State::kUnknown;
  for (auto it = appended_.lower_bound({name, 0}); it != appended_.end() && it->first.first == name;
       ++it) {
    // An exchange's part of a unit; that of the queues says as much.
    if (it->first.second != storage::incarnation_of(it->first.second)) continue;
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

// --- reading back -------------------------------------------------------------------------------

std::uint64_t Store::readable_below(std::uint64_t queue) const {
  const Open* open = find(queue);
  return open == nullptr ? 0 : open->readable_below;
}

void Store::read_ranges(std::uint64_t queue, std::span<const storage::PositionRange> wanted,
                        std::uint64_t bytes) {
  Open* open = find(queue);
  if (open == nullptr || std::exchange(open->reading, true)) {
    violated("(h) queue #%lu is read while it is closed, or being read", queue);
  }
  // Pages may end early.
  const std::uint64_t most = random_.chance(50) ? bytes : random_.between(1, 400);
  Read read{queue, wanted.front().first, storage::kLastPosition, {}};
  std::uint64_t found = 0;
  for (const storage::PositionRange& range : wanted) {
    for (auto at = open->live.lower_bound(range.first);
         at != open->live.end() && at->first < range.end; ++at) {
      if (at->first >= open->readable_below || found >= std::min(bytes, most)) {
        read.next = at->first;
        reads_.push_back(std::move(read));
        return;
      }
      read.positions.push_back(at->first);
      found += at->second;
    }
  }
  reads_.push_back(std::move(read));
}

void Store::take_read(std::vector<storage::ReadMessages>& read) {
  std::vector<Read> waiting;
  for (Read& one : std::exchange(reads_, {})) {
    if (random_.chance(faults_.delay_percent)) {
      waiting.push_back(std::move(one));
    } else if (Open* open = find(one.queue)) {
      open->reading = false;
      read.push_back(answer(one));
    }
  }
  reads_ = std::move(waiting);
}

storage::ReadMessages Store::answer(const Read& read) {
  storage::ReadMessages done;
  done.queue = read.queue;
  done.first = read.first;
  done.next = read.next;
  const Open& open = *find(read.queue);
  const KeptQueue* kept = disk_.queue(read.queue);
  for (const std::uint64_t position : read.positions) {
    if (!open.live.contains(position)) continue;  // settled while it was read
    const KeptMessage* message = kept == nullptr ? nullptr : kept->find(position);
    if (message == nullptr) {
      if (disk_.dead()) continue;
      violated("the simulated store does not have position %lu of queue #%lu", position,
               read.queue);
    }
    storage::MessageRecord& record = done.messages.emplace_back(message->record);
    record.delivered = record.delivered || position < open.delivered_below;
    done.bytes.push_back(take_texts(record));
    ++messages_read_;
  }
  return done;
}

}  // namespace polymq::sim
