// Promises of latency histograms.
#include "cli/perf/histogram.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>

namespace polymq::perf {
namespace {

TEST(Histogram, EveryBinIsUnderOnePercentWideAndNoneOverlap) {
  std::uint64_t previous = 0;
  for (std::size_t i = 1; i < kBinCount; ++i) {
    const std::uint64_t upper = Bins::upper(i);
    ASSERT_GT(upper, previous);
    EXPECT_EQ(Bins::index(previous + 1), i);
    EXPECT_EQ(Bins::index(upper), i);
    EXPECT_LE(upper - previous, 1 + previous / 100) << i;
    previous = upper;
  }
  EXPECT_EQ(previous, Bins::kLargest);
}

TEST(Histogram, WhatIsTooLargeCountsAsTheLargest) {
  EXPECT_EQ(Bins::index(UINT64_MAX), kBinCount - 1);
}

TEST(Histogram, PercentilesAreThoseOfTheValues) {
  const auto histogram = std::make_unique<Histogram>();
  for (std::uint64_t value = 1; value <= 10'000; ++value) histogram->record(value * 1000);
  Distribution distribution;
  distribution.add(*histogram);
  EXPECT_EQ(distribution.count(), 10'000u);
  const auto near = [&](double part, double expected) {
    EXPECT_NEAR(static_cast<double>(distribution.percentile(part)), expected, expected / 100);
  };
  near(0.5, 5e6);
  near(0.99, 9.9e6);
  near(0.999, 9.99e6);
  near(1, 1e7);
}

TEST(Histogram, ADistributionWithoutValuesHasNoPercentiles) {
  EXPECT_EQ(Distribution().percentile(0.5), 0u);
}

TEST(Histogram, ADifferenceHoldsWhatCameBetween) {
  const auto histogram = std::make_unique<Histogram>();
  histogram->record(100, 50);
  Distribution earlier;
  earlier.add(*histogram);
  histogram->record(200, 7);
  Distribution later;
  later.add(*histogram);
  const Distribution between = later.since(earlier);
  EXPECT_EQ(between.count(), 7u);
  EXPECT_EQ(between.percentile(0.01), 200u);
}

}  // namespace
}  // namespace polymq::perf
