// Promises about what was written and perhaps never synced: it is synced in a while, and once a
// start has counted it, a power cut does not take it away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "storage/journal/chunk_writer.h"
#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using testing::SizeIs;

const Node::Lanes kLanesHere{{10, 3}};
const Node::Lanes kTwoLanes{{10, 3}, {11, 4}};
/// Of a power cut that leaves nothing of what was not synced.
std::uint64_t nothing_more(std::uint64_t) { return 0; }
std::uint64_t synced_names_only(std::uint64_t below) { return below == 2 ? 1 : 0; }

JournalOptions unsynced() {
  JournalOptions options = Node::small();
  options.sync = SyncPolicy::kNever;
  options.sync_interval = std::chrono::hours(1);
  return options;
}

class UnsyncedTest : public testing::Test {
 protected:
  UnsyncedTest() {
    Node node(disk_, kLanesHere, 1, unsynced());
    for (std::uint64_t position = 1; position <= 5; ++position) {
      node.append(10, position, std::to_string(position));
      node.commit();
    }
    killed_ = node.disk().killed();
  }
  /// Starts and stops a node on `disk`, and returns what it found.
  static std::map<std::uint64_t, std::string> found(SimulatedDisk disk) {
    Node node(std::move(disk), kLanesHere, 1, unsynced());
    return node.all(10);
  }
  /// A start, and a power cut while the node runs.
  static SimulatedDisk started_and_cut(SimulatedDisk disk) {
    Node node(std::move(disk), kLanesHere, 1, unsynced());
    return node.disk().crashed(synced_names_only);
  }

  SimulatedDisk disk_;
  SimulatedDisk killed_;
};

TEST_F(UnsyncedTest, WhatAKillLeftIsDurableOnceItWasFound) {
  ASSERT_THAT(found(killed_.killed()), SizeIs(5));
  EXPECT_THAT(found(killed_.crashed(nothing_more)), SizeIs(testing::Lt(5u))) << "it was not synced";
  EXPECT_THAT(found(started_and_cut(killed_.killed())), SizeIs(5));
}

TEST_F(UnsyncedTest, ThoughTheSegmentHadBeenEnded) {
  // A start that dies before its mark, or between the mark and the sync.
  for (const std::uint64_t syncs : {0u, 1u}) {
    SimulatedDisk dying = killed_.killed();
    dying.fail_sync_after(syncs);
    EXPECT_FALSE(recover(*dying.files(), kLanesHere, {1, 2})) << "it cannot be synced";
    ASSERT_THAT(found(dying.killed()), SizeIs(5));
    EXPECT_THAT(found(started_and_cut(dying.killed())), SizeIs(5));
  }
}

TEST_F(UnsyncedTest, ThoughASyncHadFailedAndTheSystemTakesItForWritten) {
  SimulatedDisk failing = killed_.killed();
  {
    Node node(failing, kLanesHere, 1);
    node.append(10, 6, "6");
    node.commit();
    node.disk().fail_sync_after(0);
    node.append(10, 7, "7");
    node.commit();
    failing = node.disk().killed();
  }
  const auto read = found(failing.killed());
  EXPECT_THAT(read, SizeIs(testing::Ge(6u)));
  EXPECT_EQ(found(started_and_cut(failing.killed())), read);
}

// What is written again and the mark behind it are on their way to the disk together.
TEST(UnsyncedStartTest, APowerCutDuringAStartLeavesCommitsWholeOrNotAtAll) {
  SimulatedDisk disk;
  {
    Node node(disk, kTwoLanes, 1, unsynced());
    for (std::uint64_t position = 1; position <= 3; ++position) {
      for (const auto& [queue, lane] : kTwoLanes) {
        node.append(queue, position, std::string(3000, 'x'));
      }
      node.commit();
    }
    disk = node.disk().killed();
  }
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    std::minstd_rand random(static_cast<std::uint32_t>(seed));
    SimulatedDisk starting = disk.killed();
    std::vector<SimulatedDisk> cut;
    starting.watch([&] {
      cut.push_back(starting.crashed([&](std::uint64_t below) { return random() % below; }));
    });
    ASSERT_TRUE(recover(*starting.files(), kTwoLanes, {1, 2}));
    for (SimulatedDisk& left : cut) {
      const auto found = recover(*left.files(), kTwoLanes, {1, 2});
      ASSERT_TRUE(found);
      EXPECT_THAT(found->damages, testing::IsEmpty()) << "nothing was damaged, only not written";
      EXPECT_EQ(count(found->queues.at(10).stored), count(found->queues.at(11).stored));
    }
  }
}

// Each write brings the next batch, so that the committer is never without one.
TEST(UnsyncedJournalTest, WhatIsSyncedInAWhileDoesNotWaitForAnIdleMoment) {
  JournalOptions options;
  options.sync = SyncPolicy::kInterval;
  options.sync_interval = {};  // it is over at once
  SimulatedDisk disk;
  SimulatedDisk cut;
  constexpr std::uint64_t kBatches = 100;
  std::uint64_t submitted = 0;
  Journal* journal = nullptr;
  const auto submit = [&] {
    ChunkWriter writer;
    writer.message({.queue = 10, .position = ++submitted, .body = "body"});
    SealedBatch batch{.number = submitted, .awaited = true, .sync = SyncPolicy::kInterval};
    writer.finish(3, submitted, batch.bytes);
    const std::uint64_t size = batch.bytes.size();
    batch.chunks.push_back({3, submitted, static_cast<std::uint32_t>(size), true, size});
    journal->submit(0, std::move(batch));
  };
  std::mutex mutex;  // segments are filled by another thread
  bool done = false;
  std::condition_variable changed;
  disk.watch([&] {
    const std::lock_guard lock(mutex);
    if (journal == nullptr || done) return;
    done = submitted == kBatches;
    if (done) {
      cut = disk.crashed(synced_names_only);
      changed.notify_one();
    } else {
      submit();
    }
  });
  {
    OpenedJournal opened(disk.files(), kLanesHere, 1, options, [] {});
    opened.journal->queues_known(UINT64_MAX);
    std::unique_lock lock(mutex);
    journal = opened.journal.get();
    submit();
    changed.wait(lock, [&] { return done; });
  }
  const auto found = recover(*cut.files(), kLanesHere, {1, 2});
  ASSERT_TRUE(found);
  EXPECT_GT(count(found->queues.at(10).stored), 0u);
}

}  // namespace
}  // namespace polymq::storage::journal
