// Promises of leases that end by themselves.
#include "engine/timed_leases.h"

#include <gmock/gmock.h>

#include <map>
#include <random>

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kLife = 7;

/// Ends those that are due, and says which they were.
std::vector<Position> end_due(TimedLeases& leases, WallMs now) {
  std::vector<Position> due;
  while (const auto position = leases.take_due(now)) {
    due.push_back(*position);
    leases.end(*position);
  }
  return due;
}

TEST(TimedLeases, EndInTheOrderOfTheirDeadlines) {
  TimedLeases leases;
  leases.begin(1, 0, 30, kLife);
  leases.begin(2, 0, 10, kLife);
  leases.begin(3, 0, 20, kLife);
  EXPECT_EQ(leases.next(), 10);
  EXPECT_THAT(end_due(leases, 9), IsEmpty());
  EXPECT_THAT(end_due(leases, 20), ElementsAre(2, 3));
  EXPECT_THAT(end_due(leases, 100), ElementsAre(1));
  EXPECT_EQ(leases.next(), kNever);
}

TEST(TimedLeases, KnowWhenAMessageWasHandedOutFirstAndLast) {
  TimedLeases leases;
  leases.begin(1, 5, 10, kLife);
  leases.end(1);
  EXPECT_EQ(leases.find_leased(1), nullptr);
  leases.begin(1, 20, 30, kLife);
  EXPECT_EQ(leases.find(1)->first, 5);
  EXPECT_EQ(leases.find(1)->begun, 20);
  EXPECT_NE(leases.find_leased(1), nullptr);
  leases.forget(1);
  EXPECT_EQ(leases.find(1), nullptr);
  EXPECT_THAT(end_due(leases, 100), IsEmpty());
}

TEST(TimedLeases, ThatWerePutOffEndLater) {
  TimedLeases leases;
  leases.begin(1, 0, 10, kLife);
  leases.extend(1, 50);
  EXPECT_THAT(end_due(leases, 49), IsEmpty());
  leases.extend(1, 45);  // or earlier
  EXPECT_THAT(end_due(leases, 49), ElementsAre(1));
}

TEST(TimedLeases, ThatBeganAgainForTheSameTimeEndOnce) {
  TimedLeases leases;
  leases.begin(1, 0, 10, kLife);
  leases.end(1);
  leases.begin(1, 0, 10, kLife);
  EXPECT_THAT(end_due(leases, 10), ElementsAre(1));
}

TEST(TimedLeases, GoOnInALaterLifeAsTheyWere) {
  TimedLeases before;
  before.begin(1, 5, 10, kLife);
  before.end(1);
  const TimedLeases::Lease lease = before.begin(1, 20, 50, kLife);
  TimedLeases leases;
  leases.begin(2, 30, 60, kLife + 1);
  leases.restore(1, lease);
  EXPECT_EQ(leases.find_leased(1)->first, 5);
  EXPECT_EQ(leases.find_leased(1)->begun, 20);
  EXPECT_EQ(leases.find_leased(1)->life, kLife);
  EXPECT_EQ(leases.next(), 50);
  EXPECT_THAT(end_due(leases, 100), ElementsAre(1, 2));
  EXPECT_EQ(leases.begin(1, 110, 120, kLife + 1).life, kLife + 1) << "it is another lease";
}

TEST(TimedLeases, EndAsAPlainListOfThemWould) {
  std::mt19937_64 random(7);
  TimedLeases leases;
  std::map<Position, WallMs> expected;
  for (WallMs now = 0; now < 20'000; ++now) {
    const Position position = random() % 50;
    const WallMs deadline = now + static_cast<WallMs>(random() % 200);
    const bool out = expected.contains(position);
    const auto what = random() % 4;
    if (what == 0 && out) {
      leases.end(position);
      expected.erase(position);
    } else if (what == 1 && out) {
      leases.forget(position);
      expected.erase(position);
    } else if (out) {
      leases.extend(position, deadline);
      expected[position] = deadline;
    } else {
      leases.begin(position, now, deadline, kLife);
      expected[position] = deadline;
    }
    std::vector<Position> due = end_due(leases, now);
    std::sort(due.begin(), due.end());
    std::vector<Position> also;
    std::erase_if(expected, [&](const auto& one) {
      if (one.second <= now) also.push_back(one.first);
      return one.second <= now;
    });
    ASSERT_EQ(due, also) << "at " << now;
  }
}

}  // namespace
}  // namespace polymq::engine
