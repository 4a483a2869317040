// The ids that a queue or an exchange has seen lately, and what the store is told of them, so that
// they outlive a restart.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/deduplication_window.h"
#include "engine/stored_logs.h"

namespace polymq::engine {

/// Shard: one per queue or exchange that deduplicates. Stays in its place while its log is read.
class SeenIds {
 public:
  explicit SeenIds(DeduplicationLimits limits) : window_(limits) {}
  SeenIds(const SeenIds&) = delete;
  SeenIds& operator=(const SeenIds&) = delete;

  /// From now on entries are kept in this log; what it has already is known when it was read.
  void keep_in(StoredLogs& logs, std::uint64_t log, storage::Lane lane);
  /// True if it was seen before; else it is remembered, for `own_ttl_ms` or as long as is the rule.
  /// `stored`: over a restart, too, if there is a log.
  bool insert(DeduplicationKey key, WallMs now, std::optional<std::int64_t> own_ttl_ms, bool stored,
              const Original& original = {});
  /// What an insert() found that had been seen before.
  struct Duplicate {
    DeduplicationKey key;
    std::uint64_t number = 0;  // of the original's entry
    Original original;
  };
  const Duplicate& last_duplicate() const { return last_duplicate_; }
  /// Is that entry still remembered?
  bool has(DeduplicationKey key, std::uint64_t number) const;
  /// The original did not come to be after all. `position`: its own, where that is remembered;
  /// another one with this id, which was no duplicate, may be there.
  void forget(DeduplicationKey key, Position position = 0);
  /// Forgets what has run out of time; returns when there is more of that, which may be now.
  /// kNever: nothing is remembered.
  WallMs expire(WallMs now);
  /// Roughly what it occupies.
  std::int64_t bytes() const { return static_cast<std::int64_t>(window_.bytes()); }

 private:
  Result<void> restore(const storage::MessageRecord& record);
  void let_go();

  DeduplicationWindow window_;
  const StoredLogs* logs_ = nullptr;
  storage::MessageStore* store_ = nullptr;
  std::uint64_t log_ = 0;
  std::uint64_t kept_from_ = 1;  // entries before it were settled
  Duplicate last_duplicate_;
};

}  // namespace polymq::engine
