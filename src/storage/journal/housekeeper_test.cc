// Promises of what is removed while others write.
#include <gmock/gmock.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "storage/journal/journal_store.h"
#include "storage/journal/recovery.h"
#include "storage/testing/simulated_disk.h"

namespace polymq::storage::journal {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr std::uint64_t kQueue = 7;
constexpr Lane kLane = 3;
/// Three of them fill a segment.
const std::string kLarge(16'000, 'x');

/// Called with a file's name, on the thread that does something to it.
using Before = std::function<void(const std::string&)>;

class WatchedFile final : public File {
 public:
  WatchedFile(std::unique_ptr<File> file, std::string name, const Before& closing)
      : file_(std::move(file)), name_(std::move(name)), closing_(closing) {}
  ~WatchedFile() override { closing_(name_); }
  WatchedFile(const WatchedFile&) = delete;
  WatchedFile& operator=(const WatchedFile&) = delete;

  FileResult<std::uint64_t> size() const override { return file_->size(); }
  FileResult<std::uint64_t> names() const override { return file_->names(); }
  FileResult<void> read(std::uint64_t offset, char* to, std::size_t size) const override {
    return file_->read(offset, to, size);
  }
  FileResult<void> write(std::uint64_t offset, std::span<const std::string_view> parts) override {
    return file_->write(offset, parts);
  }
  FileResult<void> sync() override { return file_->sync(); }
  FileResult<void> fill(std::uint64_t size, const std::function<void()>& between) override {
    return file_->fill(size, between);
  }

 private:
  std::unique_ptr<File> file_;
  const std::string name_;
  const Before& closing_;
};

class WatchedFolder final : public Files {
 public:
  WatchedFolder(std::unique_ptr<Files> files, Before removing, Before closing)
      : files_(std::move(files)), removing_(std::move(removing)), closing_(std::move(closing)) {}

  FileResult<std::vector<std::string>> list() const override { return files_->list(); }
  FileResult<std::unique_ptr<File>> open(const std::string& name) override {
    return watched(files_->open(name), name);
  }
  FileResult<std::unique_ptr<File>> create(const std::string& name) override {
    return watched(files_->create(name), name);
  }
  FileResult<void> rename(const std::string& from, const std::string& to) override {
    return files_->rename(from, to);
  }
  FileResult<void> remove(const std::string& name) override {
    removing_(name);
    return files_->remove(name);
  }
  FileResult<void> sync_names() override { return files_->sync_names(); }
  FileResult<std::uint64_t> free_space() const override { return files_->free_space(); }

 private:
  FileResult<std::unique_ptr<File>> watched(FileResult<std::unique_ptr<File>> file,
                                            const std::string& name) {
    if (!file) return file;
    return std::make_unique<WatchedFile>(*std::move(file), name, closing_);
  }

  std::unique_ptr<Files> files_;
  Before removing_;
  Before closing_;
};

class HousekeeperTest : public testing::Test {
 protected:
  /// Nothing is synced unless it must be.
  void start() {
    journal_.emplace(std::make_unique<WatchedFolder>(
                         disk_.files(), [this](const auto& name) { removes(name); },
                         [this](const auto& name) { closes(name); }),
                     JournalOptions{.segment_size = 64 * 1024,
                                    .sync = SyncPolicy::kNever,
                                    .sync_interval = 1h,
                                    .spares = 0},
                     JournalId{1, 2}, 1, 1, SegmentTable());
    journal_->connect(0, [] {});
    store_.emplace(*journal_, 0);
    store_->open_queue(kQueue, kLane);
    journal_->queues_known(UINT64_MAX);
    ASSERT_TRUE(journal_->start());
  }
  void TearDown() override {
    let_go();
    journal_.reset();
  }
  void keep(std::uint64_t position) {
    store_->append({.queue = kQueue, .position = position, .routing_key = "k", .body = kLarge});
    commit();
  }
  void settle(std::uint64_t first, std::uint64_t last) {
    store_->settle(kQueue, first, last);
    commit();
  }
  void commit() {
    store_->await_staged();
    store_->seal(1);
    std::vector<CommitEnd> ended;
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (ended.empty() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(1ms);
      store_->take_ended(ended);
    }
    EXPECT_THAT(ended, ElementsAre(CommitEnd::kDurable));
  }
  /// What a crash would leave just before the segment goes: nothing that was not synced.
  std::optional<SimulatedDisk> before_it_goes(SegmentNumber number) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 30s, [&] { return at_removal_.contains(segment_name(number)); });
    const auto at = at_removal_.find(segment_name(number));
    return at == at_removal_.end() ? std::nullopt : std::optional(at->second);
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    let_go_ = true;
    hold_closing_ = false;
    changed_.notify_all();
  }
  /// What is removed from now on takes until let_go() to be closed.
  void hold_closing() {
    const std::lock_guard lock(mutex_);
    hold_closing_ = let_go_ = true;
    changed_.notify_all();
  }
  bool wait_for_closing() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, [&] { return closing_; });
  }
  bool is_closing() {
    const std::lock_guard lock(mutex_);
    return closing_;
  }

  SimulatedDisk disk_;
  std::optional<JournalStore> store_;

 private:
  void removes(const std::string& name) {
    if (!segment_of_name(name)) return;  // an index
    std::unique_lock lock(mutex_);
    at_removal_.emplace(name, disk_.crashed([](std::uint64_t) { return 0; }));
    changed_.notify_all();
    changed_.wait(lock, [&] { return let_go_; });
  }
  void closes(const std::string& name) {
    std::unique_lock lock(mutex_);
    if (!hold_closing_ || name != segment_name(1) + ".new") return;
    closing_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, 10s, [&] { return !hold_closing_; });  // ends where others do wait
    closing_ = false;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, SimulatedDisk> at_removal_;
  bool let_go_ = false;
  bool hold_closing_ = false;
  bool closing_ = false;
  std::optional<Journal> journal_;
};

std::uint64_t messages_in(SimulatedDisk disk) {
  const auto found = recover(*disk.files(), {{kQueue, kLane}}, {1, 2});
  EXPECT_TRUE(found) << found.error().text;
  std::uint64_t sum = 0;
  for (const StoredRange& range : found->queues.at(kQueue).stored.ranges) {
    sum += range.last - range.first + 1;
  }
  return sum;
}

TEST_F(HousekeeperTest, WhatFreesASegmentIsSyncedBeforeItGoesAlsoWhileAnotherOneGoes) {
  start();
  for (std::uint64_t position = 1; position <= 7; ++position) keep(position);
  settle(1, 3);
  const auto first = before_it_goes(1);
  ASSERT_TRUE(first);
  EXPECT_EQ(messages_in(*first), 4u);
  settle(4, 6);  // the first one is not gone yet
  let_go();
  const auto second = before_it_goes(2);
  ASSERT_TRUE(second);
  EXPECT_EQ(messages_in(*second), 1u);
}

TEST_F(HousekeeperTest, NobodyWaitsWhileTheSystemGivesUpTheBlocksOfARemovedSegment) {
  start();
  hold_closing();
  for (std::uint64_t position = 1; position <= 4; ++position) keep(position);
  settle(1, 3);
  ASSERT_TRUE(wait_for_closing());
  keep(5);
  EXPECT_TRUE(is_closing());
}

}  // namespace
}  // namespace polymq::storage::journal
