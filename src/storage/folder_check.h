// Reads a whole data folder that nobody uses, every message's body too, and tells what is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace polymq::storage {

struct CheckedQueue {
  std::uint64_t id = 0;
  std::string name;
  std::uint64_t messages = 0;
  std::uint64_t body_bytes = 0;
};

struct CheckedFolder {
  std::vector<CheckedQueue> queues;
  std::vector<std::string> damages;  // a line each
  std::uint64_t messages = 0;
  std::uint64_t segments = 0;
};

/// Takes the folder's lock meanwhile; ends what the last run left open, as a start would. Error: it
/// is in use, or cannot be read.
Result<CheckedFolder> check_folder(const std::string& path);

}  // namespace polymq::storage
