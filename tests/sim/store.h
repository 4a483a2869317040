// A message store that takes its time, fails when told to, keeps what it is given on the simulated
// disk, and checks what it is asked to do.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "disk.h"
#include "event_log.h"
#include "random.h"
#include "storage/message_store.h"

namespace polymq::sim {

struct StoreFaults {
  unsigned delay_percent = 0;  // the chance that a commit or a read is not done yet when asked
  unsigned fail_percent = 0;
  unsigned lazy_percent = 0;  // the chance that what nobody waits for stays staged
};

/// A message as it was published: the number that its body begins with, and where it was sent.
/// Dead letters are sent elsewhere, so that they are told from their originals.
struct StoredName {
  std::uint64_t message;
  std::string exchange;
  std::string routing_key;
  auto operator<=>(const StoredName&) const = default;
};

/// Checks: queues are opened before anything is said of them, positions only grow,
/// one read at a time for each queue, and (kept() after everything was deleted) nothing
/// stays behind.
class Store final : public storage::MessageStore {
 public:
  /// `writer`: its number with the disk.
  Store(std::uint64_t seed, StoreFaults faults, EventLog& log, Disk& disk, std::size_t writer)
      : random_(seed), faults_(faults), log_(log), disk_(disk), writer_(writer) {}

  storage::StoredQueue open_queue(std::uint64_t queue, storage::Lane lane) override;
  void set_sync(std::uint64_t, std::optional<storage::SyncPolicy>) override {}  // all: synced
  void close_queue(std::uint64_t incarnation) override;
  void remove_queue(std::uint64_t incarnation) override;
  void queues_known(std::uint64_t newest) override { disk_.queues_known(newest); }
  void give_up() override { disk_.break_down(); }
  void append(const storage::MessageRecord& message) override;
  void settle(std::uint64_t queue, std::uint64_t first, std::uint64_t last) override;
  void lent(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
            std::uint16_t failed, const storage::Lease& lease) override;
  void returned(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
                std::uint16_t failed) override;
  void handed_out(std::uint64_t queue, std::uint64_t below) override;
  storage::Unmarked unmarked(std::uint64_t queue) const override;
  void join_unit(std::uint64_t unit, std::uint32_t parts) override;
  storage::CommitNumber await_staged() override;
  storage::CommitNumber await_everything() override;
  void seal(MonotonicMs now) override;
  void flush() override;
  MonotonicMs seal_due() const override;
  void take_ended(std::vector<storage::CommitEnd>& ended) override;
  bool behind() const override { return false; }
  bool refuses() const override { return disk_.broken(); }
  std::uint64_t readable_below(std::uint64_t queue) const override;
  void read_ranges(std::uint64_t queue, std::span<const storage::PositionRange> wanted,
                   std::uint64_t bytes) override;
  void take_read(std::vector<storage::ReadMessages>& read) override;

  /// From now on commits end at once and well: a simulation comes to its end.
  void calm() { faults_ = {}; }
  bool idle() const { return !touched_ && under_way_.empty() && reads_.empty(); }
  std::size_t kept() const;
  std::uint64_t messages_read() const { return messages_read_; }

  enum class State : std::uint8_t { kUnknown, kUnderWay, kDurable, kFailed };
  /// What became of the commit with that message: the worst of it if several queues took it.
  State appended(const StoredName& name) const;
  /// The same, for one queue.
  State appended(const StoredName& name, std::uint64_t queue) const;
  /// What became of the commit with its settlement.
  State settled(const StoredName& name, std::uint64_t queue) const;

 private:
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  using Place = std::pair<StoredName, std::uint64_t>;  // in a queue
  /// A queue as this shard knows it.
  struct Open {
    std::map<std::uint64_t, std::uint64_t> live = {};  // sealed, and not settled: body bytes
    std::uint64_t next = 1;                            // no position from here on was appended
    std::uint64_t readable_below = 0;
    std::uint64_t delivered_below = 0;  // before this life
    std::uint64_t told_handed_out = 0;
    std::uint64_t marked_below = 0;  // that it was told so is durable
    std::uint64_t sealed_below = 0;
    bool reading = false;
    bool closed = false;
  };
  struct Staged {
    storage::MessageRecord message;  // with the engine's views
    bool gone = false;               // settled meanwhile, or its queue was closed
  };
  struct Commit {
    std::vector<Key> messages = {};
    std::vector<Place> appended = {};
    std::vector<Place> settled = {};
    std::map<std::uint64_t, std::uint64_t> readable = {};  // by queue: below
    std::map<std::uint64_t, std::uint64_t> marked = {};
  };
  struct Read {
    std::uint64_t queue;
    std::uint64_t first;
    std::uint64_t next;
    std::vector<std::uint64_t> positions;
  };

  Open* find(std::uint64_t queue);
  const Open* find(std::uint64_t queue) const { return const_cast<Store*>(this)->find(queue); }
  void adopt(std::uint64_t queue, const KeptMessage& message);
  Staged* staged_at(const Key& key);
  void note_settled(const Key& key);
  void forget_lent(std::uint64_t queue, std::uint64_t first, std::uint64_t last);
  void close_log(std::uint64_t log);
  void remove_log(std::uint64_t log);
  void touch(std::uint64_t queue);
  void seal_now();
  void end(const Commit& commit, storage::CommitEnd how);
  storage::ReadMessages answer(const Read& read);

  Random random_;
  StoreFaults faults_;
  EventLog& log_;
  Disk& disk_;
  const std::size_t writer_;

  std::map<std::uint64_t, Open> queues_;
  std::map<Key, std::size_t> staged_at_;  // into staged_
  std::vector<Staged> staged_;
  std::map<Key, Batch::Lent> lent_;  // the last word on each that is staged
  Batch batch_;                      // what else is staged
  Commit commit_;
  bool touched_ = false;
  bool awaited_ = false;
  MonotonicMs touched_since_ = kNever;
  storage::CommitNumber sealed_ = 0;
  std::deque<Commit> under_way_;
  bool failed_ = false;  // some commit has: no more becomes readable
  std::vector<Read> reads_;
  std::uint64_t messages_read_ = 0;

  std::map<Key, StoredName> names_;  // staged, live, and of failed commits while held
  std::map<Place, State> appended_;
  std::map<Place, State> settled_;
};

}  // namespace polymq::sim
