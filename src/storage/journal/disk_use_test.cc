// Promises of what a start tells of the segments' bytes: what each queue has of them, alive and
// dead, and what could be reclaimed.
#include "storage/journal/disk_use.h"

#include <gmock/gmock.h>

#include "storage/journal/layout.h"
#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

const Node::Lanes kQueues{{10, 3}, {11, 3}, {12, 4}};

/// Of a message as Node::append() makes it: its exchange, key and properties are 1, 2 and 4 bytes.
constexpr std::uint64_t kData = 1 + 2 + 4;
constexpr std::uint64_t own(std::uint64_t body) { return kMessageRecord + kData + body; }
constexpr std::uint64_t shared(std::uint64_t body) { return kSharedRecord + kData + body; }

void commit(Node& node) { EXPECT_THAT(node.commit(), Each(CommitEnd::kDurable)); }

DiskUse use_of(const SimulatedDisk& disk, const Node::Lanes& known = kQueues) {
  SimulatedDisk copy = disk.killed();
  auto found = recover(*copy.files(), known, {1, 2});
  EXPECT_TRUE(found) << found.error().text;
  found->use.logs = sorted(std::move(found->use.logs));
  return std::move(found->use);
}

TEST(DiskUse, IsNothingOfAJournalWithoutMessages) {
  SimulatedDisk disk;
  {
    const Node node(disk, kQueues, 1);
  }
  const DiskUse use = use_of(disk);
  EXPECT_EQ(use.live, 0u);
  EXPECT_EQ(use.dead, 0u);
  EXPECT_EQ(use.reclaimable(), use.bytes);
  EXPECT_THAT(use.logs, IsEmpty());
}

TEST(DiskUse, TellsOfEachQueueWhatLivesAndWhatDoesNot) {
  SimulatedDisk disk;
  {
    Node node(disk, kQueues, 1);
    for (std::uint64_t position = 1; position <= 10; ++position) {
      node.append(10, position, std::string(100, 'a'));
      node.append(11, position, std::string(50 * position, 'b'));
    }
    node.append(12, 1, "");
    commit(node);
    node.store(10).settle(10, 1, 10);
    node.store(11).settle(11, 2, 3);  // only part of what was stored together
    node.store(11).settle(11, 9, 9);
    commit(node);
  }
  const DiskUse use = use_of(disk);
  const std::uint64_t dead = own(100) + own(150) + own(450);
  const std::uint64_t live = 10 * own(0) + 50 * 55 - dead;
  EXPECT_THAT(use.logs, ElementsAre(LogUse{10, 0, 10 * own(100)}, LogUse{11, live, dead},
                                    LogUse{12, own(0), 0}));
  EXPECT_EQ(use.segments, 1u);
  EXPECT_EQ(use.bytes, kSmallSegment);
  EXPECT_EQ(use.live, live + own(0));
  EXPECT_EQ(use.dead, dead + 10 * own(100));
  EXPECT_EQ(use.reclaimable(), use.bytes - use.live);
  EXPECT_EQ(use.rest(), use.bytes - use.live - use.dead);
  expect_same_without_indexes(disk, kQueues);
}

TEST(DiskUse, LogsOfOneQueueAreToldApart) {
  SimulatedDisk disk;
  const std::uint64_t ids = log_of(10, LogPart::kSeenIds);
  {
    Node node(disk, kQueues, 1);
    node.append(10, 1, "message");
    node.store(10).open_queue(ids, kQueues.at(10));
    node.store(10).append({.queue = ids, .position = 1, .extension = "12345678"});
    commit(node);
  }
  EXPECT_THAT(use_of(disk).logs,
              ElementsAre(LogUse{10, own(7), 0}, LogUse{ids, own(0) - 1 + 4 + 8, 0}));
}

TEST(DiskUse, WhatNoKnownQueueHasIsDeadInTheTotal) {
  SimulatedDisk disk;
  {
    Node node(disk, kQueues, 1);
    node.append(10, 1, std::string(300, 'a'));
    node.append(12, 1, std::string(200, 'b'));
    commit(node);
  }
  const DiskUse use = use_of(disk, {{12, 4}});
  EXPECT_THAT(use.logs, ElementsAre(LogUse{12, own(200), 0}));
  EXPECT_EQ(use.live, own(200));
  EXPECT_EQ(use.dead, own(300));
}

TEST(DiskUse, SharedDataCountsForEachQueueAndOnceInTheTotal) {
  constexpr std::uint64_t kLarge = 5000;
  SimulatedDisk disk;
  Node node(disk, kQueues, 1);
  node.append({{10, 1}, {11, 1}, {12, 1}}, std::string(kLarge, 'a'));
  node.append(11, 2, std::string(kLarge, 'b'));  // nobody else has it
  commit(node);
  DiskUse use = use_of(disk);
  EXPECT_THAT(use.logs, ElementsAre(LogUse{10, shared(kLarge), 0},
                                    LogUse{11, shared(kLarge) + own(kLarge), 0},
                                    LogUse{12, shared(kLarge), 0}));
  EXPECT_EQ(use.live, 2 * kSharedRecord + shared(kLarge) + own(kLarge));
  EXPECT_EQ(use.dead, 0u);

  node.store(10).settle(10, 1, 1);
  node.store(12).settle(12, 1, 1);
  commit(node);
  use = use_of(disk);
  EXPECT_THAT(use.logs, ElementsAre(LogUse{10, 0, shared(kLarge)},
                                    LogUse{11, shared(kLarge) + own(kLarge), 0},
                                    LogUse{12, 0, shared(kLarge)}));
  EXPECT_EQ(use.live, shared(kLarge) + own(kLarge)) << "the data lives: one queue has it";
  EXPECT_EQ(use.dead, 2 * kSharedRecord);

  node.store(11).settle(11, 1, 1);
  commit(node);
  use = use_of(disk);
  EXPECT_EQ(use.live, own(kLarge));
  EXPECT_EQ(use.dead, 2 * kSharedRecord + shared(kLarge));
  expect_same_without_indexes(disk, kQueues);
}

TEST(DiskUse, SharedDataOfEachCommitIsCountedOfItsOwn) {
  constexpr std::uint64_t kLarge = 2000;
  SimulatedDisk disk;
  Node node(disk, kQueues, 2);
  for (std::uint64_t position = 1; position <= 60; ++position) {  // some segments
    node.append({{10, 2 * position - 1}, {12, position}}, std::string(kLarge, 'a'));
    node.append({{10, 2 * position}, {11, position}}, std::string(kLarge, 'b'));
    commit(node);
  }
  const auto dead_at_a_time = [&](std::uint64_t position) {
    node.store(10).settle(10, 2 * position - 1, 2 * position);
    node.store(11).settle(11, position, position);
    commit(node);
    return use_of(disk).dead;
  };
  const DiskUse before = use_of(disk);
  EXPECT_GT(before.segments, 3u);
  // Lanes 3 and 4 are of two shards: what 10 and 12 both have is not shared.
  EXPECT_EQ(before.live, 60 * (2 * own(kLarge) + shared(kLarge) + kSharedRecord));
  EXPECT_EQ(dead_at_a_time(60), own(kLarge) + shared(kLarge) + kSharedRecord);
  EXPECT_EQ(dead_at_a_time(59), 2 * (own(kLarge) + shared(kLarge) + kSharedRecord));
}

TEST(DiskUse, WhatWasMovedIsDeadAtItsOldPlace) {
  SimulatedDisk disk;
  constexpr std::uint64_t kMessages = 400;
  {
    Node node(disk, kQueues, 1);
    for (std::uint64_t position = 1; position <= kMessages; ++position) {
      node.append(10, position, std::string(3000, 'x'));
      if (position % 8 == 0) node.append(12, position, std::string(1000, 'y'));
      commit(node);
    }
    node.store(10).settle(10, 1, kMessages);
    for (int i = 0; i < 2000 && node.journal().usage().segments > 10; ++i) {
      node.commit();
      node.wait();
    }
    EXPECT_LE(node.journal().usage().segments, 10u) << "of 25 or so";
  }
  const DiskUse use = use_of(disk);
  EXPECT_EQ(use.live, kMessages / 8 * own(1000)) << "each counts once, wherever it is";
  EXPECT_EQ(use.live, use.logs.back().live);
  EXPECT_EQ(use.bytes, use.live + use.dead + use.rest());
  expect_same_without_indexes(disk, kQueues);
}

}  // namespace
}  // namespace polymq::storage::journal
