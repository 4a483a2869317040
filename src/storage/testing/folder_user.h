// A data folder that a test uses as a broker would: declares queues, stores messages, reads them.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/data_folder.h"
#include "storage/testing/rows.h"

namespace polymq::storage::testing {

class FolderUser {
 public:
  /// Opens and starts it; error() says why not.
  explicit FolderUser(const std::string& path, std::size_t shards = 1) : shards_(shards) {
    auto opened = DataFolder::open(path);
    if (!opened) {
      error_ = opened.error().text;
      return;
    }
    folder_ = *std::move(opened);
    journal::JournalOptions options;
    options.segment_size = std::uint64_t{64} * 1024;
    const auto started = folder_->begin_life().and_then(
        [&] { return folder_->start(shards, options, [this](std::size_t) { wake(); }); });
    if (!started) error_ = started.error().text;
    for (const QueueRow& row : folder_->image().queues) open(row.id, row.lane);
  }
  ~FolderUser() {
    if (folder_) folder_->close();  // it wakes us until then
  }

  const std::string& error() const { return error_; }
  DataFolder& folder() { return *folder_; }
  /// As the store knew it when the folder was opened.
  const StoredQueue& found(std::uint64_t queue) { return found_[queue]; }

  /// Declares a queue for good.
  void declare(std::uint64_t queue, Lane lane, std::string name = "q") {
    QueueRow row = queue_row(queue, 1, std::move(name));
    row.lane = lane;
    change(row);
    open(queue, lane);
  }
  void declare_exchange(std::uint64_t exchange, std::string name) {
    ExchangeRow row = exchange_row(exchange, 1);
    row.name = std::move(name);
    change(row);
  }
  /// The metadata forgets the queue. What the journal has of it stays.
  void forget(std::uint64_t queue) { change(QueueGone{queue}); }
  /// Another log of something declared, for keep() and settle().
  void open(std::uint64_t log, Lane lane) {
    queues_[log] = lane;
    found_[log] = of(log).open_queue(log, lane);
    of(log).queues_known(UINT64_MAX);
  }

  /// Stores a message for good.
  void keep(std::uint64_t queue, std::uint64_t position, const std::string& body) {
    MessageStore& store = of(queue);
    store.append({.queue = queue, .position = position, .routing_key = "k", .body = body});
    commit(queue);
  }
  void settle(std::uint64_t queue, std::uint64_t position) {
    of(queue).settle(queue, position, position);
    commit(queue);
  }

  /// Bodies by position.
  std::map<std::uint64_t, std::string> all(std::uint64_t queue) {
    std::map<std::uint64_t, std::string> bodies;
    for (std::uint64_t next = 0; next != kLastPosition;) {
      of(queue).read(queue, next, 1000);
      std::vector<ReadMessages> read;
      await([&] {
        of(queue).take_read(read);
        return !read.empty();
      });
      if (read.empty()) break;
      for (const MessageRecord& message : read.front().messages) {
        bodies[message.position] = message.body;
      }
      // What is being moved can be read when it has been written anew.
      if (read.front().next == next && !settle_down(queue)) break;
      next = read.front().next;
    }
    return bodies;
  }

 private:
  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }
  template <class Done>
  void await(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_until(lock, deadline, [&] { return woken_; })) {
        ADD_FAILURE() << "nothing came in half a minute";
        return;
      }
      woken_ = false;
    }
  }
  void change(MetadataChange what) {
    std::vector<MetadataChange> changes;
    if (folder_->image().vhosts.empty() && changes_ == 0) changes.emplace_back(vhost_row(1));
    changes.push_back(std::move(what));
    const std::uint64_t version = folder_->image().version + ++changes_;
    folder_->metadata().append(version, std::move(changes));
    std::vector<MetadataEnd> ended;
    await([&] {
      folder_->metadata().take_ended(ended);
      return !ended.empty();
    });
    ASSERT_EQ(ended, std::vector{MetadataEnd::kDurable});
  }
  MessageStore& of(std::uint64_t queue) { return folder_->store(queues_[queue] % shards_); }
  /// Writes what the store has staged by itself. False: there is nothing.
  bool settle_down(std::uint64_t queue) {
    EXPECT_NE(of(queue).await_staged(), 0u) << "a message cannot be read, nor is it said why";
    if (of(queue).await_staged() == 0) return false;
    of(queue).seal(1);
    std::vector<CommitEnd> ended;
    await([&] {
      of(queue).take_ended(ended);
      return !ended.empty();
    });
    return !ended.empty();
  }
  void commit(std::uint64_t queue) {
    ASSERT_NE(of(queue).await_staged(), 0u);
    of(queue).seal(1);
    std::vector<CommitEnd> ended;
    await([&] {
      of(queue).take_ended(ended);
      return !ended.empty();
    });
    ASSERT_EQ(ended, std::vector{CommitEnd::kDurable});
  }

  const std::size_t shards_;
  std::string error_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::uint64_t changes_ = 0;
  std::map<std::uint64_t, Lane> queues_;
  std::map<std::uint64_t, StoredQueue> found_;
  std::unique_ptr<DataFolder> folder_;
};

}  // namespace polymq::storage::testing
