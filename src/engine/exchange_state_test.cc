// Promises of what an exchange remembers.
#include "engine/exchange_state.h"

#include <gmock/gmock.h>

#include "engine/testing/fake_properties.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr WallMs kNow = 1'000'000;

class ExchangeStateTest : public testing::Test {
 protected:
  ExchangeStateTest() { register_fake_codec(); }
  ~ExchangeStateTest() override { EXPECT_EQ(meter_.bytes, 0); }

  struct Freed {
    explicit Freed(MemoryMeter& meter) : meter(meter) {}
    void operator()(Message* message) const { message->release(meter); }
    MemoryMeter& meter;
  };
  using Owned = std::unique_ptr<Message, Freed>;
  Owned owned(Message* message) { return Owned(message, Freed(meter_)); }

  Owned message(std::string_view key, const Fields& headers = {}) {
    return owned(Message::create({.exchange = "x",
                                  .routing_key = key,
                                  .properties = encode_headers(headers),
                                  .dialect = kFakeDialect},
                                 meter_));
  }
  bool hold(ExchangeState& state, std::string_view key, std::int64_t delay) {
    return state.hold(*message(key, {{"x-delay", Value::integer(delay)}}), kNow).has_value();
  }
  std::vector<std::string> due(ExchangeState& state, WallMs now) {
    std::vector<std::string> keys;
    while (const auto next = state.take_due(now)) {
      keys.emplace_back(owned(next->message)->routing_key());
    }
    return keys;
  }
  std::vector<std::string> history(const ExchangeState& state) {
    std::vector<std::string> keys;
    for (const auto& kept : state.history()) keys.emplace_back(kept.message->routing_key());
    return keys;
  }
  bool seen(ExchangeState& state, const Message& one, WallMs now) {
    return state.seen(*state.deduplication_key(one), one, now);
  }

  MemoryMeter meter_;
};

TEST_F(ExchangeStateTest, HeldMessagesComeInOrderOfDueTimeThenOfArrival) {
  ExchangeState state(StatefulKind::kDelayed, {}, std::nullopt, meter_);
  EXPECT_EQ(state.held().next_work(kNow), kNever);
  EXPECT_TRUE(hold(state, "late", 300));
  EXPECT_TRUE(hold(state, "early 1", 100));
  EXPECT_TRUE(hold(state, "early 2", 100));
  EXPECT_TRUE(hold(state, "early 3", 100));

  EXPECT_EQ(state.held().next_work(kNow), kNow + 100);
  EXPECT_THAT(due(state, kNow + 99), IsEmpty());
  EXPECT_THAT(due(state, kNow + 100), ElementsAre("early 1", "early 2", "early 3"));
  EXPECT_THAT(due(state, kNow + 1000), ElementsAre("late"));
}

TEST_F(ExchangeStateTest, OnlyAPositiveIntegerDelaysAndOnlyInADelayedExchange) {
  ExchangeState state(StatefulKind::kDelayed, {}, std::nullopt, meter_);
  EXPECT_FALSE(hold(state, "k", 0));
  EXPECT_FALSE(hold(state, "k", -5));
  EXPECT_FALSE(state.hold(*message("k"), kNow));
  EXPECT_FALSE(state.hold(*message("k", {{"x-delay", Value::string("100")}}), kNow));
  ExchangeState other(StatefulKind::kRecentHistory, {}, std::nullopt, meter_);
  EXPECT_FALSE(hold(other, "k", 100));
}

TEST_F(ExchangeStateTest, ADueMessageShowsTheElapsedDelayAndKeepsItsTimeToLive) {
  ExchangeState state(StatefulKind::kDelayed, {}, std::nullopt, meter_);
  auto original = message("k", {{"a", Value::string("b")}, {"x-delay", Value::integer(5000)}});
  original->make_extension().ttl = {7};
  original->make_extension().passed = {1, 2};
  ASSERT_TRUE(state.hold(*original, kNow));

  const auto due = state.take_due(kNow + 5000);
  ASSERT_TRUE(due);
  const Owned held = owned(due->message);
  EXPECT_EQ(held->properties(), "a=s:b;x-delay=i:-5000;");
  EXPECT_EQ(held->ttl().ms, 7);
  EXPECT_THAT(held->extension()->passed, IsEmpty());
}

TEST_F(ExchangeStateTest, TheLongestDelayIsNeverOver) {
  ExchangeState state(StatefulKind::kDelayed, {}, std::nullopt, meter_);
  EXPECT_TRUE(hold(state, "k", INT64_MAX));
  EXPECT_EQ(state.held().next_work(kNow), kNever);
  EXPECT_THAT(due(state, kNever - 1), IsEmpty());
  EXPECT_EQ(state.held().size(), 1u);
  EXPECT_FALSE(state.clear(1));
}

TEST_F(ExchangeStateTest, AHistoryKeepsTheLastMessagesThatMayBeKept) {
  ExchangeState state(StatefulKind::kRecentHistory,
                      {{"x-recent-history-length", Value::integer(2)}}, std::nullopt, meter_);
  state.record(*message("1"));
  state.record(*message("2"));
  state.record(*message("no", {{"x-recent-history-no-store", Value::boolean(true)}}));
  state.record(*message("3", {{"x-recent-history-no-store", Value::boolean(false)}}));
  EXPECT_THAT(history(state), ElementsAre("2", "3"));
  EXPECT_FALSE(state.clear(2));
}

TEST_F(ExchangeStateTest, OtherExchangesHaveNoHistory) {
  ExchangeState state(StatefulKind::kNone, {}, DeduplicationLimits{10, std::nullopt}, meter_);
  state.record(*message("1"));
  EXPECT_THAT(history(state), IsEmpty());
}

TEST_F(ExchangeStateTest, AnIdIsSeenUntilItsTimeIsOver) {
  ExchangeState state(StatefulKind::kNone, {}, DeduplicationLimits{10, 100}, meter_);
  const auto usual = message("k", {{"x-deduplication-header", Value::string("a")}});
  const auto longer = message(
      "k", {{"x-deduplication-header", Value::integer(1)}, {"x-cache-ttl", Value::integer(500)}});
  EXPECT_FALSE(seen(state, *usual, kNow));
  EXPECT_FALSE(seen(state, *longer, kNow));
  EXPECT_TRUE(seen(state, *usual, kNow + 99));
  EXPECT_FALSE(seen(state, *usual, kNow + 100));
  EXPECT_TRUE(seen(state, *longer, kNow + 499));
  EXPECT_FALSE(seen(state, *longer, kNow + 500));
}

TEST_F(ExchangeStateTest, WhatDidNotArriveMayComeAgain) {
  ExchangeState state(StatefulKind::kNone, {}, DeduplicationLimits{10, std::nullopt}, meter_);
  const auto one = message("k", {{"x-deduplication-header", Value::string("a")}});
  EXPECT_FALSE(seen(state, *one, kNow));
  state.forget(*state.deduplication_key(*one));
  EXPECT_FALSE(seen(state, *one, kNow));
}

TEST_F(ExchangeStateTest, WithoutTheHeaderOrTheArgumentNothingIsCompared) {
  ExchangeState state(StatefulKind::kNone, {}, DeduplicationLimits{10, std::nullopt}, meter_);
  EXPECT_FALSE(state.deduplication_key(*message("k")));
  ExchangeState plain(StatefulKind::kDelayed, {}, std::nullopt, meter_);
  EXPECT_FALSE(
      plain.deduplication_key(*message("k", {{"x-deduplication-header", Value::string("a")}})));
}

TEST_F(ExchangeStateTest, ClearingTakesSlices) {
  ExchangeState state(StatefulKind::kDelayed, {}, std::nullopt, meter_);
  for (int i = 0; i < 5; ++i) hold(state, "k", 100 + i);
  EXPECT_TRUE(state.clear(2));
  EXPECT_EQ(state.held().size(), 3u);
  EXPECT_FALSE(state.clear(10));
}

}  // namespace
}  // namespace polymq::engine
