// Opens the folder as a broker would, and reads all that is there.
#include "storage/folder_check.h"

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "storage/data_folder.h"

namespace polymq::storage {
namespace {

constexpr std::uint64_t kPage = 4 * 1024 * 1024;

/// Waits for what the store reads.
class Woken {
 public:
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return woken_; });
    woken_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

}  // namespace

Result<CheckedFolder> check_folder(const std::string& path) {
  if (!std::filesystem::exists(path + "/format")) return fail(path + " is no data folder");
  auto folder = DataFolder::open(path);
  if (!folder) return tl::make_unexpected(folder.error());
  Woken woken;
  const auto started = (*folder)->start(1, {}, [&](std::size_t) { woken.wake(); });
  if (!started) return tl::make_unexpected(started.error());
  CheckedFolder checked;
  checked.damages = (*folder)->damages();
  checked.segments = (*folder)->journal().usage().segments;
  MessageStore& store = (*folder)->store(0);
  for (const QueueRow& row : (*folder)->image().queues) {
    CheckedQueue queue{row.id, row.name, 0, 0};
    store.open_queue(row.id, row.lane);
    for (std::uint64_t next = 0; next != kLastPosition;) {
      store.read(row.id, next, kPage);
      std::vector<ReadMessages> read;
      for (store.take_read(read); read.empty(); store.take_read(read)) woken.wait();
      for (const MessageRecord& message : read.front().messages) {
        ++queue.messages;
        queue.body_bytes += message.body.size();
      }
      for (const ReadMessages::Damage& damage : read.front().damages) {
        checked.damages.push_back("queue '" + row.name + "', position " +
                                  std::to_string(damage.first) + ": " + damage.what);
      }
      next = read.front().next;
    }
    checked.messages += queue.messages;
    checked.queues.push_back(std::move(queue));
  }
  (*folder)->close();
  return checked;
}

}  // namespace polymq::storage
