// Promises of which message is next.
#include "engine/ready_index.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Position> drain(ReadyIndex& index) {
  std::vector<Position> order;
  for (; !index.empty(); index.pop()) order.push_back(index.front());
  return order;
}

TEST(ReadyIndex, MessagesComeInTheOrderOfArrival) {
  ReadyIndex index;
  for (const Position position : {1, 2, 3, 7, 8}) index.push(position, 0);
  EXPECT_THAT(drain(index), ElementsAre(1, 2, 3, 7, 8));
  EXPECT_TRUE(index.empty());
}

TEST(ReadyIndex, WhatComesBackTakesItsOldPlace) {
  ReadyIndex index;
  for (Position position = 1; position <= 6; ++position) index.push(position, 0);
  for (int i = 0; i < 4; ++i) index.pop();
  index.give_back({2, 4}, 0);
  EXPECT_THAT(drain(index), ElementsAre(2, 4, 5, 6));
}

TEST(ReadyIndex, RunsThatComeBackAreMerged) {
  ReadyIndex index;
  index.push(10, 0);
  index.give_back({3, 7}, 0);
  index.give_back({1, 5, 12}, 0);
  index.give_back({13}, 0);
  EXPECT_THAT(drain(index), ElementsAre(1, 3, 5, 7, 10, 12, 13));
}

TEST(ReadyIndex, SingleReturnsInOrderExtendOneRunAfterMostOfItWasTaken) {
  ReadyIndex index;
  index.give_back({1, 2, 3}, 0);
  index.pop();
  index.pop();
  index.give_back({4}, 0);
  index.give_back({5, 6}, 0);
  EXPECT_THAT(drain(index), ElementsAre(3, 4, 5, 6));
}

TEST(ReadyIndex, AHigherPriorityComesFirstAndPrioritiesAreCutToTheHighestLevel) {
  ReadyIndex index(6);
  EXPECT_EQ(index.levels(), 6u);
  index.push(1, 0);
  index.push(2, 5);
  index.push(3, 200);
  index.push(4, 3);
  index.give_back({0}, 3);
  EXPECT_THAT(drain(index), ElementsAre(2, 3, 0, 4, 1));
}

TEST(ReadyIndex, WithoutLevelsAPriorityMeansNothing) {
  ReadyIndex index;
  EXPECT_EQ(index.levels(), 1u);
  index.push(1, 3);
  index.push(2, 255);
  EXPECT_THAT(drain(index), ElementsAre(1, 2));
}

TEST(ReadyIndex, ThereMayBe256Levels) {
  ReadyIndex index(256);
  std::vector<Position> expected;
  for (unsigned level = 0; level < 256; ++level) {
    index.push(level + 1, static_cast<std::uint8_t>(level));
    expected.insert(expected.begin(), level + 1);
  }
  EXPECT_EQ(drain(index), expected);
}

TEST(ReadyIndex, AnyHistoryGivesTheLowestPositionOfTheHighestLevel) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    ReadyIndex index(4);
    std::map<unsigned, std::set<Position>> model;  // by level
    std::map<unsigned, std::set<Position>> out;
    Position next = 1;
    for (int step = 0; step < 400; ++step) {
      const unsigned level = random() % 4;
      if (random() % 3 != 0) {
        index.push(next, static_cast<std::uint8_t>(level));
        model[level].insert(next++);
      } else if (!out[level].empty() && random() % 2 == 0) {
        std::vector<Position> back(out[level].begin(), out[level].end());
        back.resize(1 + random() % back.size());
        for (const Position position : back) out[level].erase(position);
        model[level].insert(back.begin(), back.end());
        index.give_back(back, static_cast<std::uint8_t>(level));
      } else if (!index.empty()) {
        const auto top = std::find_if(model.rbegin(), model.rend(),
                                      [](const auto& one) { return !one.second.empty(); });
        ASSERT_EQ(index.front(), *top->second.begin());
        out[top->first].insert(index.front());
        top->second.erase(index.front());
        index.pop();
      }
      std::size_t ready = 0;
      for (const auto& [unused, positions] : model) ready += positions.size();
      ASSERT_EQ(index.empty(), ready == 0);
    }
  }
}

// --- what is not in memory ----------------------------------------------------------------------

constexpr auto kNothingInMemory = [](Position) { return false; };

TEST(ReadyIndex, WhatIsHandedOutLastLeavesFirst) {
  ReadyIndex index(3);
  for (Position position = 1; position <= 9; ++position) {
    index.push(position, static_cast<std::uint8_t>(position % 3));
  }
  index.give_back({0}, 0);
  std::vector<Position> left;
  EXPECT_FALSE(index.let_go(9, [&](Position position) {
    if (left.size() == 4) return false;
    left.push_back(position);
    return true;
  }));
  EXPECT_THAT(left, ElementsAre(6, 3, 7, 4)) << "9 is too new, 0 has come back";
  index.push(12, 0);
  left.clear();
  EXPECT_TRUE(index.let_go(20, [&](Position position) {
    left.push_back(position);
    return true;
  }));
  EXPECT_THAT(left, ElementsAre(9, 12, 1, 8, 5, 2)) << "what is behind others goes before them";
}

TEST(ReadyIndex, WhatIsHandedOutNextIsReadFirst) {
  ReadyIndex index(10);
  index.push(1, 9);
  index.push_unread(2, 5, 3);
  index.push_unread(5, 6, 7);
  index.push_unread(6, 8, 3);
  index.push_unread(9, 10, 3);
  EXPECT_EQ(index.first_unread(), 2u);
  EXPECT_FALSE(index.front_may_be_unread());
  EXPECT_EQ(index.ahead_of_unread(100), 1u);
  index.pop();
  EXPECT_TRUE(index.front_may_be_unread());

  ReadyIndex::Wanted wanted = index.next_unread(100, kNothingInMemory);
  EXPECT_EQ(wanted.level, 7u);
  EXPECT_THAT(wanted.ranges, ElementsAre(PositionRange{5, 6}));
  EXPECT_TRUE(index.was_read(7, 5, 6));
  EXPECT_FALSE(index.was_read(7, 5, 6)) << "that was said";

  wanted = index.next_unread(4, [](Position position) { return position == 2 || position == 6; });
  EXPECT_EQ(wanted.level, 3u);
  EXPECT_THAT(wanted.ranges,
              ElementsAre(PositionRange{3, 5}, PositionRange{7, 8}, PositionRange{9, 10}));
  EXPECT_EQ(index.ahead_of_unread(100), 2u) << "5 and 2";
  EXPECT_TRUE(index.was_read(3, 3, 9)) << "it ended early";
  EXPECT_EQ(index.first_unread(), 9u);
  EXPECT_TRUE(index.was_read(3, 9, 10));
  EXPECT_EQ(index.first_unread(), std::nullopt);
  EXPECT_THAT(drain(index), ElementsAre(5, 2, 3, 4, 6, 7, 9));
}

TEST(ReadyIndex, AReadIsOfNoUseWhenMoreHasLeftBeforeIt) {
  ReadyIndex index(2);
  for (Position position = 1; position <= 6; ++position) index.push(position, 1);
  int offers = 2;
  const auto some = [&](Position) { return offers-- > 0; };
  EXPECT_FALSE(index.let_go(7, some));
  EXPECT_THAT(index.next_unread(9, kNothingInMemory).ranges, ElementsAre(PositionRange{5, 7}));
  offers = 1;
  EXPECT_FALSE(index.let_go(7, some));
  EXPECT_FALSE(index.was_read(1, 5, 7));
  EXPECT_THAT(index.next_unread(9, kNothingInMemory).ranges, ElementsAre(PositionRange{4, 7}));
}

TEST(ReadyIndex, KnowsWhatWasNeverRead) {
  ReadyIndex index(2);
  index.push_unread(1, 5, 1);
  index.push_unread(5, 6, 0);
  index.push_unread(7, 10, 1);
  index.push(10, 1);
  const auto unseen = [&] {
    std::vector<Position> found;
    for (Position at = 0; at < 12; ++at) {
      if (index.is_unseen(at)) found.push_back(at);
    }
    return found;
  };
  EXPECT_THAT(unseen(), ElementsAre(1, 2, 3, 4, 5, 7, 8, 9));
  EXPECT_TRUE(index.was_read(1, 1, 4));
  EXPECT_THAT(unseen(), ElementsAre(4, 5, 7, 8, 9));
  EXPECT_TRUE(index.let_go(4, [](Position) { return true; }));
  EXPECT_EQ(index.first_unread(), 1u);
  EXPECT_THAT(unseen(), ElementsAre(4, 5, 7, 8, 9)) << "others were read, and left again";
  EXPECT_TRUE(index.was_read(0, 5, 6));
  EXPECT_THAT(unseen(), ElementsAre(4, 7, 8, 9));
  index.all_read();
  EXPECT_THAT(unseen(), IsEmpty());
  EXPECT_TRUE(index.let_go(12, [](Position) { return true; }));
  EXPECT_THAT(unseen(), IsEmpty()) << "they were read, and left again";
}

TEST(ReadyIndex, NotMoreIsLookedThroughAtOnceThanIsOfUse) {
  ReadyIndex index;
  index.push_unread(1, 1001, 0);
  const auto first_half = [](Position position) { return position <= 500; };
  for (int i = 0; i < 12; ++i) {
    EXPECT_THAT(index.next_unread(10, first_half).ranges, IsEmpty());
  }
  EXPECT_THAT(index.next_unread(10, first_half).ranges, ElementsAre(PositionRange{501, 511}));
}

TEST(ReadyIndex, WhatComesFirstIsCountedRoughlyWhereRangesAreMany) {
  ReadyIndex index(2);
  for (Position position = 0; position < 10'000; ++position) {
    index.push(position * 3, 1);
    index.push(position * 3 + 1, 1);
  }
  index.push_unread(50'000, 50'010, 1);
  EXPECT_EQ(index.ahead_of_unread(UINT64_MAX), 20'000u);
}

TEST(ReadyIndex, ManyRunsThatCameBackAreMergedInOrder) {
  ReadyIndex index;
  std::vector<Position> all;
  for (Position first = 1; first <= 400; ++first) {  // each behind the others, and before them
    std::vector<Position> run{first * 7919 % 4001, first * 7919 % 4001 + 5000};
    all.insert(all.end(), run.begin(), run.end());
    index.give_back(std::move(run), 0);
  }
  std::sort(all.begin(), all.end());
  std::vector<Position> seen;
  index.visit_returned([&](Position position) {
    seen.push_back(position);
    return true;
  });
  EXPECT_EQ(seen, all);
  std::vector<Position> popped;
  for (; !index.empty(); index.pop()) popped.push_back(index.front());
  EXPECT_EQ(popped, all);
}

}  // namespace
}  // namespace polymq::engine
