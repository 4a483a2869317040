// Reading all messages of a data folder without an engine, for the tools that work on one.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "base/result.h"
#include "storage/data_folder.h"

namespace polymq::storage {

/// One thread. Opens and starts the folder as a broker does, with one store.
class FolderWalk {
 public:
  FolderWalk() = default;
  ~FolderWalk();
  FolderWalk(const FolderWalk&) = delete;
  FolderWalk& operator=(const FolderWalk&) = delete;

  /// Error: it is no data folder, in use, or cannot be read.
  Result<void> open(const std::string& path);
  /// After open(). Segments are read themselves, whatever indexes there are.
  Result<void> start();
  DataFolder& folder() { return *folder_; }
  /// What was found to take space, before start() wrote anything.
  const journal::DiskUse& use() const { return use_; }
  struct Log {
    std::uint64_t id = 0;
    Lane lane = 0;
    std::string name;                       // for people: whose it is
    const QueueRow* queue = nullptr;        // whose it is
    const ExchangeRow* exchange = nullptr;  // the same

    bool is_queue() const { return queue != nullptr && part_of(id) == LogPart::kMessages; }
  };
  /// All that may be in the folder, of queues and of exchanges.
  std::vector<Log> logs() const;
  /// All messages of a log in turn, some at a time. Once for each log.
  void read(const Log& log, const std::function<void(const ReadMessages&)>& visit);
  /// Commits what was staged with the store. False: it failed.
  bool commit();

 private:
  template <class Take>
  void await(Take take);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::string journal_path_;
  journal::DiskUse use_;
  std::unique_ptr<DataFolder> folder_;
};

}  // namespace polymq::storage
