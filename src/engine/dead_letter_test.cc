// Promises of dead lettering's record, headers and cycle rule.
#include "engine/dead_letter.h"

#include <gmock/gmock.h>

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Death death(std::string_view queue, DeathReason reason, WallMs time = 1'000) {
  return {.queue = queue,
          .reason = reason,
          .time = time,
          .exchange = "x",
          .routing_keys = {"k", "cc"},
          .expiration = std::nullopt};
}

const Value& header(const PropertyChanges& changes, std::string_view name) {
  const Value* value = find(changes.set_headers, name);
  EXPECT_NE(value, nullptr) << name;
  static const Value kNone;
  return value == nullptr ? kNone : *value;
}

const Fields& entry(const PropertyChanges& changes, std::size_t number) {
  return *(*header(changes, "x-death").as_array())[number].as_table();
}

TEST(DeadLetter, ADeathIsShownWithExactTypes) {
  std::vector<DeathEntry> record;
  Death first = death("q", DeathReason::kExpired, 1'700'000'000'999);
  first.expiration = "5000";
  record_death(record, std::move(first));
  const auto changes = death_changes(record, false);
  EXPECT_EQ(entry(changes, 0),
            (Fields{{"count", Value::integer(1, FieldType::kInt64)},
                    {"reason", Value::string("expired")},
                    {"queue", Value::string("q")},
                    {"time", Value::integer(1'700'000'000, FieldType::kTimestamp)},
                    {"exchange", Value::string("x")},
                    {"routing-keys", Value::array({Value::string("k"), Value::string("cc")})},
                    {"original-expiration", Value::string("5000")}}));
}

TEST(DeadLetter, WithoutAnExpirationNoneIsShown) {
  std::vector<DeathEntry> record;
  record_death(record, death("q", DeathReason::kMaxLength));
  EXPECT_EQ(find(entry(death_changes(record, false), 0), "original-expiration"), nullptr);
}

TEST(DeadLetter, TheNewestDeathComesFirst) {
  std::vector<DeathEntry> record;
  record_death(record, death("a", DeathReason::kRejected));
  record_death(record, death("b", DeathReason::kExpired));
  record_death(record, death("a", DeathReason::kExpired));
  const auto changes = death_changes(record, false);
  EXPECT_EQ(to_text(*find(entry(changes, 0), "queue")), "a");
  EXPECT_EQ(to_text(*find(entry(changes, 0), "reason")), "expired");
  EXPECT_EQ(to_text(*find(entry(changes, 1), "queue")), "b");
  EXPECT_EQ(to_text(*find(entry(changes, 2), "reason")), "rejected");
}

TEST(DeadLetter, ARepeatedDeathIsCountedMovesToTheFrontAndKeepsItsFirstCircumstances) {
  std::vector<DeathEntry> record;
  record_death(record, death("a", DeathReason::kExpired, 1'000));
  record_death(record, death("b", DeathReason::kExpired, 2'000));
  Death again = death("a", DeathReason::kExpired, 3'000);
  again.exchange = "dlx";
  again.routing_keys = {"other"};
  record_death(record, std::move(again));
  ASSERT_EQ(record.size(), 2u);
  const auto changes = death_changes(record, false);
  const Fields& front = entry(changes, 0);
  EXPECT_EQ(to_text(*find(front, "queue")), "a");
  EXPECT_EQ(to_text(*find(front, "count")), "2");
  EXPECT_EQ(to_text(*find(front, "time")), "1");
  EXPECT_EQ(to_text(*find(front, "exchange")), "x");
  EXPECT_EQ(to_text(*find(front, "routing-keys")), "[k,cc]");
}

TEST(DeadLetter, TheFirstDeathIsKeptAndTheLastFollows) {
  std::vector<DeathEntry> record;
  record_death(record, death("a", DeathReason::kRejected));
  record_death(record, death("b", DeathReason::kMaxLength));
  record_death(record, death("c", DeathReason::kDeliveryLimit));
  record_death(record, death("b", DeathReason::kMaxLength));
  const auto changes = death_changes(record, false);
  EXPECT_EQ(to_text(header(changes, "x-first-death-queue")), "a");
  EXPECT_EQ(to_text(header(changes, "x-first-death-reason")), "rejected");
  EXPECT_EQ(to_text(header(changes, "x-first-death-exchange")), "x");
  EXPECT_EQ(to_text(header(changes, "x-last-death-queue")), "b");
  EXPECT_EQ(to_text(header(changes, "x-last-death-reason")), "maxlen");
  EXPECT_EQ(to_text(header(changes, "x-last-death-exchange")), "x");
}

TEST(DeadLetter, TheExpirationGoesAlwaysAndCcOnlyWithTheKey) {
  std::vector<DeathEntry> record;
  record_death(record, death("a", DeathReason::kDeliveryLimit));
  EXPECT_TRUE(death_changes(record, false).remove_expiration);
  EXPECT_THAT(death_changes(record, false).remove_headers, IsEmpty());
  EXPECT_THAT(death_changes(record, true).remove_headers, ElementsAre("CC"));
}

TEST(DeadLetterCycle, AQueueWhereItDiedWithoutARejectionIsClosed) {
  std::vector<DeathEntry> record;
  record_death(record, death("a", DeathReason::kExpired));
  EXPECT_TRUE(closes_cycle(record, "a"));
  EXPECT_FALSE(closes_cycle(record, "b"));
  record_death(record, death("b", DeathReason::kMaxLength));
  EXPECT_TRUE(closes_cycle(record, "a"));
}

TEST(DeadLetterCycle, ARejectionSinceThenOpensIt) {
  std::vector<DeathEntry> record;
  record_death(record, death("a", DeathReason::kExpired));
  record_death(record, death("b", DeathReason::kRejected));
  EXPECT_FALSE(closes_cycle(record, "a"));
  record_death(record, death("c", DeathReason::kExpired));
  EXPECT_FALSE(closes_cycle(record, "a"));
  EXPECT_TRUE(closes_cycle(record, "c"));
}

TEST(DeadLetterCycle, ARejectionBeforeThatDoesNot) {
  std::vector<DeathEntry> record;
  record_death(record, death("b", DeathReason::kRejected));
  record_death(record, death("a", DeathReason::kExpired));
  EXPECT_TRUE(closes_cycle(record, "a"));
}

TEST(DeadLetterCycle, ARejectedMessageMayReturnToTheQueueThatItWasRejectedFrom) {
  std::vector<DeathEntry> record;
  record_death(record, death("a", DeathReason::kRejected));
  EXPECT_FALSE(closes_cycle(record, "a"));
}

}  // namespace
}  // namespace polymq::engine
