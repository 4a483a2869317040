// A message store that takes its time, fails when told to, and checks what it is asked to do.
#pragma once

#include <compare>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "event_log.h"
#include "random.h"
#include "storage/message_store.h"

namespace polymq::sim {

struct StoreFaults {
  unsigned delay_percent = 0;  // the chance that a commit is not done yet when asked
  unsigned fail_percent = 0;
};

/// A message as it was published: the number that its body begins with, and where it was sent.
/// Dead letters are sent elsewhere, so that they are told from their originals.
struct StoredName {
  std::uint64_t message;
  std::string exchange;
  std::string routing_key;
  auto operator<=>(const StoredName&) const = default;
};

/// Checks: a position is appended once, and (kept() after
/// everything was deleted) nothing stays behind.
class Store final : public storage::MessageStore {
 public:
  Store(std::uint64_t seed, StoreFaults faults, EventLog& log)
      : random_(seed), faults_(faults), log_(log) {}

  void append(const storage::MessageRecord& message) override;
  storage::StoredQueue open_queue(std::uint64_t, storage::Lane) override { return {}; }
  void close_queue(std::uint64_t queue) override { closed_.insert(queue); }
  void remove_queue(std::uint64_t queue) override;
  void settle(std::uint64_t queue, std::uint64_t first, std::uint64_t last) override;
  void returned(std::uint64_t, std::uint64_t, std::uint16_t, std::uint16_t) override {}
  void handed_out(std::uint64_t, std::uint64_t) override {}
  void join_unit(std::uint64_t, std::uint32_t) override {}
  storage::CommitNumber await_staged() override { return touched_ ? sealed_ + 1 : 0; }
  storage::CommitNumber await_everything() override {
    return touched_ ? sealed_ + 1 : under_way_.empty() ? 0 : sealed_;
  }
  void seal(MonotonicMs now) override;
  void queues_known(std::uint64_t) override {}
  void flush() override {}
  MonotonicMs seal_due() const override { return kNever; }
  void take_ended(std::vector<storage::CommitEnd>& ended) override;
  bool behind() const override { return false; }
  bool refuses() const override { return false; }
  std::uint64_t readable_below(std::uint64_t) const override { return 0; }
  void read(std::uint64_t, std::uint64_t, std::uint64_t) override {}
  void take_read(std::vector<storage::ReadMessages>&) override {}

  /// From now on commits end at once and well: a simulation comes to its end.
  void calm() { faults_ = {}; }
  bool idle() const { return !touched_ && under_way_.empty(); }
  std::size_t kept() const { return kept_.size(); }

  enum class State : std::uint8_t { kUnknown, kUnderWay, kDurable, kFailed };
  /// What became of the commit with that message: the worst of it if several queues took it.
  State appended(const StoredName& name) const;
  /// The same, for one queue.
  State appended(const StoredName& name, std::uint64_t queue) const;
  /// What became of the commit with its settlement.
  State settled(const StoredName& name, std::uint64_t queue) const;

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  void settle_one(const Key& key);
  using Place = std::pair<StoredName, std::uint64_t>;  // in a queue
  struct Commit {
    std::vector<Key> messages;
    std::vector<Place> appended;
    std::vector<Place> settled;
  };

  Random random_;
  StoreFaults faults_;
  EventLog& log_;
  bool touched_ = false;
  storage::CommitNumber sealed_ = 0;
  Commit open_;
  std::deque<Commit> under_way_;
  std::set<Key> kept_;
  std::map<Key, StoredName> names_;
  std::map<Place, State> appended_;
  std::map<Place, State> settled_;
  std::set<std::uint64_t> closed_;
  std::set<Key> lost_;  // of failed commits; the engine may still hold and settle them
};

}  // namespace polymq::sim
