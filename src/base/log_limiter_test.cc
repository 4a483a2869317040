// One peer's noise is cut and counted; others are not affected.
#include "base/log_limiter.h"

#include <gtest/gtest.h>

namespace polymq {
namespace {

using namespace std::chrono_literals;

constexpr LogLimiter::Time kStart{};

TEST(LogLimiter, AdmitsAFewLinesPerIntervalAndTellsHowManyWereSuppressed) {
  LogLimiter limiter({.lines = 2, .interval = 10s});
  EXPECT_EQ(limiter.admit("a", kStart), 0u);
  EXPECT_EQ(limiter.admit("a", kStart + 1s), 0u);
  EXPECT_EQ(limiter.admit("a", kStart + 2s), std::nullopt);
  EXPECT_EQ(limiter.admit("a", kStart + 9s), std::nullopt);
  EXPECT_EQ(limiter.admit("a", kStart + 10s), 2u);
  EXPECT_EQ(limiter.admit("a", kStart + 11s), 0u);
}

TEST(LogLimiter, CountsEachKeyOnItsOwn) {
  LogLimiter limiter({.lines = 1, .interval = 10s});
  EXPECT_TRUE(limiter.admit("a", kStart));
  EXPECT_FALSE(limiter.admit("a", kStart));
  EXPECT_TRUE(limiter.admit("b", kStart));
}

TEST(LogLimiter, KeysBeyondItsMemoryShareOneAllowance) {
  LogLimiter limiter({.lines = 1, .interval = 10s, .max_keys = 2});
  EXPECT_TRUE(limiter.admit("a", kStart));
  EXPECT_TRUE(limiter.admit("b", kStart));
  EXPECT_TRUE(limiter.admit("c", kStart));
  EXPECT_FALSE(limiter.admit("d", kStart));
  EXPECT_LE(limiter.keys(), 3u);
}

TEST(LogLimiter, ForgetsQuietKeysAndReportsWhatWasNeverTold) {
  LogLimiter limiter({.lines = 1, .interval = 10s});
  std::string reported;
  const auto report = [&](std::string_view key, std::uint64_t lines) {
    reported += std::string(key) + "=" + std::to_string(lines) + ";";
  };
  for (int i = 0; i < 4; ++i) limiter.admit("noisy", kStart);
  limiter.admit("quiet", kStart);
  limiter.expire(kStart + 9s, report);
  EXPECT_EQ(reported, "");
  EXPECT_EQ(limiter.keys(), 2u);
  limiter.expire(kStart + 10s, report);
  EXPECT_EQ(reported, "noisy=3;");
  EXPECT_EQ(limiter.keys(), 0u);
}

}  // namespace
}  // namespace polymq
