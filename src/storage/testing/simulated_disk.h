// A folder that exists in memory only, for tests: what was not synced may be lost, torn or out of
// order after a crash, the disk can be full, and a sync can fail.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/files.h"

namespace polymq::storage {

/// Any thread.
class SimulatedDisk {
 public:
  /// Draws a number below its argument.
  using Draw = std::function<std::uint64_t(std::uint64_t)>;

  SimulatedDisk();
  /// Its files; any number of views may be open.
  std::unique_ptr<Files> files();

  /// What a crash at this moment leaves: of unsynced writes any sectors, of unsynced names any.
  SimulatedDisk crashed(const Draw& draw) const;
  /// What the death of the process leaves: everything that was written can be read, and what was
  /// not synced is not.
  SimulatedDisk killed() const;

  void set_capacity(std::uint64_t bytes);
  std::uint64_t used() const;
  /// The sync after so many fails, and all that follow: what they were for is never on the disk,
  /// unless it is written again.
  void fail_sync_after(std::uint64_t syncs);
  std::uint64_t syncs() const;
  /// Called before each write, sync and change of names from now on, by whoever does it. Before the
  /// files are used.
  void watch(std::function<void()> call);
  /// Overwrites bytes behind everybody's back.
  void corrupt(const std::string& name, std::uint64_t offset, std::string_view bytes);
  std::string content(const std::string& name) const;
  /// Reads of the file at this offset or behind it fail from now on.
  void refuse_reads(const std::string& name, std::uint64_t from);
  /// Gives the file another name, too.
  void link(const std::string& name, const std::string& other);
  void replace(const std::string& name, std::string content);

 private:
  friend class SimulatedFile;
  friend class SimulatedFolder;
  struct Write {
    std::uint64_t offset;
    std::string bytes;
  };
  struct Node {
    std::string content;
    std::string synced;
    std::vector<Write> unsynced;
    std::uint64_t unreadable_from = UINT64_MAX;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct State {
    mutable std::mutex mutex;
    Names names;
    Names synced_names;
    std::uint64_t capacity = UINT64_MAX;
    std::uint64_t syncs_left = UINT64_MAX;
    std::uint64_t syncs = 0;
    std::function<void()> watch;
    std::uint64_t used() const;
  };
  std::shared_ptr<State> state_;
};

}  // namespace polymq::storage
