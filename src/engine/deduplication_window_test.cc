// Promises of the deduplication window.
#include "engine/deduplication_window.h"

#include <gtest/gtest.h>

#include <string>

namespace polymq::engine {
namespace {

using enum DeduplicationWindow::Seen;

DeduplicationKey key(const std::string& id) { return DeduplicationKey::of("", id); }

TEST(DeduplicationKey, ScopeAndIdAreKeptApart) {
  EXPECT_EQ(DeduplicationKey::of("a", "b"), DeduplicationKey::of("a", "b"));
  EXPECT_NE(DeduplicationKey::of("ab", "c"), DeduplicationKey::of("a", "bc"));
  EXPECT_NE(DeduplicationKey::of("a", ""), DeduplicationKey::of("", "a"));
  EXPECT_NE(DeduplicationKey::of("a", "x"), DeduplicationKey::of("b", "x"));
}

TEST(DeduplicationWindow, AnIdIsFreshOnce) {
  DeduplicationWindow window({.entries = 10, .ttl_ms = std::nullopt});
  EXPECT_EQ(window.insert(key("a"), 0), kFresh);
  EXPECT_EQ(window.insert(key("a"), 1'000'000'000), kDuplicate);
  EXPECT_EQ(window.insert(key("b"), 0), kFresh);
}

TEST(DeduplicationWindow, AnIdIsFreshAgainWhenItsTimeIsOver) {
  DeduplicationWindow window({.entries = 10, .ttl_ms = 100});
  EXPECT_EQ(window.insert(key("a"), 0), kFresh);
  EXPECT_EQ(window.insert(key("a"), 99), kDuplicate);
  EXPECT_EQ(window.insert(key("a"), 100), kFresh) << "the duplicate did not prolong it";
  EXPECT_EQ(window.insert(key("a"), 199), kDuplicate);
}

TEST(DeduplicationWindow, ExpiredIdsTakeNoRoom) {
  DeduplicationWindow window({.entries = 1000, .ttl_ms = 100});
  for (int i = 0; i < 500; ++i) window.insert(key(std::to_string(i)), 0);
  EXPECT_EQ(window.size(), 500u);
  window.insert(key("new"), 100);
  EXPECT_EQ(window.size(), 1u);
}

TEST(DeduplicationWindow, WithoutRoomTheOldestIsForgotten) {
  DeduplicationWindow window({.entries = 2, .ttl_ms = std::nullopt});
  window.insert(key("a"), 0);
  window.insert(key("b"), 0);
  window.insert(key("c"), 0);
  EXPECT_EQ(window.size(), 2u);
  EXPECT_EQ(window.insert(key("b"), 0), kDuplicate);
  EXPECT_EQ(window.insert(key("a"), 0), kFresh);
}

TEST(DeduplicationWindow, AForgottenIdIsFreshAndItsOldPlaceDoesNotCount) {
  DeduplicationWindow window({.entries = 2, .ttl_ms = std::nullopt});
  window.insert(key("a"), 0);
  window.insert(key("b"), 0);
  window.forget(key("a"));
  EXPECT_EQ(window.insert(key("a"), 0), kFresh);
  window.insert(key("c"), 0);  // "b" is the oldest now
  EXPECT_EQ(window.insert(key("a"), 0), kDuplicate);
  EXPECT_EQ(window.insert(key("b"), 0), kFresh);
}

TEST(DeduplicationWindow, ForgettingAgainAndAgainLeavesTheWindowSmall) {
  DeduplicationWindow window({.entries = 100, .ttl_ms = std::nullopt});
  for (int i = 0; i < 100'000; ++i) {
    window.insert(key("a"), 0);
    window.forget(key("a"));
  }
  EXPECT_EQ(window.size(), 0u);
  EXPECT_LT(window.place_count(), 100u);
}

TEST(DeduplicationWindow, AnIdWithATimeOfItsOwnIsADuplicateUntilThen) {
  DeduplicationWindow window({.entries = 10, .ttl_ms = 100});
  window.insert(key("a"), 0, 50);
  EXPECT_EQ(window.insert(key("a"), 49), kDuplicate);
  EXPECT_EQ(window.insert(key("a"), 50), kFresh);
  EXPECT_EQ(window.expiry(50), 150);
}

TEST(DeduplicationWindow, BeyondItsLimitItForgetsTheOldestAtOnce) {
  DeduplicationWindow window({.entries = 3, .ttl_ms = std::nullopt});
  for (int i = 0; i < 10; ++i) window.insert(key(std::to_string(i)), 0);
  EXPECT_EQ(window.size(), 3u);
  EXPECT_EQ(window.insert(key("9"), 0), kDuplicate);
  EXPECT_EQ(window.insert(key("0"), 0), kFresh);
}

TEST(DeduplicationWindow, AnIdThatExpiredBehindALongerOneIsFresh) {
  DeduplicationWindow window({.entries = 10, .ttl_ms = 1000});
  window.insert(key("long"), 0);
  window.insert(key("short"), 0, 10);
  EXPECT_EQ(window.insert(key("short"), 10), kFresh);
  EXPECT_EQ(window.insert(key("long"), 10), kDuplicate);
}

TEST(DeduplicationWindow, TellsOfTheOriginal) {
  DeduplicationWindow window({.entries = DeduplicationLimits::kAny, .ttl_ms = 100});
  const Original original{{1, 2}, 3};
  EXPECT_EQ(window.insert(key("a"), 0, std::nullopt, original), kFresh);
  EXPECT_EQ(window.insert(key("a"), 1, std::nullopt, {{4, 5}, 6}), kDuplicate);
  ASSERT_TRUE(window.find(key("a")));
  EXPECT_EQ(window.find(key("a"))->original, original);
  EXPECT_FALSE(window.find(key("b")));
}

TEST(DeduplicationWindow, ForgetsInTimeWithoutAnInsert) {
  DeduplicationWindow window({.entries = DeduplicationLimits::kAny, .ttl_ms = 100});
  for (int i = 0; i < 10'000; ++i) window.insert(key(std::to_string(i)), i < 5000 ? 0 : 50);
  const std::size_t bytes = window.bytes();
  EXPECT_EQ(window.expire(99), 100);
  EXPECT_EQ(window.expire(100), 100) << "there is more to do";
  EXPECT_EQ(window.insert(key("4999"), 100), kFresh) << "that it is there still does no harm";
  while (window.expire(100) == 100) {
  }
  EXPECT_EQ(window.expire(100), 150);
  EXPECT_EQ(window.size(), 5001u);
  EXPECT_EQ(window.insert(key("4999"), 150), kDuplicate);
  while (window.expire(150) == 150) {
  }
  EXPECT_EQ(window.expire(150), 200);
  EXPECT_EQ(window.size(), 1u);
  EXPECT_EQ(window.expire(200), kNever);
  EXPECT_EQ(window.size(), 0u);
  EXPECT_LT(window.bytes(), bytes / 10);
}

}  // namespace
}  // namespace polymq::engine
