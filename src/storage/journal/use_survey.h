// Counts what takes the bytes of the segments while the journal is at work.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

#include "storage/files.h"
#include "storage/journal/disk_use.h"
#include "storage/journal/segment.h"

namespace polymq::storage::journal {

/// A segment that stays while it is counted.
struct CountedSegment {
  SegmentHeader header;
  std::shared_ptr<const File> file;
  std::uint64_t end = 0;  // all commits below are whole
  bool indexed = false;   // beside it, perhaps
};

/// Incarnations of queues and exchanges that are there.
using KnownIncarnations = std::function<FileResult<std::unordered_set<std::uint64_t>>()>;

/// What a start would find (recovery.h), as of the end of the newest segment; nothing is written.
/// `segments`: all, by number. `known` is asked once the newest one was read: whatever speaks in it
/// was known by then. Waits for the disk; reads indexes, not bodies. Error: it cannot be read, or
/// `stop` became true.
FileResult<DiskUse> survey_use(Files& files, const std::vector<CountedSegment>& segments,
                               const KnownIncarnations& known, const std::atomic<bool>& stop);

}  // namespace polymq::storage::journal
