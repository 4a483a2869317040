// Reads a whole data folder that nobody uses, every message's body too, and tells what is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/journal/disk_use.h"

namespace polymq::storage {

/// Bytes in the journal of a queue or an exchange with all its logs (journal/disk_use.h).
struct CheckedUse {
  std::uint64_t live = 0;
  std::uint64_t dead = 0;
};

struct CheckedQueue {
  std::uint64_t id = 0;
  std::string name;
  std::uint64_t messages = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t seen_ids = 0;
  CheckedUse use = {};
};

struct CheckedExchange {
  std::uint64_t id = 0;
  std::string name;
  std::uint64_t held = 0;  // messages
  std::uint64_t seen_ids = 0;
  std::uint64_t history = 0;  // messages
  CheckedUse use = {};
};

struct CheckedFolder {
  std::vector<CheckedQueue> queues;
  std::vector<CheckedExchange> exchanges;  // those with anything in the journal
  std::vector<std::string> damages;        // a line each
  std::uint64_t messages = 0;              // of queues
  journal::DiskUse use;                    // as it was found
};

/// Takes the folder's lock meanwhile; ends what the last run left open, as a start would. Error: it
/// is in use, or cannot be read.
Result<CheckedFolder> check_folder(const std::string& path);

}  // namespace polymq::storage
