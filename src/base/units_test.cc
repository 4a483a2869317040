// What may be written for sizes, durations and fractions, and what is refused.
#include "base/units.h"

#include <gtest/gtest.h>

namespace polymq {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

TEST(Units, SizesTakeBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_size("512").value(), 512u);
  EXPECT_EQ(parse_size("0").value(), 0u);
  EXPECT_EQ(parse_size("64MiB").value(), 64u << 20);
  EXPECT_EQ(parse_size("64 mib").value(), 64u << 20);
  EXPECT_EQ(parse_size("2G").value(), 2ull << 30);
  EXPECT_EQ(parse_size("1GB").value(), 1'000'000'000u);
  EXPECT_EQ(parse_size("1.5KiB").value(), 1536u);
  EXPECT_EQ(parse_size("16777215TiB").value(), 16777215ull << 40);
}

TEST(Units, WhatIsNoSizeIsRefusedAndNamed) {
  for (const char* text : {"", "MiB", "-1", "1.5", "12XB", "1..5KiB", "1.KiB", "99999999TiB",
                           "18446744073709551616", "64MiB!", ".5KiB", "1e3"}) {
    const auto parsed = parse_size(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().text.find("'" + std::string(text) + "' is not a size"), 0u);
  }
}

TEST(Units, SizesPrintInTheLargestExactBinaryUnit) {
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1000), "1000");
  EXPECT_EQ(format_size(65536), "64KiB");
  EXPECT_EQ(format_size(128u << 20), "128MiB");
  EXPECT_EQ(format_size(3ull << 40), "3TiB");
}

TEST(Units, DurationsNeedAUnitUnlessZero) {
  EXPECT_EQ(parse_duration("30s").value(), 30s);
  EXPECT_EQ(parse_duration("500ms").value(), 500ms);
  EXPECT_EQ(parse_duration("10m").value(), 10min);
  EXPECT_EQ(parse_duration("1h30m").value(), 90min);
  EXPECT_EQ(parse_duration("2d").value(), 48h);
  EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
  EXPECT_EQ(parse_duration("0").value(), 0ms);
  EXPECT_EQ(parse_duration("0s").value(), 0ms);
}

TEST(Units, WhatIsNoDurationIsRefused) {
  for (const char* text : {"", "30", "s", "-1s", "5x", "5s!", "5 s", "1e3s", "99999999999999d",
                           "1h30", "400000d400000d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Units, DurationsPrintInAFormThatReadsBackTheSame) {
  EXPECT_EQ(format_duration(0ms), "0");
  EXPECT_EQ(format_duration(10s), "10s");
  EXPECT_EQ(format_duration(60s), "1m");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(10min), "10m");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  for (const int value : {1, 999, 61'000, 3'600'000, 86'400'000, 172'800'001}) {
    EXPECT_EQ(parse_duration(format_duration(milliseconds{value})).value(), milliseconds{value});
  }
}

TEST(Units, FractionsLieBetweenZeroAndOne) {
  EXPECT_DOUBLE_EQ(parse_fraction("0.6").value(), 0.6);
  EXPECT_DOUBLE_EQ(parse_fraction("1").value(), 1.0);
  for (const char* text : {"", "0", "1.1", "-0.5", "60%", "nan", "half"}) {
    EXPECT_FALSE(parse_fraction(text)) << text;
  }
}

}  // namespace
}  // namespace polymq
