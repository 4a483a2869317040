// Promises of leases that end by themselves: the last word on each is known after a restart, as
// long as its message lives, and no longer.
#include <gmock/gmock.h>

#include <random>

#include "storage/journal/dump.h"
#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Node::Lanes kTwo{{10, 3}, {11, 4}};

Lease until(WallMs deadline) { return {1, 2, deadline, 7}; }

std::vector<std::string> dumped(SimulatedDisk& disk, const std::string& what) {
  std::vector<std::string> lines;
  EXPECT_TRUE(dump(*disk.files(), [&](const std::string& line) {
    if (line.find(what) != std::string::npos) lines.push_back(line);
  }));
  return lines;
}

TEST(Leases, AreKnownAfterARestartWithTheirCounts) {
  SimulatedDisk disk;
  {
    Node node(disk, kTwo, 2);
    for (std::uint64_t position = 1; position <= 3; ++position) node.append(10, position, "x");
    node.commit();
    node.store(10).lent(10, 2, 3, 1, until(50));
    node.store(10).lent(10, 1, 1, 0, until(60));
    node.commit();
  }
  Node node(disk, kTwo, 1);
  EXPECT_THAT(node.found(10).leases,
              ElementsAre(StoredLease{1, until(60)}, StoredLease{2, until(50)}));
  EXPECT_EQ(count(node.found(10)), 3u) << "they are among its messages";
  const ReadMessages read = node.read(10, 0);
  ASSERT_EQ(read.messages.size(), 3u);
  EXPECT_EQ(read.messages[1].acquired, 3u);
  EXPECT_EQ(read.messages[1].failed, 1u);
  EXPECT_TRUE(read.messages[1].delivered);
  EXPECT_EQ(read.messages[2].acquired, 0u);
}

TEST(Leases, TheLastWordCountsWhereverItIs) {
  for (const bool together : {true, false}) {
    SimulatedDisk disk;
    {
      Node node(disk, kTwo, 1);
      const auto pause = [&] {
        if (!together) node.commit();
      };
      for (std::uint64_t position = 1; position <= 3; ++position) node.append(10, position, "x");
      pause();
      for (std::uint64_t position = 1; position <= 3; ++position) {
        node.store(10).lent(10, position, 1, 0, until(50));
      }
      pause();
      node.store(10).returned(10, 1, 1, 1);
      node.store(10).lent(10, 2, 1, 0, until(90));
      node.store(10).returned(10, 3, 1, 1);
      pause();
      node.store(10).lent(10, 3, 2, 1, until(70));
      node.commit();
    }
    expect_same_without_indexes(disk, kTwo);
    Node node(disk, kTwo, 1);
    EXPECT_THAT(node.found(10).leases,
                ElementsAre(StoredLease{2, until(90)}, StoredLease{3, until(70)}));
    const ReadMessages read = node.read(10, 0);
    ASSERT_EQ(read.messages.size(), 3u);
    EXPECT_EQ(read.messages[0].failed, 1u);
    EXPECT_EQ(read.messages[2].acquired, 2u);
  }
}

TEST(Leases, OfMessagesThatAreReceivedTogetherAreOneRecord) {
  SimulatedDisk disk;
  Node node(disk, kTwo, 1);
  for (std::uint64_t position = 1; position <= 10; ++position) node.append(10, position, "x");
  node.commit();
  for (std::uint64_t position = 1; position <= 10; ++position) {
    node.store(10).lent(10, position, position == 4 ? 2 : 1, 0, until(50));
  }
  node.commit();
  EXPECT_THAT(dumped(node.disk(), "lent"),
              ElementsAre(HasSubstr("lent 1 to 3, handed out 1, failed 0, until 50"),
                          HasSubstr("lent 4 to 4, handed out 2"), HasSubstr("lent 5 to 10")));
}

TEST(Leases, ThatAreOverBeforeTheyWereSealedAreNeverWritten) {
  SimulatedDisk disk;
  {
    Node node(disk, kTwo, 1);
    for (std::uint64_t position = 1; position <= 3; ++position) node.append(10, position, "x");
    node.commit();
    node.append(10, 4, "x");
    for (std::uint64_t position = 1; position <= 4; ++position) {
      node.store(10).lent(10, position, 1, 0, until(50));
    }
    node.store(10).settle(10, 1, 1);
    node.store(10).returned(10, 2, 0, 0);
    node.store(10).settle(10, 4, 4);
    node.store(10).lent(10, 5, 1, 0, until(50));  // never heard of
    node.commit();
    EXPECT_THAT(dumped(node.disk(), "lent"), ElementsAre(HasSubstr("lent 3 to 3")));
  }
  Node node(disk, kTwo, 1);
  EXPECT_THAT(node.found(10).leases, ElementsAre(StoredLease{3, until(50)}));
  EXPECT_FALSE(node.read(10, 0).messages[0].delivered) << "it never reached anybody";
}

TEST(Leases, AreWrittenThoughNobodyWaitsAndDoNotMakeAnybodyWait) {
  SimulatedDisk disk;
  Node node(disk, kTwo, 1);
  node.append(10, 1, "x");
  node.commit();
  node.store(10).lent(10, 1, 1, 0, until(50));
  for (int i = 0; i < 5000 && dumped(node.disk(), "lent").empty(); ++i) {
    node.turn();
    node.wait();
  }
  EXPECT_THAT(dumped(node.disk(), "lent"), ElementsAre(HasSubstr("lent 1 to 1")));
}

TEST(Leases, TakeNoRoomOnAFullDisk) {
  SimulatedDisk disk;
  Node node(disk, kTwo, 1);
  node.disk().set_capacity(3 * kSmallSegment);
  std::uint64_t position = 0;
  while (!node.refuses(10) && position < 100) {
    node.append(10, ++position, std::string(3000, 'x'));
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  }
  ASSERT_TRUE(node.refuses(10));
  node.store(10).lent(10, 1, 1, 0, until(50));
  EXPECT_THAT(node.commit(), IsEmpty());
}

TEST(Leases, KeepNoSegmentsAndAreSaidAgainWhenTheirsGoes) {
  SimulatedDisk disk;
  {
    Node node(disk, kTwo, 1);
    node.append(11, 1, "stays");
    node.commit();
    for (std::uint64_t position = 1; position <= 700; ++position) {
      node.append(10, position, std::string(3000, 'x'));
      node.commit();
      node.store(10).lent(10, position, 1, 0, until(50));
      if (position == 30) node.store(11).lent(11, 1, 5, 0, until(60));
      node.commit();
      node.store(10).settle(10, position, position);
    }
    node.commit();
    for (int i = 0; i < 5000 && node.journal().usage().segments > 8; ++i) {
      node.turn();
      node.wait();
    }
    EXPECT_LE(node.journal().usage().segments, 8u);
    node.commit();
  }
  expect_same_without_indexes(disk, kTwo);
  Node node(disk, kTwo, 1);
  EXPECT_THAT(node.found(10).leases, IsEmpty());
  EXPECT_THAT(node.found(11).leases, ElementsAre(StoredLease{1, until(60)}));
  EXPECT_EQ(node.read(11, 0).messages[0].acquired, 5u);
}

class LeasesOverCrashes : public testing::TestWithParam<std::uint64_t> {};

TEST_P(LeasesOverCrashes, AreAsTheyWereSaidLast) {
  std::mt19937_64 random(GetParam());
  const auto draw = [&](std::uint64_t below) { return random() % below; };
  // Of durable messages of queue 10, until when they are out (kNever: they are not): the last word
  // that is durable, and those since.
  std::map<std::uint64_t, std::vector<WallMs>> words;
  std::uint64_t next = 1;
  WallMs deadline = 0;
  SimulatedDisk disk;
  for (int life = 0; life < 6 && !HasFailure(); ++life) {
    expect_same_without_indexes(disk, kTwo);
    Node node(disk, kTwo, 1 + draw(2));
    std::map<std::uint64_t, WallMs> found;
    for (const StoredLease& lease : node.found(10).leases) {
      EXPECT_TRUE(found.emplace(lease.position, lease.lease.deadline).second);
    }
    const auto there = node.all(10);
    std::erase_if(words, [&](const auto& word) { return !there.contains(word.first); });
    for (const auto& [position, lease] : found) EXPECT_TRUE(there.contains(position));
    for (auto& [position, word] : words) {
      const WallMs now = found.contains(position) ? found[position] : kNever;
      EXPECT_THAT(word, Contains(now)) << "message " << position;
      word = {now};
    }
    next = node.found(10).next_position;
    for (std::uint64_t steps = draw(200); steps != 0; --steps) {
      const std::uint64_t before = next;
      for (std::uint64_t n = draw(10); n != 0; --n) {
        node.append(10, next++, std::string(draw(2000), 'x'));
      }
      for (auto at = words.begin(); at != words.end();) {
        auto& [position, said] = *at++;
        if (draw(8) == 0) {
          node.store(10).lent(10, position, 1, 0, until(++deadline));
          said.push_back(deadline);
        } else if (draw(8) == 0) {
          node.store(10).returned(10, position, 1, 0);
          said.push_back(kNever);
        } else if (draw(8) == 0) {
          node.store(10).settle(10, position, position);
          words.erase(std::prev(at));
        }
      }
      if (draw(4) == 0) {
        node.turn();
        continue;
      }
      node.commit();
      for (auto& [position, word] : words) word = {word.back()};
      for (std::uint64_t position = before; position < next; ++position) words[position] = {kNever};
    }
    disk = draw(3) == 0 ? node.disk().killed() : node.disk().crashed(draw);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LeasesOverCrashes, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace polymq::storage::journal
