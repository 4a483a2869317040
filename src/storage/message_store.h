// Where messages are kept besides memory. The engine stages records during a turn, seals them at
// its end, and learns later, in order, what became of each commit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "storage/sync_policy.h"

namespace polymq::storage {

/// What is kept of a queue or an exchange is one log or several, each with positions of its own. A
/// log's number is the incarnation of what it belongs to, and which log of it.
enum class LogPart : std::uint8_t {
  kMessages,  // of a queue; those that an exchange holds
  kSeenIds,   // for deduplication
  kHistory,   // the last messages of an exchange
};
inline constexpr int kLogPartShift = 62;
constexpr std::uint64_t log_of(std::uint64_t incarnation, LogPart part) {
  return incarnation | static_cast<std::uint64_t>(part) << kLogPartShift;
}
constexpr LogPart part_of(std::uint64_t log) { return static_cast<LogPart>(log >> kLogPartShift); }
constexpr std::uint64_t incarnation_of(std::uint64_t log) {
  return log & ((std::uint64_t{1} << kLogPartShift) - 1);
}

/// A persistent message as it enters a durable queue, or comes back from one; or another entry of a
/// log.
struct MessageRecord {
  std::uint64_t queue = 0;     // the queue's incarnation, or another log
  std::uint64_t position = 0;  // within the queue
  WallMs enqueued = 0;
  std::uint8_t dialect = 0;
  std::optional<std::uint8_t> priority = {};
  std::string_view exchange = {};
  std::string_view routing_key = {};
  std::string_view properties = {};
  std::string_view body = {};
  std::int64_t ttl_ms = -1;    // its own, in milliseconds; -1: none
  std::string extension = {};  // what only few messages have, as the engine encodes it
  std::uint16_t acquired = 0;
  std::uint16_t failed = 0;
  bool delivered = false;  // perhaps: after a restart it counts as redelivered

  bool operator==(const MessageRecord&) const = default;
};

/// Commits of one shard are numbered from 1 and end in order. 0 stands for "nothing to wait for".
using CommitNumber = std::uint64_t;

enum class CommitEnd : std::uint8_t {
  kDurable,
  kFailed,   // none of it is kept
  kFenced,   // the lane is another node's
  kUnknown,  // it may be kept, or not: to open the lane again tells
};

/// Positions from a first to before an end.
struct PositionRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  bool empty() const { return first == end; }
  bool covers(std::uint64_t position) const { return position >= first && position < end; }
  bool operator==(const PositionRange&) const = default;
};

/// `position` comes behind all that are in `ranges`.
inline void append(std::vector<PositionRange>& ranges, std::uint64_t position) {
  if (ranges.empty() || ranges.back().end != position) ranges.push_back({position, position});
  ++ranges.back().end;
}

/// Messages of a queue, read back in order of their positions.
struct ReadMessages {
  std::uint64_t queue = 0;
  std::uint64_t first = 0;  // asked for from here
  std::uint64_t next = 0;   // all that was asked for below was read; kLastPosition: all of it
  std::vector<MessageRecord> messages;
  std::vector<std::unique_ptr<std::string>> bytes;  // that these have views into
  struct Damage {
    std::uint64_t first;
    std::uint64_t last;
    std::string what;
  };
  std::vector<Damage> damages;  // what could not be read
  bool moving = false;          // the store's own business
};

/// A stretch of a queue's messages that are there after a restart; positions without gaps.
struct StoredRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t with_ttl = 0;  // how many have a time to live of their own
  bool operator==(const StoredRange&) const = default;
};

/// Messages that follow each other and have the same priority, or none.
struct PriorityRun {
  std::uint32_t count = 0;
  std::optional<std::uint8_t> priority = {};
  bool operator==(const PriorityRun&) const = default;
};
inline void append_run(std::vector<PriorityRun>& runs, PriorityRun run) {
  const bool goes_on = !runs.empty() && runs.back().priority == run.priority &&
                       run.count <= UINT32_MAX - runs.back().count;
  if (goes_on) {
    runs.back().count += run.count;
  } else {
    runs.push_back(run);
  }
}

/// A hand-out of a message that ends by itself.
struct Lease {
  WallMs first = 0;        // when the message was handed out like this for the first time
  WallMs begun = 0;        // when it was handed out last
  WallMs deadline = 0;     // kNever: it has ended
  std::uint64_t life = 0;  // of the broker, in which it was handed out last

  bool operator==(const Lease&) const = default;
};

/// A message that was out under a lease when it was heard of last.
struct StoredLease {
  std::uint64_t position = 0;
  Lease lease = {};
  bool operator==(const StoredLease&) const = default;
};

/// A queue as the store knows it from earlier.
struct StoredQueue {
  std::vector<StoredRange> ranges;       // in order
  std::vector<PriorityRun> priorities;   // of all that is in these ranges, in order
  std::vector<StoredLease> leases = {};  // of messages in these ranges, in order
  std::uint64_t next_position = 1;       // none from here on was ever used
};

/// Positions of a queue whose messages must not be handed out yet.
using Unmarked = PositionRange;

/// Larger than any position.
inline constexpr std::uint64_t kLastPosition = UINT64_MAX - 1;

/// The unit of order and of ownership in a store: a queue or an exchange belongs to one for life.
using Lane = std::uint16_t;
inline constexpr Lane kLanes = 64;
/// Of an exchange with state; queues are given theirs.
constexpr Lane lane_of_exchange(std::uint64_t incarnation) {
  return static_cast<Lane>(incarnation % kLanes);
}

/// Shard: each has its own store object. What is staged between two calls of seal() is one commit,
/// and stands or falls together, over a crash too; so do all commits with parts of a unit.
class MessageStore {
 public:
  virtual ~MessageStore() = default;

  // `queue` is any log below. Exchanges are no different.
  /// Before anything is said of a queue, once. What was there before, or an empty queue.
  virtual StoredQueue open_queue(std::uint64_t queue, Lane lane) = 0;
  /// When commits that say something of the queue and its other logs end as durable; unset: as the
  /// node has it. A commit follows the strictest of all that it is about.
  virtual void set_sync(std::uint64_t incarnation, std::optional<SyncPolicy> policy) = 0;
  /// Nothing more is said of the queue and its other logs: it is deleted. What is staged of it is
  /// not written, and the views end here. What is kept stays until the metadata has forgotten it.
  virtual void close_queue(std::uint64_t incarnation) = 0;
  /// A closed queue is gone for good with all its logs, and the metadata knows it.
  virtual void remove_queue(std::uint64_t incarnation) = 0;
  /// The metadata knows all incarnations up to this one for good: nothing that speaks of a later
  /// one is kept before that. Said of all shards' queues.
  virtual void queues_known(std::uint64_t newest) = 0;
  /// The metadata can be stored no more, so nothing is: what is under way fails, and all that
  /// follows. Said of all shards' stores.
  virtual void give_up() = 0;

  // --- staging: kept in mind until seal() ---
  /// Positions of a queue only grow. The views live until the message is settled or sealed.
  virtual void append(const MessageRecord& message) = 0;
  /// The messages of these positions are gone for good; those among them that the store does not
  /// have don't matter.
  virtual void settle(std::uint64_t queue, std::uint64_t first, std::uint64_t last) = 0;
  /// It is out under a lease that ends by itself, or that lease has changed, with these counts;
  /// until returned() or settle(). It may be forgotten: while refuses(), nobody is told.
  virtual void lent(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
                    std::uint16_t failed, const Lease& lease) = 0;
  /// It came back from a consumer with these counts.
  virtual void returned(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
                        std::uint16_t failed) = 0;
  /// All below the position has been handed out, or may be from now on, and counts as delivered
  /// when it comes back after a restart.
  virtual void handed_out(std::uint64_t queue, std::uint64_t below) = 0;
  /// After a crash these would come back as if nobody had seen them: handed_out() must be said of
  /// them, and await_everything() have ended. What is still being staged is not among them.
  virtual Unmarked unmarked(std::uint64_t queue) const = 0;
  /// The commit that is being staged is a part of a unit that has so many of them, one on each of
  /// so many shards: `unit` is the same for all.
  virtual void join_unit(std::uint64_t unit, std::uint32_t parts) = 0;

  /// The commit that carries what has been staged and not sealed, for someone who waits for its
  /// end; 0 when nothing is staged.
  virtual CommitNumber await_staged() = 0;
  /// The commit with which everything that was ever staged has ended; 0 when all has.
  virtual CommitNumber await_everything() = 0;
  /// Hands over what is staged, or leaves it for later when nobody waits. Called at the end of a
  /// turn.
  virtual void seal(MonotonicMs now) = 0;
  /// Hands over everything: the end is near.
  virtual void flush() = 0;
  /// When what is left is due, kNever without any: seal() should be called then.
  virtual MonotonicMs seal_due() const = 0;
  /// Appends the ends of commits since the last call, in order of their numbers.
  virtual void take_ended(std::vector<CommitEnd>& ended) = 0;
  /// What is staged and not written has become much: publishers should wait.
  virtual bool behind() const = 0;
  /// Nothing new should be accepted: the disk is full, or broken. As of the last take_ended().
  virtual bool refuses() const = 0;

  // --- reading back ---
  /// Messages of the queue below this position, if appended at all, are durable and can be read.
  virtual std::uint64_t readable_below(std::uint64_t queue) const = 0;
  /// Reads messages of these positions, at least one range, in order and without overlaps: at least
  /// one message, if there is one, and no more than about `bytes`. One at a time for each queue.
  virtual void read_ranges(std::uint64_t queue, std::span<const PositionRange> wanted,
                           std::uint64_t bytes) = 0;
  /// From position `first` on.
  void read(std::uint64_t queue, std::uint64_t first, std::uint64_t bytes) {
    const PositionRange all{first, kLastPosition};
    read_ranges(queue, {&all, 1}, bytes);
  }
  /// Appends what was read since the last call.
  virtual void take_read(std::vector<ReadMessages>& read) = 0;
  /// There is something to take already, of which nobody will be woken.
  virtual bool has_news() const { return false; }
};

}  // namespace polymq::storage
