// The message stores of which the same promises are asked, and what drives them in a test as shards
// would.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/memory_store.h"
#include "storage/message_store.h"
#include "storage/testing/opened_journal.h"
#include "storage/testing/simulated_disk.h"

namespace polymq::storage::testing {

inline constexpr std::size_t kShards = 2;

/// What a node has open: a store for each of its shards, which serve every other lane.
struct Opened {
  virtual ~Opened() = default;
  virtual MessageStore& store(std::size_t shard) = 0;
};

struct OpenedMemory final : Opened {
  MessageStore& store(std::size_t shard) override { return stores[shard]; }
  std::array<MemoryStore, kShards> stores;
};

struct JournalInUse final : Opened {
  JournalInUse(SimulatedDisk& disk, const journal::Lanes& queues, const std::function<void()>& wake)
      : opened(disk.files(), queues, kShards, {.segment_size = std::uint64_t{256} * 1024}, wake) {
    EXPECT_THAT(opened.damages, ::testing::IsEmpty());
  }
  MessageStore& store(std::size_t shard) override { return *opened.stores[shard]; }
  journal::OpenedJournal opened;
};

struct Backend {
  const char* name;
  /// What has ended durable can be read back, and is there after a restart. A store without that
  /// says of nothing that it can be read, finds nothing when it is opened, and nothing can fail.
  bool keeps;
  /// `disk`: what a node before this one has left. `queues`: those that are declared.
  std::unique_ptr<Opened> (*open)(SimulatedDisk& disk, const journal::Lanes& queues,
                                  const std::function<void()>& wake);
};

inline const Backend kMemory{
    "Memory", false, [](SimulatedDisk&, const journal::Lanes&, const std::function<void()>&) {
      return std::unique_ptr<Opened>(std::make_unique<OpenedMemory>());
    }};
inline const Backend kJournal{
    "Journal", true,
    [](SimulatedDisk& disk, const journal::Lanes& queues, const std::function<void()>& wake) {
      return std::unique_ptr<Opened>(std::make_unique<JournalInUse>(disk, queues, wake));
    }};

/// Two queues on different shards.
inline constexpr std::uint64_t kQueue = 10;
inline constexpr std::uint64_t kOther = 11;
using Bodies = std::map<std::uint64_t, std::string>;  // by position

/// Restarts keep what the backend has left on the disk.
class MessageStoreContract : public ::testing::TestWithParam<Backend> {
 protected:
  MessageStoreContract() { open(); }
  ~MessageStoreContract() override { opened_.reset(); }  // it wakes us until then

  MessageStore& store(std::uint64_t queue = kQueue) { return opened_->store(shard_of(queue)); }
  /// As it was found when the node was started.
  const StoredQueue& found(std::uint64_t log = kQueue) { return found_[log]; }
  /// What a store that keeps something would have; of another one, nothing.
  template <class Kept>
  static Kept kept(Kept kept) {
    return GetParam().keeps ? kept : Kept{};
  }
  static CommitEnd failed() { return GetParam().keeps ? CommitEnd::kFailed : CommitEnd::kDurable; }

  void restart() {
    opened_.reset();
    ended_.clear();
    bodies_.clear();
    open();
  }

  void append(std::uint64_t log, std::uint64_t position, std::string body) {
    bodies_.push_back(std::move(body));
    store(log).append({.queue = log, .position = position, .body = bodies_.back()});
  }

  /// The end of the turn, at the shard of this queue.
  void turn(std::uint64_t queue = kQueue) {
    std::vector<CommitEnd>& ended = ended_[shard_of(queue)];
    store(queue).seal(now_);
    const std::size_t before = ended.size();
    store(queue).take_ended(ended);
    if (ended.size() != before) store(queue).seal(now_);  // what waited for them
  }
  /// Waits as a shard does: until it is woken, or there is news of which it is not.
  bool await_news(MessageStore& store) {
    std::unique_lock lock(mutex_);
    if (!woken_ && store.has_news()) return true;
    const bool came = changed_.wait_for(lock, std::chrono::seconds(30), [&] { return woken_; });
    woken_ = false;
    EXPECT_TRUE(came) << "neither woken in half a minute, nor has it news";
    return came;
  }
  template <class Done>
  void await(MessageStore& store, Done done) {
    while (!done()) {
      if (!await_news(store)) return;
    }
  }
  /// The end of this commit of the queue's shard, sealing what is left meanwhile.
  CommitEnd end_of(CommitNumber number, std::uint64_t queue = kQueue) {
    std::vector<CommitEnd>& ended = ended_[shard_of(queue)];
    await(store(queue), [&] {
      turn(queue);
      return ended.size() >= number;
    });
    return ended.size() >= number ? ended[number - 1] : CommitEnd::kUnknown;
  }
  /// Ends the turn, waits for what was staged in it, and says how that ended.
  CommitEnd commit(std::uint64_t queue = kQueue) {
    const CommitNumber number = store(queue).await_staged();
    EXPECT_NE(number, 0u) << "nothing is staged";
    return end_of(number, queue);
  }

  /// Never more than what can be read.
  std::vector<MessageRecord> read(std::uint64_t log, std::vector<PositionRange> wanted,
                                  std::uint64_t bytes = 1 << 20) {
    if (store(log).readable_below(log) == 0) return {};
    store(log).read_ranges(log, wanted, bytes);
    std::vector<ReadMessages> read;
    await(store(log), [&] {
      store(log).take_read(read);
      return !read.empty();
    });
    EXPECT_THAT(read, ::testing::SizeIs(1));
    if (read.empty()) return {};
    EXPECT_EQ(read.front().queue, log);
    EXPECT_EQ(read.front().first, wanted.front().first);
    EXPECT_THAT(read.front().damages, ::testing::IsEmpty());
    next_ = read.front().next;
    reads_.push_back(std::move(read.front()));  // the records have views into it
    return reads_.back().messages;
  }
  Bodies all(std::uint64_t log = kQueue) {
    Bodies bodies;
    for (const MessageRecord& message : read(log, {{0, kLastPosition}})) {
      bodies[message.position] = message.body;
    }
    return bodies;
  }

  SimulatedDisk disk_;
  journal::Lanes queues_{{kQueue, 2}, {kOther, 3}};  // that are declared
  std::uint64_t next_ = 0;                           // as the last read said
  MonotonicMs now_ = 1;

 private:
  void open() {
    opened_ = GetParam().open(disk_, queues_, [this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      changed_.notify_one();
    });
    for (const auto& [queue, lane] : queues_) {
      for (const LogPart part : {LogPart::kMessages, LogPart::kSeenIds, LogPart::kHistory}) {
        const std::uint64_t log = log_of(queue, part);
        found_[log] = store(log).open_queue(log, lane);
      }
    }
    for (std::size_t shard = 0; shard < kShards; ++shard)
      opened_->store(shard).queues_known(kOther);
  }
  std::size_t shard_of(std::uint64_t log) const { return incarnation_of(log) % kShards; }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::deque<std::string> bodies_;
  std::deque<ReadMessages> reads_;
  std::map<std::uint64_t, StoredQueue> found_;
  std::map<std::size_t, std::vector<CommitEnd>> ended_;  // of each shard, by number
  std::unique_ptr<Opened> opened_;
};

}  // namespace polymq::storage::testing
