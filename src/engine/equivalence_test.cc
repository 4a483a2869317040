// Promises of declaring again what exists.
#include "engine/equivalence.h"

#include <gtest/gtest.h>

namespace polymq::engine {
namespace {

Value number(std::int64_t value) { return Value::integer(value, FieldType::kInt32); }
Value text(std::string value) { return Value::string(std::move(value)); }

/// The explanation of declaring with `received` a durable queue that has `current`.
std::string queue_refusal(const Fields& current, const Fields& received,
                          QueueType type = QueueType::kClassic) {
  const Fields stored = stored_arguments(current, type);
  const auto same =
      check_queue_equivalence({type, true, false, stored},
                              {.name = "q", .vhost = "/", .durable = true, .arguments = received});
  return same ? "" : same.error().text;
}

TEST(QueueEquivalence, TheSameDeclarationIsAccepted) {
  const Fields arguments{{"x-message-ttl", number(1)}, {"x-own", text("a")}};
  EXPECT_EQ(queue_refusal(arguments, arguments), "");
}

TEST(QueueEquivalence, FlagsThatDifferAreNamedWithBothValues) {
  const Fields none;
  const QueueShape current{QueueType::kClassic, true, false, none};
  QueueDeclaration received{.name = "q", .vhost = "/", .durable = false, .arguments = none};
  EXPECT_EQ(check_queue_equivalence(current, received).error().text,
            "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current "
            "is 'true'");
  received.durable = true;
  received.auto_delete = true;
  EXPECT_EQ(check_queue_equivalence(current, received).error().text,
            "inequivalent arg 'auto_delete' for queue 'q' in vhost '/': received 'true' but "
            "current is 'false'");
}

TEST(QueueEquivalence, AnExclusiveQueueMayBeDeclaredDurableOrNot) {
  const Fields none;
  for (const bool durable : {false, true}) {
    EXPECT_TRUE(check_queue_equivalence(
        {QueueType::kClassic, false, false, none},
        {.name = "q", .vhost = "/", .durable = durable, .exclusive = true, .arguments = none}));
  }
}

TEST(QueueEquivalence, AnArgumentOnlyOneSideHasIsToldWithItsType) {
  EXPECT_EQ(queue_refusal({}, {{"x-message-ttl", number(1)}}),
            "inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '1' "
            "of type 'signedint' but current is none");
  EXPECT_EQ(queue_refusal({{"x-dead-letter-exchange", text("d")}}, {}),
            "inequivalent arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': received none "
            "but current is the value 'd' of type 'longstr'");
}

TEST(QueueEquivalence, TwoValuesAreToldWithoutTheirTypes) {
  EXPECT_EQ(queue_refusal({{"x-max-length", number(1)}}, {{"x-max-length", number(2)}}),
            "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received '2' but current "
            "is '1'");
}

TEST(QueueEquivalence, IntegersAreComparedByValue) {
  EXPECT_EQ(queue_refusal({{"x-max-length", Value::integer(1, FieldType::kInt64)}},
                          {{"x-max-length", Value::integer(1, FieldType::kInt8)}}),
            "");
}

TEST(QueueEquivalence, ArgumentsThatMeanNothingToTheTypeAreNotCompared) {
  EXPECT_EQ(queue_refusal({{"x-own", text("a")}}, {{"x-own", text("b")}}), "");
}

TEST(QueueEquivalence, ClassicEqualsNoTypeButQuorumDoesNot) {
  EXPECT_EQ(queue_refusal({}, {{"x-queue-type", text("classic")}}), "");
  EXPECT_EQ(queue_refusal({{"x-queue-type", text("classic")}}, {}), "");
  EXPECT_EQ(queue_refusal({}, {{"x-queue-type", text("quorum")}}),
            "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'quorum' but "
            "current is 'classic'");
  EXPECT_EQ(queue_refusal({}, {}, QueueType::kQuorum),
            "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received none but "
            "current is the value 'quorum' of type 'longstr'");
}

TEST(QueueEquivalence, NoTypeIsTheDefaultType) {
  const Fields none;
  const Fields stored = stored_arguments({}, QueueType::kQuorum);
  EXPECT_TRUE(check_queue_equivalence(
      {QueueType::kQuorum, true, false, stored},
      {.name = "q", .vhost = "/", .durable = true, .arguments = none, .default_type = "quorum"}));
}

std::string exchange_refusal(const ExchangeShape& current, const ExchangeShape& received) {
  const auto same = check_exchange_equivalence("x", "/", current, received);
  return same ? "" : same.error().text;
}

TEST(ExchangeEquivalence, TypeAndFlagsAreCompared) {
  const Fields none;
  const ExchangeShape current{"direct", true, false, false, none};
  EXPECT_EQ(exchange_refusal(current, current), "");
  EXPECT_EQ(exchange_refusal(current, {"fanout", true, false, false, none}),
            "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current "
            "is 'direct'");
  EXPECT_EQ(exchange_refusal(current, {"direct", false, false, false, none}),
            "inequivalent arg 'durable' for exchange 'x' in vhost '/': received 'false' but "
            "current is 'true'");
  EXPECT_EQ(exchange_refusal(current, {"direct", true, true, false, none}),
            "inequivalent arg 'auto_delete' for exchange 'x' in vhost '/': received 'true' but "
            "current is 'false'");
  EXPECT_EQ(exchange_refusal(current, {"direct", true, false, true, none}),
            "inequivalent arg 'internal' for exchange 'x' in vhost '/': received 'true' but "
            "current is 'false'");
}

TEST(ExchangeEquivalence, OfTheArgumentsOnlyTheAlternateExchangeIsCompared) {
  const Fields none;
  const Fields alternate{{"alternate-exchange", text("a")}};
  const Fields header{{"hash-header", text("h")}};
  const auto with = [](const Fields& arguments) {
    return ExchangeShape{"direct", true, false, false, arguments};
  };
  EXPECT_EQ(exchange_refusal(with(none), with(header)), "");
  EXPECT_EQ(exchange_refusal(with(alternate), with(none)),
            "inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received none "
            "but current is the value 'a' of type 'longstr'");
}

}  // namespace
}  // namespace polymq::engine
