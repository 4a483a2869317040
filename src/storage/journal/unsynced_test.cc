// Promises of a start about what was written and perhaps never synced: once it was counted, a power
// cut does not take it away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using testing::SizeIs;

const Node::Lanes kLanesHere{{10, 3}};
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
  // A start that dies between its mark and the sync.
  SimulatedDisk dying = killed_.killed();
  dying.fail_sync_after(0);
  EXPECT_FALSE(recover(*dying.files(), kLanesHere, {1, 2})) << "it cannot be synced";
  ASSERT_THAT(found(dying.killed()), SizeIs(5));
  EXPECT_THAT(found(started_and_cut(dying.killed())), SizeIs(5));
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

}  // namespace
}  // namespace polymq::storage::journal
