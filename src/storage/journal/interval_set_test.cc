// Promises of the set of intervals: it holds what was added, in as few stretches as can be.
#include "storage/journal/interval_set.h"

#include <gmock/gmock.h>

#include <random>
#include <set>

namespace polymq::storage::journal {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(IntervalSet, JoinsWhatTouches) {
  IntervalSet set;
  set.add(10, 12);
  set.add(16, 18);
  EXPECT_THAT(set.all(), ElementsAre(Pair(10, 12), Pair(16, 18)));
  set.add(13, 13);
  EXPECT_THAT(set.all(), ElementsAre(Pair(10, 13), Pair(16, 18)));
  set.add(14, 15);
  EXPECT_THAT(set.all(), ElementsAre(Pair(10, 18)));
}

TEST(IntervalSet, TakesWhatItHasAlready) {
  IntervalSet set;
  set.add(5, 9);
  set.add(6, 7);
  set.add(5, 9);
  EXPECT_THAT(set.all(), ElementsAre(Pair(5, 9)));
  set.add(0, 20);
  EXPECT_THAT(set.all(), ElementsAre(Pair(0, 20)));
}

TEST(IntervalSet, HoldsTheSmallestAndTheLargestNumbers) {
  IntervalSet set;
  set.add(UINT64_MAX - 1, UINT64_MAX);
  set.add(0, 0);
  EXPECT_TRUE(set.contains(0));
  EXPECT_FALSE(set.contains(1));
  EXPECT_FALSE(set.contains(UINT64_MAX - 2));
  EXPECT_TRUE(set.contains(UINT64_MAX));
  set.add(5, UINT64_MAX);
  EXPECT_THAT(set.all(), ElementsAre(Pair(0, 0), Pair(5, UINT64_MAX)));
}

class RandomIntervals : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomIntervals, HoldWhatASetHolds) {
  constexpr std::uint64_t kMost = 300;
  std::mt19937_64 random(GetParam());
  const auto draw = [&](std::uint64_t below) { return random() % below; };
  IntervalSet set;
  std::set<std::uint64_t> model;
  for (int step = 0; step < 80; ++step) {
    const std::uint64_t first = draw(kMost);
    const std::uint64_t last = first + draw(draw(5) == 0 ? 30 : 3);
    set.add(first, last);
    for (std::uint64_t number = first; number <= last; ++number) model.insert(number);
    for (std::uint64_t number = 0; number < kMost + 40; ++number) {
      ASSERT_EQ(set.contains(number), model.contains(number)) << number;
    }
    std::uint64_t apart = 0;  // the least that the next one may begin with
    for (const auto& [from, to] : set.all()) {
      ASSERT_GE(from, apart) << "two that touch are one";
      ASSERT_LE(from, to);
      apart = to + 2;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomIntervals, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace polymq::storage::journal
