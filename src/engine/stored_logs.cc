// Reading logs page by page.
#include "engine/stored_logs.h"

#include "base/log.h"

namespace polymq::engine {
namespace {

constexpr std::uint64_t kPageBytes = 1024 * 1024;

void report(std::uint64_t log, std::uint64_t position, const std::string& why) {
  log::Line(log::Area::kStorage, log::Level::kError, "a stored entry cannot be read back")
      .with("id", storage::incarnation_of(log))
      .with("position", position)
      .with("reason", why);
}

}  // namespace

std::uint64_t StoredLogs::open(std::uint64_t log, storage::Lane lane, Take take) {
  const storage::StoredQueue stored = store_.open_queue(log, lane);
  if (!stored.ranges.empty()) {
    loads_[log] = std::move(take);
    store_.read(log, stored.ranges.front().first, kPageBytes);
  }
  return stored.next_position;
}

bool StoredLogs::take(const storage::ReadMessages& read) {
  const auto load = loads_.find(read.queue);
  if (load == loads_.end()) return false;
  for (const storage::MessageRecord& record : read.messages) {
    if (const auto done = load->second(record); !done) {
      report(read.queue, record.position, done.error().text);
    }
  }
  for (const auto& damage : read.damages) report(read.queue, damage.first, damage.what);
  if (read.next == storage::kLastPosition) {
    loads_.erase(load);
  } else {
    store_.read(read.queue, read.next, kPageBytes);
  }
  return true;
}

void StoredLogs::forget(std::uint64_t incarnation) {
  boost::unordered::erase_if(
      loads_, [&](const auto& load) { return storage::incarnation_of(load.first) == incarnation; });
}

}  // namespace polymq::engine
