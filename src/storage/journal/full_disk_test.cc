// Promises of a disk that has no room for another segment: what consumers settle is stored, and
// publishers go on as soon as there is room again.
#include <gmock/gmock.h>

#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t kMiB = 1024 * 1024;
const Node::Lanes kOne{{10, 3}};

TEST(FullDisk, AFullDiskMakesWritersWaitUntilThereIsRoom) {
  SimulatedDisk disk;
  Node node(disk, kOne, 1);
  node.disk().set_capacity(3 * kSmallSegment);
  std::uint64_t position = 0;
  while (!node.refuses(10) && position < 100) {
    node.append(10, ++position, std::string(3000, 'x'));
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  }
  EXPECT_TRUE(node.refuses(10));
  node.store(10).settle(10, 1, position);
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable)) << "settlements still find room";
  node.disk().set_capacity(UINT64_MAX);
  for (int i = 0; i < 2000 && node.refuses(10); ++i) node.wait();
  EXPECT_FALSE(node.refuses(10));
  node.append(10, ++position, "more");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
}

// Much more than the open segment has room for.
TEST(FullDisk, WhatWasUnderWayWhenTheDiskBecameShortUsesWhatShouldStayFree) {
  SimulatedDisk disk;
  JournalOptions options = Node::small();
  options.keep_free = 16 * kSmallSegment;
  disk.set_capacity(17 * kSmallSegment);
  Node node(disk, kOne, 1, options);
  node.append(10, 1, "first");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  while (!node.refuses(10)) node.wait();  // another segment would leave less than that
  for (std::uint64_t position = 2; position <= 100; ++position) {
    node.append(10, position, std::string(3000, 'x'));
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  }
  node.append(10, 101, std::string(2 * kSmallSegment, 'x'));
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable)) << "one that is larger than usual";
  EXPECT_TRUE(node.refuses(10));
  node.store(10).settle(10, 1, 101);
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  node.disk().set_capacity(UINT64_MAX);
  for (int i = 0; i < 2000 && node.refuses(10); ++i) node.wait();
  EXPECT_FALSE(node.refuses(10));
}

/// Segments larger than those that are made when there is little room. Queue 11 is read by nobody.
class ShortOfRoomTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kSegment = 8 * kMiB;
  static constexpr std::uint64_t kKeptFree = 32 * kMiB;
  const Node::Lanes lanes_{{10, 3}, {11, 4}};

  static JournalOptions options() {
    JournalOptions options = Node::small();
    options.segment_size = kSegment;
    options.keep_free = kKeptFree;
    return options;
  }
  /// Until no other segment is made; every `stays`th message goes to queue 11.
  void fill(Node& node, std::uint64_t stays) {
    while (!node.refuses(10)) {
      for (int i = 0; i < 100; ++i) {
        ++last_;
        node.append(last_ % stays == 0 ? 11 : 10, last_, std::string(3000, 'x'));
      }
      ASSERT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
    }
  }
  void expect_room_again(Node& node) {
    for (int i = 0; i < 5000 && node.refuses(10); ++i) {
      node.turn();
      node.wait();
    }
    EXPECT_FALSE(node.refuses(10));
    node.append(10, ++last_, "more");
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  }

  SimulatedDisk disk_;
  std::uint64_t last_ = 1;
};

TEST_F(ShortOfRoomTest, ManySmallSettlementsDoNotUseUpWhatIsKeptFree) {
  Node node(disk_, lanes_, 1, options());
  constexpr std::uint64_t kMany = 12'000;  // each a block of its own: more than what is kept free
  node.append(11, 1, "stays");
  for (std::uint64_t position = 1; position <= kMany; ++position) node.append(10, position, "x");
  ASSERT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  node.disk().set_capacity(node.disk().used() + kKeptFree);
  for (std::uint64_t position = 1; position <= kMany; ++position) {
    node.store(10).settle(10, position, position);
    ASSERT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable)) << position;
  }
  EXPECT_TRUE(node.refuses(10));
  EXPECT_EQ(node.all(11).size(), 1u);
}

TEST_F(ShortOfRoomTest, OneOldMessageDoesNotKeepPublishersWaiting) {
  disk_.set_capacity(kKeptFree + 28 * kMiB);
  Node node(disk_, lanes_, 1, options());
  node.append(11, 1, "stays");
  fill(node, UINT64_MAX);
  node.store(10).settle(10, 2, last_);
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  expect_room_again(node);
  EXPECT_EQ(node.all(11).size(), 1u);
}

TEST_F(ShortOfRoomTest, AFewMessagesInEverySegmentDoNotKeepPublishersWaiting) {
  disk_.set_capacity(kKeptFree + 64 * kMiB);
  Node node(disk_, lanes_, 1, options());
  fill(node, 100);
  const std::size_t stay = node.all(11).size();
  node.store(10).settle(10, 2, last_);
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  expect_room_again(node);
  EXPECT_EQ(node.all(11).size(), stay);
}

TEST_F(ShortOfRoomTest, AStartSeesThatThereIsRoomAgainThoughNothingIsStored) {
  {
    Node(disk_, lanes_, 1, options());
  }
  disk_.set_capacity(disk_.used() + kMiB / 2);
  Node node(disk_, lanes_, 1, options());
  EXPECT_TRUE(node.refuses(10));
  disk_.set_capacity(UINT64_MAX);
  while (node.refuses(10)) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST_F(ShortOfRoomTest, AStartNeedsLittleRoom) {
  {
    Node node(disk_, lanes_, 1, options());
    node.append(10, 1, "x");
    node.append(10, 2, "y");
    ASSERT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  }
  disk_.set_capacity(disk_.used() + kMiB / 2);
  Node node(disk_, lanes_, 1, options());
  EXPECT_TRUE(node.refuses(10)) << "publishers must not take that";
  node.store(10).settle(10, 1, 1);
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  EXPECT_EQ(node.all(10).size(), 1u);
}

}  // namespace
}  // namespace polymq::storage::journal
