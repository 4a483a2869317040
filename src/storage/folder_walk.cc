// Waiting for what the store reads and writes.
#include "storage/folder_walk.h"

#include <filesystem>

#include "storage/journal/segment_index.h"

namespace polymq::storage {
namespace {

constexpr std::uint64_t kPage = 4 * 1024 * 1024;

}  // namespace

FolderWalk::~FolderWalk() {
  if (folder_) folder_->close();  // it wakes us until then
}

Result<void> FolderWalk::open(const std::string& path) {
  if (!std::filesystem::exists(path + "/format")) return fail(path + " is no data folder");
  auto opened = DataFolder::open(path);
  if (!opened) return tl::make_unexpected(opened.error());
  folder_ = *std::move(opened);
  journal_path_ = path + "/journal";
  return {};
}

Result<void> FolderWalk::start() {
  if (std::filesystem::exists(journal_path_)) {
    const auto gone = journal::remove_indexes(*open_folder(journal_path_), {});
    if (!gone) return fail(gone.error().text);
  }
  const auto wake = [this](std::size_t) {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  };
  return folder_->start(1, {}, wake, &use_);
}

template <class Take>
void FolderWalk::await(Take take) {
  while (!take()) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return woken_; });
    woken_ = false;
  }
}

std::vector<FolderWalk::Log> FolderWalk::logs() const {
  std::vector<Log> logs;
  for (const QueueRow& queue : folder_->image().queues) {
    const auto add = [&](LogPart part, const std::string& what) {
      logs.push_back({log_of(queue.id, part), queue.lane, what + "queue '" + queue.name + "'",
                      &queue, nullptr});
    };
    add(LogPart::kMessages, "");
    add(LogPart::kSeenIds, "ids seen by ");
  }
  for (const ExchangeRow& exchange : folder_->image().exchanges) {
    const auto add = [&](LogPart part, const std::string& what) {
      logs.push_back({log_of(exchange.id, part), lane_of_exchange(exchange.id),
                      what + "exchange '" + exchange.name + "'", nullptr, &exchange});
    };
    add(LogPart::kMessages, "held by ");
    add(LogPart::kSeenIds, "ids seen by ");
    add(LogPart::kHistory, "history of ");
  }
  return logs;
}

void FolderWalk::read(const Log& log, const std::function<void(const ReadMessages&)>& visit) {
  MessageStore& store = folder_->store(0);
  store.open_queue(log.id, log.lane);
  for (std::uint64_t next = 0; next != kLastPosition;) {
    store.read(log.id, next, kPage);
    std::vector<ReadMessages> read;
    await([&] {
      store.take_read(read);
      return !read.empty();
    });
    visit(read.front());
    next = read.front().next;
  }
}

bool FolderWalk::commit() {
  MessageStore& store = folder_->store(0);
  store.queues_known(UINT64_MAX);
  const CommitNumber number = store.await_staged();
  if (number == 0) return true;
  store.seal(1);
  std::vector<CommitEnd> ended;
  await([&] {
    store.take_ended(ended);
    return ended.size() >= number;
  });
  return ended[number - 1] == CommitEnd::kDurable;
}

}  // namespace polymq::storage
