// Offline commands on a data folder.
#include "cli/store_command.h"

#include <cstdio>

#include "cli/exit_code.h"
#include "storage/files.h"
#include "storage/folder_check.h"
#include "storage/journal/dump.h"

namespace polymq::cli {
namespace {

int failed(const std::string& reason) {
  std::fprintf(stderr, "polymq: %s\n", reason.c_str());
  return kFailure;
}

}  // namespace

int store_dump(const std::string& folder) {
  const auto files = storage::open_folder(folder + "/journal");
  const auto done = storage::journal::dump(
      *files, [](const std::string& line) { std::printf("%s\n", line.c_str()); });
  return done ? kOk : failed(done.error().text);
}

int store_check(const std::string& folder) {
  const auto found = storage::check_folder(folder);
  if (!found) return failed(found.error().text);
  for (const storage::CheckedQueue& queue : found->queues) {
    std::printf("queue %lu '%s': %lu messages, %lu bytes\n", queue.id, queue.name.c_str(),
                queue.messages, queue.body_bytes);
  }
  for (const std::string& damage : found->damages) std::printf("DAMAGED %s\n", damage.c_str());
  std::printf("%zu queues, %lu messages, %lu segments, %zu damages\n", found->queues.size(),
              found->messages, found->segments, found->damages.size());
  return found->damages.empty() ? kOk : kFailure;
}

}  // namespace polymq::cli
