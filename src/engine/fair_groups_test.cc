// Promises of the index of groups where they share fairly.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "engine/group_index.h"

namespace polymq::engine {
namespace {

constexpr GroupIndex::Holder kAnn = 7;

class FairGroupsTest : public testing::Test {
 protected:
  ~FairGroupsTest() override {
    std::vector<Position> all;
    index_.for_each([&](Position position) { all.push_back(position); });
    for (const Position position : all) index_.erase(position);
    EXPECT_EQ(index_.groups(), 0u);
    EXPECT_EQ(index_.next(kAnn), std::nullopt);
    EXPECT_EQ(meter_.bytes, 0);
  }
  void add(const std::string& group, int count = 1, bool waits = false) {
    for (; count > 0; --count) {
      const auto key = group.empty() ? std::nullopt : std::optional(GroupKey::of(group));
      index_.add(++last_, key, waits);
    }
  }
  Position next() { return index_.next(kAnn).value_or(0); }
  Position take() {
    const Position position = next();
    if (position != 0) index_.lease(position, kAnn, now_);
    return position;
  }
  std::vector<Position> take(int count) {
    std::vector<Position> taken;
    for (; count > 0; --count) taken.push_back(take());
    return taken;
  }
  void done(Position position) {
    index_.worked(position, now_);
    index_.erase(position);
  }
  /// The next one, which takes so long.
  Position work(MonotonicMs ms) {
    const Position position = take();
    now_ += ms;
    done(position);
    return position;
  }

  MemoryMeter meter_;
  GroupIndex index_{meter_, MessageGroups::kFair};
  Position last_ = 0;
  MonotonicMs now_ = 1'000'000;
};

TEST_F(FairGroupsTest, WithoutNoiseTheOldestIsNextWhateverIsOut) {
  add("a", 2);
  add("");
  add("b");
  add("a");
  EXPECT_THAT(take(6), testing::ElementsAre(1, 2, 3, 4, 5, 0));
}

TEST_F(FairGroupsTest, AGroupWithMoreThanATenthOfThirtyInFlightComesLast) {
  add("a", 100);
  add("b", 2);
  add("");
  for (Position n = 1; n <= 30; ++n) EXPECT_EQ(take(), n);
  EXPECT_THAT(take(5), testing::ElementsAre(101, 102, 103, 31, 32));
  EXPECT_TRUE(index_.only_noisy());
}

TEST_F(FairGroupsTest, ATenthIsNotTooMuch) {
  add("a", 3);
  add("", 27);
  add("a", 2);
  add("b");
  take(30);
  EXPECT_EQ(take(), 31u) << "there are 3 of 30";
  EXPECT_EQ(next(), 33u) << "there are 4 of 31";
  done(1);
  EXPECT_EQ(next(), 32u) << "there are 3 of 30";
}

TEST_F(FairGroupsTest, AGroupIsQuietAgainWhenItsShareHasFallen) {
  add("a", 40);
  take(30);
  add("", 271);
  EXPECT_EQ(next(), 41u);
  take(269);
  EXPECT_EQ(next(), 310u) << "30 of 299";
  take(1);
  EXPECT_EQ(next(), 31u) << "30 of 300";
}

TEST_F(FairGroupsTest, OfNoisyGroupsTheOneWithTheFewestInFlightIsFirst) {
  add("a", 100);
  add("b", 100);
  for (int i = 0; i < 30; ++i) take();
  const std::vector<Position> of_b = take(30);
  EXPECT_EQ(of_b.front(), 101u);
  EXPECT_EQ(of_b.back(), 130u) << "until b has as many";
  EXPECT_THAT(take(4), testing::ElementsAre(31, 131, 32, 132));
}

TEST_F(FairGroupsTest, WhoseMessagesTakeLongComesLast) {
  add("a", 3);
  add("b", 20);
  EXPECT_EQ(work(999), 1u);
  EXPECT_EQ(next(), 2u) << "too little to tell";
  EXPECT_EQ(work(1), 2u);
  EXPECT_EQ(next(), 3u);
  EXPECT_EQ(work(1), 3u) << "at its end a is drained";
  EXPECT_EQ(work(10), 4u);
  add("a");
  EXPECT_EQ(work(10), 5u) << "b has 20 of 1021 ms";
  for (int i = 0; i < 8; ++i) work(10);
  EXPECT_EQ(next(), 14u) << "and 100 of 1101";
  EXPECT_EQ(work(30), 14u) << "and 130 of 1131: too much";
  EXPECT_EQ(next(), 24u) << "what a did before it was drained is forgotten";
}

TEST_F(FairGroupsTest, WorkOfLongAgoDoesNotCount) {
  add("a", 2);
  add("", 2);
  EXPECT_EQ(work(3000), 1u);
  EXPECT_EQ(next(), 3u);
  now_ += 6 * FairShares::kHalfLifeMs;
  EXPECT_EQ(work(3000), 3u);
  EXPECT_EQ(next(), 2u);
}

TEST_F(FairGroupsTest, SharesOutliveTheirUnits) {
  add("a", 2);
  add("b", 2);
  work(3000);
  now_ += 499 * FairShares::kHalfLifeMs;
  EXPECT_EQ(work(30'000), 3u);
  EXPECT_EQ(next(), 2u) << "b has nearly all of it";
  now_ += 2 * FairShares::kHalfLifeMs;
  add("");
  EXPECT_EQ(work(10), 2u);
  add("a");
  EXPECT_EQ(next(), 5u) << "b still has";
}

TEST_F(FairGroupsTest, WhatWaitsHoldsUpNothingAndKeepsItsPlace) {
  add("a", 1, true);
  add("a");
  add("", 1, true);
  EXPECT_EQ(index_.size(), 1u);
  EXPECT_EQ(take(), 2u);
  EXPECT_EQ(take(), 0u);
  index_.wait(2);
  index_.give_back(3);
  index_.give_back(1);
  index_.give_back(2);
  EXPECT_THAT(take(4), testing::ElementsAre(1, 2, 3, 0));
}

TEST_F(FairGroupsTest, GroupsThatHaveGoneCostNothing) {
  add("a", 60);
  for (int i = 0; i < 60; ++i) done(take());
  const std::int64_t empty = meter_.bytes;
  EXPECT_EQ(empty, 0);
  EXPECT_EQ(index_.groups(), 0u);
}

/// What it should do, by looking at everything each time.
class Model {
 public:
  struct Message {
    std::string group;
    enum { kReady, kLeased, kWaiting } state;
  };
  Position next() const {
    std::map<std::string, std::uint64_t> out;
    std::uint64_t in_flight = 0;
    for (const auto& [position, message] : messages) {
      if (message.state == Message::kLeased) ++in_flight, ++out[message.group];
    }
    std::pair<std::uint64_t, Position> best{UINT64_MAX, 0};
    for (const auto& [position, message] : messages) {
      if (message.state != Message::kReady) continue;
      const std::uint64_t own = message.group.empty() ? 0 : out[message.group];
      const bool noisy = in_flight >= 30 && own * 10 > in_flight;
      best = std::min(best, {noisy ? own + 1 : 0, position});
    }
    return best.second;
  }
  std::map<Position, Message> messages;
};

TEST_F(FairGroupsTest, AtRandomItIsAsTold) {
  std::mt19937 random(5);
  Model model;
  const auto any = [&](int state) {
    std::vector<Position> those;
    for (const auto& [position, message] : model.messages) {
      if (message.state == state) those.push_back(position);
    }
    return those.empty() ? Position{0} : those[random() % those.size()];
  };
  for (int step = 0; step < 20'000; ++step) {
    const unsigned what = random() % 20;
    if (what < 7) {
      const std::string group(random() % 3 == 0 ? ""
                                                : std::string(1, "aaaabbcdefgh"[random() % 12]));
      const bool waits = random() % 8 == 0;
      if (model.messages.size() > 200) continue;
      add(group, 1, waits);
      model.messages[last_] = {group, waits ? Model::Message::kWaiting : Model::Message::kReady};
    } else if (what < 13) {
      const Position expected = model.next();
      ASSERT_EQ(take(), expected) << "step " << step;
      if (expected != 0) model.messages[expected].state = Model::Message::kLeased;
    } else if (what < 18) {
      const Position position = any(Model::Message::kLeased);
      if (position == 0) continue;
      if (what == 13) {
        index_.give_back(position);
        model.messages[position].state = Model::Message::kReady;
      } else if (what == 14) {
        index_.wait(position);
        model.messages[position].state = Model::Message::kWaiting;
      } else {
        index_.erase(position);
        model.messages.erase(position);
      }
    } else if (what == 18) {
      const Position position = any(Model::Message::kWaiting);
      if (position == 0) continue;
      index_.give_back(position);
      model.messages[position].state = Model::Message::kReady;
    } else if (const Position position = any(static_cast<int>(random() % 3)); position != 0) {
      index_.erase(position);
      model.messages.erase(position);
    }
  }
}

}  // namespace
}  // namespace polymq::engine
