// Promises of SlidingWindow, checked against a map.
#include "base/sliding_window.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace polymq {
namespace {

TEST(SlidingWindow, NumbersGrowAndErasedOnesAreGone) {
  SlidingWindow<int> window(5);
  EXPECT_EQ(window.push(50), 5u);
  EXPECT_EQ(window.push(60), 6u);
  window.erase(5);
  EXPECT_EQ(window.find(5), nullptr);
  ASSERT_NE(window.find(6), nullptr);
  EXPECT_EQ(*window.find(6), 60);
  EXPECT_EQ(window.find(7), nullptr);
  EXPECT_EQ(window.front(), 6u);
}

TEST(SlidingWindow, OneOldValueSurvivesAMillionLaterOnes) {
  SlidingWindow<int> window;
  window.push(42);
  for (int i = 0; i < 1'000'000; ++i) window.erase(window.push(i));
  EXPECT_EQ(*window.find(0), 42);
  EXPECT_EQ(window.size(), 1u);
  EXPECT_EQ(window.front(), 0u);
  EXPECT_EQ(window.next(1), window.end());
}

TEST(SlidingWindow, SkippedNumbersHaveNoValueAndCostNothing) {
  SlidingWindow<int> window;
  for (int i = 0; i < 1000; ++i) window.skip();
  EXPECT_EQ(window.push(7), 1000u);
  for (int i = 0; i < 1000; ++i) window.skip();
  EXPECT_EQ(window.push(8), 2001u);
  EXPECT_EQ(window.find(1500), nullptr);
  EXPECT_EQ(window.next(1001), 2001u);
  window.erase(1000);
  EXPECT_EQ(window.front(), 2001u);
}

TEST(SlidingWindow, SkippingBetweenValuesLeavesNothingBehind) {
  SlidingWindow<int> window;
  for (int i = 0; i < 10'000; ++i) {
    window.erase(window.push(i));
    window.skip();
  }
  EXPECT_TRUE(window.empty());
  EXPECT_EQ(window.front(), window.end());
  EXPECT_GE(window.push(1), 20'000u);
}

TEST(SlidingWindow, NumbersMayBeSkippedManyAtOnce) {
  SlidingWindow<int> window{1};
  window.skip_to(70);
  EXPECT_EQ(window.push(1), 70u);
  window.skip_to(1'000'000);
  EXPECT_EQ(window.push(2), 1'000'000u);
  EXPECT_EQ(window.previous(window.end()), 1'000'000u);
  EXPECT_EQ(window.previous(1'000'000), 70u);
  EXPECT_EQ(window.previous(70), window.end());
}

TEST(SlidingWindow, BehavesAsAMapUnderRandomUse) {
  std::mt19937 random(7);
  SlidingWindow<std::uint64_t> window;
  std::map<std::uint64_t, std::uint64_t> model;
  for (int step = 0; step < 200'000; ++step) {
    const bool grow = (step / 5000) % 2 == 0;
    if (model.empty() || random() % 3 < (grow ? 2u : 1u)) {
      const std::uint64_t value = random();
      model[window.push(value)] = value;
    } else {
      auto it = model.lower_bound(window.front() + random() % (window.end() - window.front()));
      if (it == model.end()) it = model.begin();
      EXPECT_EQ(*window.find(it->first), it->second);
      EXPECT_EQ(window.next(it->first), it->first);
      window.erase(it->first);
      it = model.erase(it);
    }
    ASSERT_EQ(window.size(), model.size());
    ASSERT_EQ(window.front(), model.empty() ? window.end() : model.begin()->first);
    const auto below = model.lower_bound(window.end() - random() % 2000);
    const std::uint64_t previous = below == model.begin() ? window.end() : std::prev(below)->first;
    ASSERT_EQ(window.previous(below == model.end() ? window.end() : below->first), previous);
  }
}

}  // namespace
}  // namespace polymq
