// For tests: stores in memory that really keep what they are given, over the end of a cluster too.
// They end commits and answer reads when they are told.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/message_store.h"
#include "storage/metadata_store.h"

namespace polymq::engine {

/// What is on the "disk": all stores of a cluster share it, and those of the next cluster find it.
struct KeptMessages {
  struct Message {
    storage::MessageRecord record;  // without its texts
    std::string exchange, routing_key, properties, body;
    bool damaged = false;  // it cannot be read back
    std::optional<storage::Lease> lease = {};
  };
  struct Queue {
    std::map<std::uint64_t, Message> messages;
    std::uint64_t next_position = 1;
    std::uint64_t handed_out = 0;
  };
  std::map<std::uint64_t, Queue> queues;
  bool given_up = false;  // in this life

  std::size_t messages() const {
    std::size_t sum = 0;
    for (const auto& [id, queue] : queues) sum += queue.messages.size();
    return sum;
  }
};

/// One shard's.
class KeepingStore final : public storage::MessageStore {
 public:
  explicit KeepingStore(KeptMessages& kept) : kept_(kept) { kept_.given_up = false; }

  void set_sync(std::uint64_t queue, std::optional<storage::SyncPolicy> policy) override {
    syncs[queue] = policy;
  }
  storage::StoredQueue open_queue(std::uint64_t queue, storage::Lane) override {
    const KeptMessages::Queue& found = kept_.queues[queue];
    Open& open = open_[queue];
    open.readable_below = found.next_position;
    open.delivered_below = open.marked_below = found.handed_out;
    open.sealed_below = found.next_position;
    storage::StoredQueue stored;
    stored.next_position = found.next_position;
    for (const auto& [position, message] : found.messages) {
      open.live.insert(position);
      if (message.lease) stored.leases.push_back({position, *message.lease});
      add_to(stored, position, message);
    }
    return stored;
  }
  void close_queue(std::uint64_t incarnation) override {
    const auto of_it = [&](std::uint64_t log) {
      return storage::incarnation_of(log) == incarnation;
    };
    std::erase_if(open_, [&](const auto& open) { return of_it(open.first); });
    std::erase_if(staged_, [&](const Change& change) { return of_it(change.queue); });
  }
  void remove_queue(std::uint64_t incarnation) override {
    std::erase_if(kept_.queues, [&](const auto& queue) {
      return storage::incarnation_of(queue.first) == incarnation;
    });
  }
  void queues_known(std::uint64_t) override {}
  void give_up() override { kept_.given_up = true; }

  void append(const storage::MessageRecord& message) override {
    KeptMessages::Message copy{message, std::string(message.exchange),
                               std::string(message.routing_key), std::string(message.properties),
                               std::string(message.body)};
    const std::uint64_t position = message.position;
    open_.at(message.queue).live.insert(position);
    stage(message.queue, position, [position, copy = std::move(copy)](KeptMessages::Queue& queue) {
      queue.messages[position] = copy;
      queue.next_position = std::max(queue.next_position, position + 1);
    });
  }
  void settle(std::uint64_t queue, std::uint64_t first, std::uint64_t last) override {
    const auto open = open_.find(queue);
    if (open == open_.end()) return;  // closed: all is settled
    ++settles;
    erase(open->second.live, first, last);
    stage(queue, 0, [first, last](KeptMessages::Queue& of) { erase(of.messages, first, last); });
  }
  void lent(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
            std::uint16_t failed, const storage::Lease& lease) override {
    count(queue, position, acquired, failed, lease);
  }
  void returned(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
                std::uint16_t failed) override {
    count(queue, position, acquired, failed, std::nullopt);
  }
  void handed_out(std::uint64_t queue, std::uint64_t below) override {
    ++marks;
    stage(queue, 0, [below](KeptMessages::Queue& of) {
      of.handed_out = std::max(of.handed_out, below);
      of.next_position = std::max(of.next_position, below);
    });
  }
  storage::Unmarked unmarked(std::uint64_t queue) const override {
    if (refuses()) return {};
    const Open& open = open_.at(queue);
    return {open.marked_below, open.sealed_below};
  }
  void join_unit(std::uint64_t, std::uint32_t) override {}

  storage::CommitNumber await_staged() override { return touched_ ? sealed_ + 1 : 0; }
  storage::CommitNumber await_everything() override {
    return touched_ ? sealed_ + 1 : under_way_.empty() ? 0 : sealed_;
  }
  void seal(MonotonicMs) override {
    if (!std::exchange(touched_, false)) return;
    ++sealed_;
    for (const Change& change : staged_) {
      std::uint64_t& sealed_below = open_.at(change.queue).sealed_below;
      sealed_below = std::max(sealed_below, change.appended + 1);
    }
    under_way_.push_back(std::exchange(staged_, {}));
  }
  void flush() override { seal(0); }
  MonotonicMs seal_due() const override { return kNever; }
  void take_ended(std::vector<storage::CommitEnd>& ended) override {
    if (commits_held) return;
    for (const std::vector<Change>& commit : std::exchange(under_way_, {})) {
      if (kept_.given_up) {
        ended.push_back(storage::CommitEnd::kFailed);
        continue;
      }
      for (const Change& change : commit) apply(change);
      ended.push_back(storage::CommitEnd::kDurable);
    }
  }
  bool behind() const override { return false; }
  bool refuses() const override { return kept_.given_up; }

  std::uint64_t readable_below(std::uint64_t queue) const override {
    const auto it = open_.find(queue);
    return it == open_.end() ? 0 : it->second.readable_below;
  }
  void read_ranges(std::uint64_t queue, std::span<const storage::PositionRange> wanted,
                   std::uint64_t bytes) override {
    ++reads;
    Read read{queue, wanted.front().first, storage::kLastPosition, {}};
    for (const storage::PositionRange& range : wanted) {
      if (!add_positions(read, range, bytes)) break;
    }
    reads_.push_back(std::move(read));
  }
  void take_read(std::vector<storage::ReadMessages>& read) override {
    if (reads_held) return;
    for (const Read& one : std::exchange(reads_, {})) {
      if (open_.contains(one.queue)) read.push_back(answer(one));
    }
  }

  /// Has it something to tell? In a broker it would wake its shard.
  bool has_news() const override {
    return (!commits_held && !under_way_.empty()) || (!reads_held && !reads_.empty());
  }
  /// Nothing is kept any more: the process has died.
  void die() { dead_ = true; }

  bool commits_held = false;
  std::map<std::uint64_t, std::optional<storage::SyncPolicy>> syncs;  // as they were told
  bool reads_held = false;
  std::uint64_t reads = 0;  // asked for
  std::uint64_t marks = 0;
  std::uint64_t settles = 0;      // each of a range
  std::uint64_t bytes_asked = 0;  // with these, of bodies

 private:
  struct Open {
    std::set<std::uint64_t> live;  // appended, and not settled
    std::uint64_t readable_below = 0;
    std::uint64_t delivered_below = 0;  // before the start
    std::uint64_t marked_below = 0;
    std::uint64_t sealed_below = 0;
  };
  struct Change {
    std::uint64_t queue;
    std::uint64_t appended;  // position; 0: it is something else
    std::function<void(KeptMessages::Queue&)> make;
  };
  struct Read {
    std::uint64_t queue;
    std::uint64_t first;
    std::uint64_t next;
    std::vector<std::uint64_t> positions;
  };

  static void erase(auto& from, std::uint64_t first, std::uint64_t last) {
    from.erase(from.lower_bound(first), from.upper_bound(last));
  }
  static void add_to(storage::StoredQueue& stored, std::uint64_t position,
                     const KeptMessages::Message& message) {
    if (stored.ranges.empty() || stored.ranges.back().last + 1 != position) {
      stored.ranges.push_back({.first = position});
    }
    storage::append_run(stored.priorities, {1, message.record.priority});
    storage::StoredRange& range = stored.ranges.back();
    range.last = position;
    range.body_bytes += message.body.size();
    range.with_ttl += message.record.ttl_ms >= 0 ? 1 : 0;
  }
  /// False: it ended before the range did.
  bool add_positions(Read& read, const storage::PositionRange& range, std::uint64_t& bytes) {
    const Open& open = open_.at(read.queue);
    for (auto it = open.live.lower_bound(range.first); it != open.live.end() && *it < range.end;
         ++it) {
      if (*it >= open.readable_below || bytes == 0) {
        read.next = *it;
        return false;
      }
      read.positions.push_back(*it);
      const std::uint64_t size = kept_.queues[read.queue].messages.at(*it).body.size();
      bytes_asked += size;
      bytes -= std::min<std::uint64_t>(bytes, size);
    }
    return true;
  }
  void count(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
             std::uint16_t failed, std::optional<storage::Lease> lease) {
    stage(queue, 0, [=](KeptMessages::Queue& of) {
      const auto it = of.messages.find(position);
      if (it == of.messages.end()) return;
      it->second.record.acquired = acquired;
      it->second.record.failed = failed;
      it->second.record.delivered = it->second.record.delivered || acquired != 0;
      it->second.lease = lease;
    });
  }
  void stage(std::uint64_t queue, std::uint64_t appended,
             std::function<void(KeptMessages::Queue&)> make) {
    touched_ = true;
    staged_.push_back({queue, appended, std::move(make)});
  }
  void apply(const Change& change) {
    if (dead_) return;
    const auto kept = kept_.queues.find(change.queue);
    const auto open = open_.find(change.queue);
    if (kept == kept_.queues.end() || open == open_.end()) return;
    change.make(kept->second);
    open->second.readable_below = std::max(open->second.readable_below, change.appended + 1);
    open->second.marked_below = std::max(open->second.marked_below, kept->second.handed_out);
  }
  storage::ReadMessages answer(const Read& read) {
    storage::ReadMessages done;
    done.queue = read.queue;
    done.first = read.first;
    done.next = read.next;
    const Open& open = open_.at(read.queue);
    for (const std::uint64_t position : read.positions) {
      if (!open.live.contains(position)) continue;  // settled while it was read
      const KeptMessages::Message& message = kept_.queues[read.queue].messages.at(position);
      if (message.damaged) {
        done.damages.push_back({position, position, "a wrong checksum"});
        continue;
      }
      storage::MessageRecord record = message.record;
      record.exchange = own(done, message.exchange);
      record.routing_key = own(done, message.routing_key);
      record.properties = own(done, message.properties);
      record.body = own(done, message.body);
      record.delivered = record.delivered || position < open.delivered_below;
      done.messages.push_back(std::move(record));
    }
    return done;
  }
  static std::string_view own(storage::ReadMessages& done, const std::string& text) {
    done.bytes.push_back(std::make_unique<std::string>(text));
    return *done.bytes.back();
  }

  KeptMessages& kept_;
  std::map<std::uint64_t, Open> open_;
  bool touched_ = false;
  bool dead_ = false;
  storage::CommitNumber sealed_ = 0;
  std::vector<Change> staged_;
  std::vector<std::vector<Change>> under_way_;
  std::vector<Read> reads_;
};

/// What was declared, for the next cluster to begin with.
class KeepingMetadata final : public storage::MetadataStore {
 public:
  void append(std::uint64_t version, std::vector<storage::MetadataChange> changes) override {
    ++untold_;
    if (broken) return;
    image_.version = version;
    for (const auto& change : changes) {
      std::visit([this](const auto& what) { apply(what); }, change);
    }
  }
  void take_ended(std::vector<storage::MetadataEnd>& ended) override {
    const std::size_t told = std::min(untold_, may_end);
    ended.insert(ended.end(), told,
                 broken ? storage::MetadataEnd::kFailed : storage::MetadataEnd::kDurable);
    untold_ -= told;
    if (may_end != kAll) may_end -= told;
  }
  const storage::MetadataImage& image() const { return image_; }

  bool broken = false;
  static constexpr std::size_t kAll = SIZE_MAX;
  std::size_t may_end = kAll;  // so many more

 private:
  template <class Row>
  static void put(std::vector<Row>& rows, const Row& row) {
    std::erase_if(rows, [&](const Row& old) { return old.id == row.id; });
    rows.push_back(row);
  }
  void apply(const storage::VhostRow& row) { put(image_.vhosts, row); }
  void apply(const storage::ExchangeRow& row) { put(image_.exchanges, row); }
  void apply(const storage::QueueRow& row) { put(image_.queues, row); }
  void apply(const storage::BindingRow& row) { image_.bindings.push_back(row); }
  void apply(const storage::BindingGone& gone) { std::erase(image_.bindings, gone.binding); }
  void apply(const storage::PolicyRow& row) {
    apply(storage::PolicyGone{row.vhost, row.by_operator, row.name});
    image_.policies.push_back(row);
  }
  void apply(const storage::PolicyGone& gone) {
    std::erase_if(image_.policies, [&](const storage::PolicyRow& row) {
      return row.vhost == gone.vhost && row.by_operator == gone.by_operator &&
             row.name == gone.name;
    });
  }
  void apply(const storage::QueueGone& gone) {
    std::erase_if(image_.queues, [&](const auto& row) { return row.id == gone.id; });
    unbind(gone.id);
  }
  void apply(const storage::ExchangeGone& gone) {
    std::erase_if(image_.exchanges, [&](const auto& row) { return row.id == gone.id; });
    unbind(gone.id);
  }
  void apply(const storage::VhostGone& gone) {
    std::erase_if(image_.vhosts, [&](const auto& row) { return row.id == gone.id; });
    std::erase_if(image_.policies, [&](const auto& row) { return row.vhost == gone.id; });
    std::vector<std::uint64_t> went;
    for (const auto& row : image_.queues) {
      if (row.vhost == gone.id) went.push_back(row.id);
    }
    for (const std::uint64_t id : std::exchange(went, {})) apply(storage::QueueGone{id});
    for (const auto& row : image_.exchanges) {
      if (row.vhost == gone.id) went.push_back(row.id);
    }
    for (const std::uint64_t id : went) apply(storage::ExchangeGone{id});
  }
  void unbind(std::uint64_t id) {
    std::erase_if(image_.bindings, [&](const storage::BindingRow& row) {
      return row.source == id || row.destination == id;
    });
  }

  storage::MetadataImage image_;
  std::size_t untold_ = 0;
};

}  // namespace polymq::engine
