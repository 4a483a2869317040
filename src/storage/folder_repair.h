// Makes a damaged data folder that nobody uses whole again, without what cannot be read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/folder_check.h"

namespace polymq::storage {

struct RepairedFolder {
  std::vector<std::string> lost;        // a line each: where, what, and of which queue
  std::uint64_t messages_lost = 0;      // of queues, where it is known
  std::vector<std::string> kept_aside;  // files, as they were
  CheckedFolder now;                    // what a check finds afterwards
};

/// First the segments (journal/repair.h), then each message is read: those whose data is damaged
/// are settled. Files in which anything was damaged are kept in the folder's subfolder `damaged`.
/// Where settlements were lost, messages that were settled come again. Done again after a crash in
/// between it goes on. Takes the folder's lock meanwhile. Error, one line: it is in use, no data
/// folder, its metadata is damaged, which only a backup helps against, or there is no room.
Result<RepairedFolder> repair_folder(const std::string& path);

}  // namespace polymq::storage
