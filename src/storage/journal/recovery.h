// The start: reads what the segments say, from the newest to the oldest, and works out which
// messages live, and where they are.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "storage/files.h"
#include "storage/journal/disk_use.h"
#include "storage/journal/journal_store.h"
#include "storage/journal/kept_queue.h"
#include "storage/journal/segment_table.h"

namespace polymq::storage::journal {

struct Recovered {
  JournalId id{};
  std::uint64_t next_commit = 1;
  SegmentNumber next_segment = 1;
  SegmentTable segments;
  std::array<RecoveredLane, kLanes> lanes;
  std::unordered_map<std::uint64_t, KeptQueue> queues;
  DiskUse use;
  std::vector<std::string> damages;  // a line each: file, offset, what
};

/// Called after each segment: how many have been read, of how many.
using RecoveryProgress = std::function<void(std::size_t read, std::size_t of)>;

/// `lanes`: of the queues that the metadata knows; records of others are garbage. `fresh_id`: for a
/// journal that is new. Ends what the last run left open. Error: the folder cannot be read.
FileResult<Recovered> recover(Files& files, const std::unordered_map<std::uint64_t, Lane>& lanes,
                              JournalId fresh_id, const RecoveryProgress& progress = {});

}  // namespace polymq::storage::journal
