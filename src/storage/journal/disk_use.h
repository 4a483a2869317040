// What takes the bytes of the segments: messages that live, those that do not, and the rest.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace polymq::storage::journal {

struct IndexedChunk;
struct Stretch;

/// Bytes of a log's messages: their records in the chunks' indexes, and their data. Data that
/// several messages share counts in full for each of them.
struct LogUse {
  std::uint64_t log = 0;
  std::uint64_t live = 0;
  std::uint64_t dead = 0;  // settled, or there is a newer copy
  bool operator==(const LogUse&) const = default;
};

/// The rest of the segments' bytes is what is not of messages: heads, padding, what is said of
/// settled ones, and what is not written yet.
struct DiskUse {
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;  // of their files
  /// Of all messages. Shared data counts once, and as living up to what those that live have of it.
  std::uint64_t live = 0;
  std::uint64_t dead = 0;    // those of logs that nobody knows any more, too
  std::vector<LogUse> logs;  // those with anything, in no order

  /// What would go if only what lives was written anew.
  std::uint64_t reclaimable() const { return bytes - std::min(bytes, live); }
  /// Of this, what never was messages.
  std::uint64_t rest() const { return reclaimable() - std::min(reclaimable(), dead); }
};

/// Adds up what all messages take while a start reads the segments.
class UseCounter {
 public:
  /// Those of a segment from the last to the first. What follows is in it.
  void begin(const IndexedChunk& chunk);
  /// Each stretch of the chunk.
  void found(const Stretch& stretch);
  /// It, or a part of it, is of a queue that is known, and lives.
  void lives(const Stretch& stretch);

  std::uint64_t live() const { return live_; }
  std::uint64_t dead() const { return all_ - live_; }

 private:
  std::uint64_t all_ = 0;
  std::uint64_t live_ = 0;
  // Of the chunk with data that those behind it share: it comes after them.
  std::uint64_t shared_at_ = 0;  // 0: there is none
  std::uint64_t shared_live_ = 0;
};

}  // namespace polymq::storage::journal
