// Promises of send schedules.
#include "cli/perf/pacer.h"

#include <gtest/gtest.h>

#include "cli/perf/confirms.h"

namespace polymq::perf {
namespace {

constexpr Nanos kStart = 1'000'000'000'000;

TEST(Pacer, NothingIsDueBeforeTheStart) {
  const Pacer pacer(1000, kStart, 0);
  EXPECT_EQ(pacer.due(kStart - 1), 0u);
  EXPECT_EQ(pacer.due(kStart), 1u);
}

TEST(Pacer, MessagesAreDueEvenlyAndBySchedule) {
  for (const double rate : {0.5, 3.0, 777.0, 5000.0, 50'000.0, 1'234'567.0}) {
    const Pacer pacer(rate, kStart, 0);
    const Nanos end = kStart + 10 * kSecond;
    const auto due = static_cast<double>(pacer.due(end));
    EXPECT_NEAR(due, rate * 10, rate / 5'000 + 1.5) << rate;
  }
}

TEST(Pacer, WhatIsDueWasIntendedByThenAndTheNextIsNot) {
  for (const double rate : {3.0, 777.0, 5000.0, 50'000.0, 1'234'567.0}) {
    const Pacer pacer(rate, kStart, 0.3);
    for (std::uint64_t index = 0; index < 2000; ++index) {
      const Nanos intended = pacer.intended(index);
      ASSERT_GT(pacer.due(intended), index) << rate;
      ASSERT_LE(pacer.due(intended - 1), index) << rate;
    }
  }
}

TEST(Pacer, SharesSpreadPublishersOverTheInterval) {
  EXPECT_EQ(Pacer(1000, kStart, 0.5).intended(0), kStart + kMillisecond / 2);
}

class Window : public ::testing::Test {
 protected:
  std::uint64_t settle(std::uint64_t tag, bool multiple) {
    return window_.settle(tag, multiple, [&](Nanos time) { sum_ += time; });
  }
  ConfirmWindow window_;
  Nanos sum_ = 0;
};

TEST_F(Window, AConfirmSettlesOneMessageOnce) {
  window_.push(10);
  window_.push(20);
  EXPECT_EQ(settle(2, false), 1u);
  EXPECT_EQ(sum_, 20);
  EXPECT_EQ(settle(2, false), 0u);
  EXPECT_EQ(window_.outstanding(), 1u);
}

TEST_F(Window, AMultipleConfirmSettlesWhatIsLeftUpToIt) {
  for (Nanos time = 1; time <= 5; ++time) window_.push(time);
  EXPECT_EQ(settle(2, false), 1u);
  EXPECT_EQ(settle(4, true), 3u);
  EXPECT_EQ(sum_, 1 + 2 + 3 + 4);
  EXPECT_EQ(settle(4, true), 0u);
  EXPECT_EQ(window_.outstanding(), 1u);
}

TEST_F(Window, UnknownTagsSettleNothingAndZeroMultipleMeansAll) {
  window_.push(1);
  EXPECT_EQ(settle(7, false), 0u);
  EXPECT_EQ(settle(7, true), 0u);
  EXPECT_EQ(settle(0, false), 0u);
  EXPECT_EQ(settle(0, true), 1u);
}

TEST_F(Window, GrowsBeyondItsFirstSizeInAnyOrderOfConfirms) {
  for (Nanos time = 1; time <= 1000; ++time) window_.push(time);
  for (std::uint64_t tag = 1000; tag >= 1; --tag) ASSERT_EQ(settle(tag, false), 1u);
  EXPECT_EQ(sum_, 1000 * 1001 / 2);
  EXPECT_EQ(window_.outstanding(), 0u);
}

}  // namespace
}  // namespace polymq::perf
