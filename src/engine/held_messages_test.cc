// Promises of what is held until it is due: its order, and that it leaves memory and comes back.
#include "engine/held_messages.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "engine/stored_message.h"
#include "engine/testing/fake_properties.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::Gt;
using testing::IsEmpty;
using testing::Le;
using testing::Lt;

constexpr ExchangeId kExchange{7};
constexpr std::uint64_t kWindow = 8 * 1024;
constexpr std::size_t kBody = 900;
constexpr WallMs kDay = 24 * 3600 * 1000;

/// With a "disk": what was held as stored can be read, but for what is damaged.
class HeldMessagesTest : public testing::Test {
 protected:
  HeldMessagesTest() { register_fake_codec(); }
  ~HeldMessagesTest() override {
    while (held_.clear(SIZE_MAX)) {
    }
    EXPECT_EQ(meter_.bytes, 0);
  }

  Message* message(std::size_t body_size = kBody) {
    return Message::create({.body_size = body_size, .dialect = kFakeDialect, .persistent = true},
                           meter_);
  }
  Position hold(WallMs due, bool stored = true, std::size_t body_size = kBody) {
    const Position position = next_++;
    Message* one = message(body_size);
    if (stored) disk_[position] = {due, body_size};
    held_.add({due, position}, one, stored);
    return position;
  }
  void evict() { held_.evict(kWindow, next_); }
  /// Positions in the order in which they came.
  std::vector<Position> due(WallMs now) {
    std::vector<Position> positions;
    while (const auto one = held_.take_due(now)) {
      one->message->release(meter_);
      positions.push_back(one->place.position);
    }
    return positions;
  }
  /// Reads what is asked for, but for what is from `end` on.
  std::vector<Position> read(const std::vector<storage::PositionRange>& wanted,
                             Position end = storage::kLastPosition) {
    const std::string body(kBody * 4, 'b');
    storage::ReadMessages read;
    read.queue = kExchange;
    read.first = wanted.front().first;
    read.next = storage::kLastPosition;
    for (const storage::PositionRange& range : wanted) {
      for (Position at = range.first; at < range.end; ++at) {
        if (at >= end) {
          read.next = std::min(read.next, at);
        } else if (damaged_.contains(at)) {
          read.damages.push_back({at, at, "torn"});
        } else {
          const auto& [due, size] = disk_.at(at);
          read.messages.push_back({.queue = kExchange,
                                   .position = at,
                                   .enqueued = due,
                                   .dialect = static_cast<std::uint8_t>(kFakeDialect),
                                   .body = std::string_view(body).substr(0, size)});
        }
      }
    }
    return held_.loaded(read, [this](Position position, const std::string& what) {
      reported_.push_back(std::to_string(position) + " " + what);
    });
  }
  static std::uint64_t count(const std::vector<storage::PositionRange>& ranges) {
    std::uint64_t sum = 0;
    for (const storage::PositionRange& range : ranges) sum += range.end - range.first;
    return sum;
  }
  /// Lets as much time pass as must, reading what is wanted.
  std::vector<Position> run_until(WallMs end) {
    std::vector<Position> positions;
    for (WallMs now = 0; now <= end; now = std::max(now, held_.next_work(now))) {
      const std::size_t before = positions.size();
      for (const Position position : due(now)) positions.push_back(position);
      evict();
      const auto wanted = held_.next_page(now, kWindow);
      if (!wanted.empty()) EXPECT_THAT(read(wanted), IsEmpty());
      if (wanted.empty() && positions.size() == before && held_.next_work(now) <= now) {
        ADD_FAILURE() << "it would do nothing for ever";
        break;
      }
    }
    return positions;
  }

  struct OnDisk {
    WallMs due;
    std::size_t body_size;
  };
  MemoryMeter meter_;
  HeldMessages held_{meter_};
  Position next_ = 1;
  std::map<Position, OnDisk> disk_;
  std::set<Position> damaged_;
  std::vector<std::string> reported_;
};

TEST_F(HeldMessagesTest, ComeInOrderOfDueTimeThenOfArrival) {
  hold(300);
  hold(100, false);
  hold(100);
  hold(100, false);
  EXPECT_EQ(held_.next_work(0), 100);
  EXPECT_THAT(due(99), IsEmpty());
  EXPECT_THAT(due(100), ElementsAre(2, 3, 4));
  EXPECT_EQ(held_.next_work(100), 300);
  EXPECT_THAT(due(1000), ElementsAre(1));
  EXPECT_EQ(held_.next_work(1000), kNever);
}

TEST_F(HeldMessagesTest, LeaveMemoryBeyondTheWindowTheLastOnesFirst) {
  for (int i = 0; i < 1000; ++i) hold(kDay - i);
  evict();
  EXPECT_TRUE(held_.paged_out());
  EXPECT_EQ(held_.size(), 1000u);
  EXPECT_THAT(meter_.bytes, Le(static_cast<std::int64_t>(kWindow + 1000 * 24)));
  EXPECT_THAT(meter_.bytes, Gt(static_cast<std::int64_t>(kWindow / 2)));
  const auto first = held_.take_due(kDay);
  ASSERT_TRUE(first) << "it is at hand";
  EXPECT_EQ(first->place.position, 1000u);
  first->message->release(meter_);
}

TEST_F(HeldMessagesTest, FewStayInMemory) {
  for (int i = 0; i < 8; ++i) hold(kDay);
  evict();
  EXPECT_FALSE(held_.paged_out());
}

TEST_F(HeldMessagesTest, StayAsLongAsTheyCannotBeRead) {
  for (int i = 0; i < 100; ++i) hold(kDay);
  held_.evict(kWindow, 1);
  EXPECT_FALSE(held_.paged_out());
  held_.evict(kWindow, 3);
  EXPECT_THAT(due(kDay), IsEmpty()) << "the first two are on disk only";
  EXPECT_EQ(count(held_.next_page(kDay, kWindow)), 2u);
}

TEST_F(HeldMessagesTest, ThatAreNotStoredStay) {
  for (int i = 0; i < 100; ++i) hold(kDay, false);
  evict();
  EXPECT_FALSE(held_.paged_out());
}

TEST_F(HeldMessagesTest, AreReadALittleBeforeTheyAreDueAPageAtATime) {
  for (int i = 0; i < 1000; ++i) hold(kDay + i / 500 * 5000);
  evict();
  const std::size_t at_hand = due(kDay).size();
  EXPECT_THAT(at_hand, Gt(4u));
  EXPECT_EQ(held_.next_work(0), kDay - HeldMessages::kReadAheadMs);
  EXPECT_THAT(held_.next_page(kDay - HeldMessages::kReadAheadMs - 1, kWindow), IsEmpty());
  const auto wanted = held_.next_page(kDay - HeldMessages::kReadAheadMs, kWindow);
  EXPECT_THAT(count(wanted), Gt(0u));
  EXPECT_THAT(count(wanted) * kBody, Le(kWindow / 4));
  EXPECT_EQ(wanted.front().first, at_hand + 1);
  EXPECT_EQ(held_.next_work(kDay), kNever) << "it is being read";
  EXPECT_THAT(read(wanted), IsEmpty());
  EXPECT_EQ(held_.next_work(kDay - HeldMessages::kReadAheadMs), kDay);
}

TEST_F(HeldMessagesTest, AreNotReadBeforeThereIsRoomForThem) {
  for (int i = 0; i < 100; ++i) hold(kDay);
  evict();
  EXPECT_THAT(held_.next_page(kDay - 1, kWindow), IsEmpty());
  EXPECT_EQ(held_.next_work(kDay - 1), kDay) << "then those before have gone";
  EXPECT_THAT(due(kDay), testing::SizeIs(Gt(4u)));
  EXPECT_THAT(held_.next_page(kDay, kWindow), testing::Not(IsEmpty()));
}

TEST_F(HeldMessagesTest, TheFirstOneIsReadWhateverRoomThereIs) {
  for (int i = 0; i < 20; ++i) hold(kDay - i);
  evict();
  const std::size_t at_hand = due(kDay).size();  // the last ones to arrive
  for (int i = 0; i < 20; ++i) hold(2 * kDay, true);
  const auto wanted = held_.next_page(kDay, kWindow);
  ASSERT_THAT(wanted, testing::Not(IsEmpty()));
  EXPECT_EQ(wanted.back().end, 20 - at_hand + 1);
  read(wanted);
  EXPECT_THAT(due(kDay), testing::Not(IsEmpty()));
}

TEST_F(HeldMessagesTest, WaitForOneThatIsDueBeforeThem) {
  for (int i = 0; i < 20; ++i) hold(100);
  evict();
  const std::vector<Position> at_hand = due(100);
  hold(200, false);
  EXPECT_THAT(due(200), IsEmpty());
  const auto wanted = held_.next_page(200, kWindow);
  EXPECT_THAT(due(200), IsEmpty()) << "it is being read";
  read(wanted);
  std::vector<Position> expected;
  for (Position at = at_hand.back() + 1; at <= 21; ++at) expected.push_back(at);
  EXPECT_EQ(run_until(200), expected);
}

TEST_F(HeldMessagesTest, ALostOneIsReportedAndPassedOver) {
  for (int i = 0; i < 20; ++i) hold(100);
  evict();
  const Position first = due(100).back() + 1;
  damaged_ = {first};
  EXPECT_THAT(read(held_.next_page(100, kWindow)), ElementsAre(first));
  EXPECT_THAT(reported_, ElementsAre(std::to_string(first) + " torn"));
  EXPECT_EQ(due(100).front(), first + 1);
  EXPECT_EQ(run_until(100).back(), 20u);
  EXPECT_EQ(held_.size(), 0u);
}

TEST_F(HeldMessagesTest, WhatAPageDidNotReachIsReadLater) {
  for (int i = 0; i < 20; ++i) hold(100);
  evict();
  const Position first = due(100).back() + 1;
  const auto wanted = held_.next_page(100, kWindow);
  ASSERT_THAT(count(wanted), Gt(1u));
  EXPECT_THAT(read(wanted, first + 1), IsEmpty());
  EXPECT_THAT(due(100), ElementsAre(first));
  EXPECT_EQ(held_.next_page(100, kWindow).front().first, first + 1);
}

TEST_F(HeldMessagesTest, WhatTheStoreCouldNotKeepGoes) {
  hold(100);
  const Position failed = hold(100);
  hold(100);
  held_.withdraw(failed);
  EXPECT_THAT(due(100), ElementsAre(1, 3));
}

TEST_F(HeldMessagesTest, FromBeforeARestartAreOnDisk) {
  for (Position at = 1; at <= 50; ++at) {
    const WallMs due = kDay - static_cast<WallMs>(at);
    disk_[at] = {due, kBody};
    held_.add_on_disk({.queue = kExchange, .position = at, .enqueued = due});
  }
  EXPECT_THAT(meter_.bytes, Le(50 * 24));
  EXPECT_EQ(held_.next_work(0), kDay - 50 - HeldMessages::kReadAheadMs);
  std::vector<Position> expected;
  for (Position at = 50; at >= 1; --at) expected.push_back(at);
  EXPECT_EQ(run_until(kDay), expected);
}

TEST_F(HeldMessagesTest, AreFreedInSlicesWhereverTheyAre) {
  for (int i = 0; i < 20; ++i) hold(100, i % 2 == 0);
  evict();
  for (int i = 0; i < 20; ++i) hold(100);
  held_.evict(kWindow, 21);
  due(100);
  held_.next_page(100, kWindow);  // is under way
  EXPECT_TRUE(held_.clear(1));
  EXPECT_FALSE(held_.clear(100));
  EXPECT_EQ(held_.size(), 0u);
}

// Whatever happens between, all come once, in order, and memory stays small.
TEST_F(HeldMessagesTest, AtRandomAllComeInOrderAndFewAreInMemory) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned most) { return static_cast<int>(random() % most); };
    std::set<std::pair<WallMs, Position>> expected;
    WallMs now = 0;
    for (int step = 0; step < 3000 || !expected.empty(); ++step) {
      if (step < 2000 && below(2) == 0) {
        const WallMs due = now + 1 + below(below(4) == 0 ? 10'000 : 2000);
        const bool stored = below(20) != 0;
        const auto body = static_cast<std::size_t>(stored ? below(2 * kBody) : 1);
        expected.emplace(due, hold(due, stored, body));
      }
      evict();
      if (const auto wanted = held_.next_page(now, kWindow); !wanted.empty()) {
        const Position end = below(3) == 0 ? wanted.front().first + 1 : storage::kLastPosition;
        EXPECT_THAT(read(wanted, end), IsEmpty());
      }
      for (const Position position : due(now)) {
        ASSERT_EQ(expected.begin()->second, position) << "seed " << seed;
        ASSERT_THAT(expected.begin()->first, Le(now));
        expected.erase(expected.begin());
      }
      const auto most = static_cast<std::int64_t>(kWindow * 2 + expected.size() * 24);
      ASSERT_THAT(meter_.bytes, Lt(most)) << "seed " << seed;
      ASSERT_THAT(step, Lt(100'000)) << "it waits for ever";
      const WallMs next = held_.next_work(now);
      if (next != kNever && next > now) now = below(2) == 0 ? next : now + below(20);
    }
    EXPECT_EQ(held_.size(), 0u);
  }
}

}  // namespace
}  // namespace polymq::engine
