// A disk below SQLite that is full, that fails, or that takes its time, as a test wants it.
#pragma once

#include <cstddef>

namespace polymq::storage::testing {

/// While it lives, every file that SQLite opens in this process goes through it to the real disk.
/// One at a time, made before the store and outliving it.
class FaultySqlite {
 public:
  FaultySqlite();
  ~FaultySqlite();
  FaultySqlite(const FaultySqlite&) = delete;
  FaultySqlite& operator=(const FaultySqlite&) = delete;

  /// Writes find no space.
  void fill_disk(bool full);
  /// Returns when `count` more writes have found none.
  void await_refused_writes(std::size_t count);
  /// Syncs end with an I/O error.
  void break_syncs(bool broken);
  /// Syncs wait until they are held no longer.
  void hold_syncs(bool held);
  /// Returns when a sync waits.
  void await_held_sync();
  /// Syncs that have succeeded so far.
  std::size_t syncs() const;
};

}  // namespace polymq::storage::testing
