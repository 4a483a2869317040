// Promises of the index of groups.
#include "engine/group_index.h"

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <string>

namespace polymq::engine {
namespace {

constexpr GroupIndex::Holder kAnn = 7;
constexpr GroupIndex::Holder kBob = 8;

class GroupIndexTest : public testing::Test {
 protected:
  ~GroupIndexTest() override {
    while (index_.size() != 0) {
      std::vector<Position> all;
      index_.for_each([&](Position position) { all.push_back(position); });
      for (const Position position : all) index_.erase(position);
    }
  }
  void add(Position position, const std::string& group, bool waits = false) {
    index_.add(position, group.empty() ? std::nullopt : std::optional(GroupKey::of(group)), waits);
  }
  /// What `holder` is handed next; 0: nothing.
  Position take(GroupIndex::Holder holder, bool stay = false) {
    const auto next = index_.next(holder, stay);
    if (next) index_.lease(*next, holder);
    return next.value_or(0);
  }

  MemoryMeter meter_;
  GroupIndex index_{meter_};
};

TEST_F(GroupIndexTest, TheFirstMessageOfAGroupThatNobodyHoldsIsNext) {
  add(1, "a");
  add(2, "a");
  add(3, "b");
  EXPECT_EQ(take(kAnn), 1u);
  EXPECT_EQ(take(kBob), 3u);
  EXPECT_EQ(take(kBob), 0u);
  EXPECT_EQ(take(kAnn), 2u) << "it is hers";
}

TEST_F(GroupIndexTest, AHolderGetsTheOldestOfAllItMayHave) {
  for (const auto& [position, group] : {std::pair{1, "a"}, {2, "b"}, {3, "a"}}) {
    add(static_cast<Position>(position), group);
  }
  EXPECT_EQ(take(kAnn), 1u);
  EXPECT_EQ(take(kAnn), 2u);
  EXPECT_EQ(take(kAnn), 3u);
}

TEST_F(GroupIndexTest, WhoStaysTakesAllOfAGroupFirst) {
  for (const auto& [position, group] : {std::pair{1, "a"}, {2, "b"}, {3, "a"}}) {
    add(static_cast<Position>(position), group);
  }
  EXPECT_EQ(take(kAnn, true), 1u);
  EXPECT_EQ(take(kAnn, true), 3u);
  EXPECT_EQ(take(kAnn, true), 2u);
}

TEST_F(GroupIndexTest, AGroupIsFreeWhenNothingOfItIsLeased) {
  for (Position position = 1; position <= 3; ++position) add(position, "a");
  take(kAnn);
  take(kAnn);
  index_.erase(1);
  EXPECT_EQ(take(kBob), 0u);
  index_.erase(2);
  EXPECT_EQ(take(kBob), 3u);
}

TEST_F(GroupIndexTest, WhatComesBackIsBeforeWhatWasBehindIt) {
  for (Position position = 1; position <= 4; ++position) add(position, "a");
  for (int i = 0; i < 3; ++i) take(kAnn);
  index_.give_back(3);
  index_.give_back(1);
  EXPECT_EQ(take(kBob), 0u);
  EXPECT_EQ(take(kAnn), 1u);
  index_.erase(1);
  index_.erase(2);
  EXPECT_EQ(take(kBob), 3u);
}

TEST_F(GroupIndexTest, WhatWaitsBlocksItsGroupOnly) {
  add(1, "a", true);
  add(2, "a");
  add(3, "b");
  add(4, "", true);
  add(5, "");
  EXPECT_EQ(take(kAnn), 3u);
  EXPECT_EQ(take(kAnn), 5u);
  EXPECT_EQ(take(kAnn), 0u);
  index_.give_back(1);
  EXPECT_EQ(take(kAnn), 1u);
  index_.wait(1);
  EXPECT_EQ(take(kAnn), 0u);
  index_.erase(1);
  EXPECT_EQ(take(kAnn), 2u);
}

TEST_F(GroupIndexTest, NobodyGetsMoreOfWhatNobodyHolds) {
  add(1, "a");
  add(2, "a");
  EXPECT_EQ(take(GroupIndex::kNobody), 1u);
  EXPECT_EQ(take(GroupIndex::kNobody), 0u);
  index_.give_back(1);
  EXPECT_EQ(take(kAnn), 1u);
}

TEST_F(GroupIndexTest, WithoutAGroupAMessageIsAlone) {
  add(1, "");
  add(2, "");
  EXPECT_EQ(take(kAnn), 1u);
  EXPECT_EQ(take(kBob), 2u);
  index_.give_back(1);
  EXPECT_EQ(take(kBob), 1u);
  EXPECT_FALSE(index_.same_group(1, 2));
}

TEST_F(GroupIndexTest, AManyTimesLargerLockedGroupIsNoHindrance) {
  for (Position position = 1; position <= 100'000; ++position) add(position, "a");
  add(100'001, "b");
  EXPECT_EQ(take(kAnn), 1u);
  EXPECT_EQ(take(kBob), 100'001u);
}

TEST_F(GroupIndexTest, NothingIsLeftOfAGroupThatIsGone) {
  for (Position position = 1; position <= 1000; ++position) {
    add(position, "group " + std::to_string(position));
    take(kAnn);
    index_.erase(position);
  }
  EXPECT_EQ(index_.groups(), 0u);
  EXPECT_EQ(meter_.bytes, 0);
}

/// The same by looking through all messages.
class Model {
 public:
  enum class State : std::uint8_t { kReady, kLeased, kWaits };
  struct Message {
    std::string group;
    State state;
    GroupIndex::Holder holder;
  };
  Position next(GroupIndex::Holder holder, bool stay) const {
    std::map<std::string, GroupIndex::Holder> held;
    for (const auto& [position, message] : messages) {
      if (message.state == State::kLeased) held[message.group] = message.holder;
    }
    std::map<std::string, bool> seen;
    Position first = 0;
    for (const auto& [position, message] : messages) {
      if (message.state == State::kLeased) continue;
      const bool alone = message.group.empty();
      if (!alone && std::exchange(seen[message.group], true)) continue;
      const bool locked = !alone && held.contains(message.group);
      if (message.state == State::kWaits || (locked && held[message.group] != holder)) continue;
      if (locked && stay && holder != GroupIndex::kNobody) return position;
      if (locked && holder == GroupIndex::kNobody) continue;
      if (first == 0) first = position;
    }
    return first;
  }
  std::map<Position, Message> messages;
};

TEST_F(GroupIndexTest, BehavesAsTheModelUnderRandomUse) {
  std::mt19937 random(11);
  Model model;
  Position last = 0;
  const auto any = [&](Model::State state) -> Position {
    std::vector<Position> of_it;
    for (const auto& [position, message] : model.messages) {
      if (message.state == state) of_it.push_back(position);
    }
    return of_it.empty() ? 0 : of_it[random() % of_it.size()];
  };
  for (int step = 0; step < 60'000; ++step) {
    const GroupIndex::Holder holder = random() % 5 == 0 ? GroupIndex::kNobody : 1 + random() % 4;
    switch (random() % (model.messages.size() < 40 ? 8 : 7)) {
      case 0: {
        const Position at = any(random() % 2 == 0 ? Model::State::kLeased : Model::State::kWaits);
        if (at == 0) break;
        index_.give_back(at);
        model.messages[at].state = Model::State::kReady;
        break;
      }
      case 1:
        if (const Position at =
                any(random() % 9 == 0 ? Model::State::kReady : Model::State::kLeased)) {
          index_.wait(at);
          model.messages[at].state = Model::State::kWaits;
        }
        break;
      case 2:
      case 3:
        if (const Position at = any(static_cast<Model::State>(random() % 3))) {
          index_.erase(at);
          model.messages.erase(at);
        }
        break;
      case 7: {
        last += 1 + (random() % 50 == 0 ? random() % 1000 : random() % 2);
        const std::string group(random() % 5 == 0 ? 0 : 1, static_cast<char>('a' + random() % 6));
        const bool waits = random() % 8 == 0;
        add(last, group, waits);
        model.messages[last] = {group, waits ? Model::State::kWaits : Model::State::kReady, 0};
        break;
      }
      default: {
        const bool stay = random() % 2 == 0;
        const Position expected = model.next(holder, stay);
        ASSERT_EQ(index_.next(holder, stay).value_or(0), expected) << "step " << step;
        if (expected == 0) break;
        index_.lease(expected, holder);
        model.messages[expected].state = Model::State::kLeased;
        model.messages[expected].holder = holder;
      }
    }
    std::size_t out = 0;
    for (const auto& [position, message] : model.messages) {
      if (message.state == Model::State::kLeased) ++out;
    }
    ASSERT_EQ(index_.size(), model.messages.size() - out);
  }
}

}  // namespace
}  // namespace polymq::engine
