// A journal on a simulated disk that a test drives as shards would, without an engine.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/journal/segment_index.h"
#include "storage/testing/opened_journal.h"
#include "storage/testing/simulated_disk.h"

namespace polymq::storage::journal {

inline constexpr std::uint64_t kSmallSegment = 64 * 1024;

/// A journal on a disk, with one store for each "shard", driven without an engine.
class Node {
 public:
  using Lanes = journal::Lanes;

  Node(SimulatedDisk disk, const Lanes& lanes, std::size_t stores, JournalOptions options = small())
      : disk_(std::move(disk)), opened_(disk_.files(), lanes, stores, options, [this] { wake(); }) {
    recovered_damages = opened_.damages;
    for (const auto& [queue, lane] : lanes) {
      lanes_[queue] = lane;
      found_[queue] = store(queue).open_queue(queue, lane);
    }
    journal().queues_known(UINT64_MAX);
  }

  static JournalOptions small() {
    return {.segment_size = kSmallSegment, .sync_interval = std::chrono::milliseconds(5)};
  }

  JournalStore& store(std::uint64_t queue) { return *opened_.stores[shard_of(queue)]; }
  Journal& journal() { return *opened_.journal; }
  SimulatedDisk& disk() { return disk_; }
  const StoredQueue& found(std::uint64_t queue) { return found_[queue]; }

  struct Place {
    std::uint64_t queue;
    std::uint64_t position;
  };
  void append(std::uint64_t queue, std::uint64_t position, std::string body) {
    append({{queue, position}}, std::move(body));
  }
  /// One message in several queues.
  void append(const std::vector<Place>& places, std::string body) {
    bodies_.push_back(std::make_unique<std::string>(std::move(body)));
    for (const auto& [queue, position] : places) {
      store(queue).append({.queue = queue,
                           .position = position,
                           .enqueued = 5,
                           .routing_key = "k",
                           .body = *bodies_.back()});
    }
  }

  /// What the shards do when they are woken.
  void turn() {
    ++now_;
    for (std::size_t s = 0; s < opened_.stores.size(); ++s) {
      std::vector<ReadMessages> moved;  // only the store's own: nobody else has asked
      opened_.stores[s]->take_read(moved);
      opened_.stores[s]->take_ended(ended_[s]);
      opened_.stores[s]->seal(now_);
    }
  }

  /// Seals all stores and returns how the commits of those that had something have ended.
  std::vector<CommitEnd> commit() {
    std::vector<CommitEnd> ends;
    for (std::size_t i = 0; i < opened_.stores.size(); ++i)
      awaited_[i] = opened_.stores[i]->await_staged();
    turn();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (std::size_t i = 0; i < opened_.stores.size(); ++i) {
      if (awaited_[i] == 0) continue;
      while (ended_[i].size() < awaited_[i] && std::chrono::steady_clock::now() < deadline) {
        turn();
        if (ended_[i].size() < awaited_[i]) wait();
      }
      ends.push_back(ended_[i].at(awaited_[i] - 1));
    }
    return ends;
  }

  ReadMessages read(std::uint64_t queue, std::uint64_t first, std::uint64_t bytes = 1 << 20) {
    store(queue).read(queue, first, bytes);
    std::vector<ReadMessages> read;
    for (int i = 0; i < 10'000 && read.empty(); ++i) {
      store(queue).take_read(read);
      if (read.empty()) wait();
    }
    EXPECT_EQ(read.size(), 1u);
    return read.empty() ? ReadMessages{} : std::move(read.front());
  }
  /// All messages of a queue, by position.
  std::map<std::uint64_t, std::string> all(std::uint64_t queue) {
    std::map<std::uint64_t, std::string> all;
    for (std::uint64_t next = 0; next != kLastPosition;) {
      const ReadMessages some = read(queue, next, 3000);
      for (const MessageRecord& message : some.messages) {
        EXPECT_TRUE(all.emplace(message.position, message.body).second);
      }
      for (const auto& damage : some.damages) damages.push_back(damage.what);
      if (some.next == next) break;  // the rest cannot be read yet
      next = some.next;
    }
    return all;
  }

  bool refuses(std::uint64_t queue) {
    store(queue).take_ended(ended_[shard_of(queue)]);
    return store(queue).refuses();
  }

  void wait() {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, std::chrono::milliseconds(2), [&] { return wakes_ != 0; });
    wakes_ = 0;
  }

  std::vector<std::string> recovered_damages;
  std::vector<std::string> damages;

 private:
  std::size_t shard_of(std::uint64_t queue) { return lanes_[queue] % opened_.stores.size(); }
  void wake() {
    const std::lock_guard lock(mutex_);
    ++wakes_;
    woken_.notify_all();
  }

  SimulatedDisk disk_;
  std::mutex mutex_;
  std::condition_variable woken_;
  int wakes_ = 0;
  MonotonicMs now_ = 0;
  OpenedJournal opened_;
  std::map<std::size_t, CommitNumber> awaited_;
  std::map<std::size_t, std::vector<CommitEnd>> ended_;  // of each store, by number
  std::map<std::uint64_t, StoredQueue> found_;
  std::map<std::uint64_t, Lane> lanes_;
  std::vector<std::unique_ptr<std::string>> bodies_;
};

inline std::uint64_t count(const StoredQueue& queue) {
  std::uint64_t sum = 0;
  for (const StoredRange& range : queue.ranges) sum += range.last - range.first + 1;
  return sum;
}

inline std::vector<LogUse> sorted(std::vector<LogUse> logs) {
  std::ranges::sort(logs, {}, &LogUse::log);
  return logs;
}

/// What a start works out does not depend on whether segments have indexes.
inline void expect_same_without_indexes(const SimulatedDisk& disk, const Node::Lanes& lanes) {
  SimulatedDisk with = disk.killed();
  SimulatedDisk without = disk.killed();
  EXPECT_TRUE(remove_indexes(*without.files(), {}));
  const auto one = recover(*with.files(), lanes, {1, 2});
  const auto other = recover(*without.files(), lanes, {1, 2});
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->next_commit, other->next_commit);
  EXPECT_EQ(one->next_segment, other->next_segment);
  EXPECT_EQ(one->segments.live_bytes(), other->segments.live_bytes());
  EXPECT_EQ(one->use.bytes, other->use.bytes);
  EXPECT_EQ(one->use.live, other->use.live);
  EXPECT_EQ(one->use.dead, other->use.dead);
  EXPECT_EQ(sorted(one->use.logs), sorted(other->use.logs));
  for (Lane lane = 0; lane < kLanes; ++lane) {
    EXPECT_EQ(one->lanes[lane].next_chunk, other->lanes[lane].next_chunk);
    EXPECT_EQ(one->lanes[lane].chunks, other->lanes[lane].chunks);
  }
  for (const auto& [id, queue] : one->queues) {
    const KeptQueue& same = other->queues.at(id);
    EXPECT_TRUE(std::ranges::equal(queue.extents, same.extents));
    EXPECT_EQ(queue.counts, same.counts);
    EXPECT_EQ(queue.leases, same.leases);
    EXPECT_EQ(queue.mark, same.mark);
    EXPECT_EQ(queue.stored.ranges, same.stored.ranges);
    EXPECT_EQ(queue.stored.priorities, same.stored.priorities);
    EXPECT_EQ(queue.stored.leases, same.stored.leases);
    EXPECT_EQ(queue.stored.next_position, same.stored.next_position);
  }
}

}  // namespace polymq::storage::journal
