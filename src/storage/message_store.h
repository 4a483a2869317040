// Where messages are kept besides memory. The engine stages records during a turn, seals them at
// its end, and learns later, in order, what became of each commit.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace polymq::storage {

/// A persistent message as it enters a durable queue. Views live for the call only.
struct MessageRecord {
  std::uint64_t queue = 0;     // the queue's incarnation
  std::uint64_t position = 0;  // within the queue
  WallMs enqueued = 0;
  std::uint8_t dialect = 0;
  std::optional<std::uint8_t> priority = {};
  std::string_view exchange = {};
  std::string_view routing_key = {};
  std::string_view properties = {};
  std::string_view body = {};
  std::int64_t ttl_ms = -1;  // its own, in milliseconds; -1: none
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
  kFenced,   // the lane is another node's: drop it
  kUnknown,  // reopen the lane and compare
};

/// Shard: each has its own store object. Between begin_unit() and end_unit() everything staged
/// stands or falls together, over a crash too.
class MessageStore {
 public:
  virtual ~MessageStore() = default;

  virtual void append(const MessageRecord& message) = 0;
  /// The message of that position is gone for good.
  virtual void settle(std::uint64_t queue, std::uint64_t position) = 0;
  virtual void begin_unit() = 0;
  virtual void end_unit() = 0;

  /// The commit that carries what has been staged since the last seal; 0 when nothing was.
  virtual CommitNumber staged() const = 0;
  /// Hands over what is staged. Called at the end of a turn.
  virtual void seal() = 0;
  /// Appends the ends of commits since the last call, in order of their numbers.
  virtual void take_ended(std::vector<CommitEnd>& ended) = 0;
};

}  // namespace polymq::storage
