// Offline commands on a data folder.
#include "cli/store_command.h"

#include <cstdio>

#include "cli/exit_code.h"
#include "storage/files.h"
#include "storage/folder_check.h"
#include "storage/folder_repair.h"
#include "storage/journal/dump.h"

namespace polymq::cli {
namespace {

int failed(const std::string& reason) {
  std::fprintf(stderr, "polymq: %s\n", reason.c_str());
  return kFailure;
}

int print(const storage::CheckedFolder& found) {
  for (const storage::CheckedQueue& queue : found.queues) {
    std::printf("queue %lu '%s': %lu messages, %lu bytes\n", queue.id, queue.name.c_str(),
                queue.messages, queue.body_bytes);
  }
  for (const std::string& damage : found.damages) std::printf("DAMAGED %s\n", damage.c_str());
  std::printf("%zu queues, %lu messages, %lu segments, %zu damages\n", found.queues.size(),
              found.messages, found.segments, found.damages.size());
  return found.damages.empty() ? kOk : kFailure;
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
  return found ? print(*found) : failed(found.error().text);
}

int store_repair(const std::string& folder) {
  const auto done = storage::repair_folder(folder);
  if (!done) return failed(done.error().text);
  for (const std::string& line : done->lost) std::printf("LOST %s\n", line.c_str());
  if (done->messages_lost != 0) std::printf("%lu messages are lost\n", done->messages_lost);
  for (const std::string& file : done->kept_aside) {
    std::printf("kept as it was: %s\n", file.c_str());
  }
  if (done->kept_aside.empty()) std::puts("nothing was damaged");
  return print(done->now);
}

}  // namespace polymq::cli
