// Promises of reading a queue's declaration.
#include "engine/queue_arguments.h"

#include <gmock/gmock.h>

namespace polymq::engine {
namespace {

using testing::Contains;
using testing::Not;

Value number(std::int64_t value) { return Value::integer(value, FieldType::kInt32); }
Value text(std::string value) { return Value::string(std::move(value)); }

EngineResult<QueueSettings> parse(const Fields& arguments, std::string_view default_type = "") {
  return parse_queue_arguments({.name = "q",
                                .vhost = "/",
                                .durable = true,
                                .arguments = arguments,
                                .default_type = default_type});
}

QueueSettings parsed(const Fields& arguments) {
  const auto settings = parse(arguments);
  EXPECT_TRUE(settings.has_value()) << settings.error().text;
  return settings.value_or(QueueSettings());
}

/// The explanation after `invalid arg 'name' for queue 'q' in vhost '/': `.
std::string refusal(const std::string& name, Value value, Fields others = {}) {
  others.push_back({name, std::move(value)});
  const auto settings = parse(others);
  if (settings.has_value()) return "accepted";
  const std::string prefix = "invalid arg '" + name + "' for queue 'q' in vhost '/': ";
  EXPECT_EQ(settings.error().kind, ErrorKind::kPrecondition);
  EXPECT_EQ(settings.error().text.substr(0, prefix.size()), prefix);
  return settings.error().text.substr(std::min(prefix.size(), settings.error().text.size()));
}

Fields quorum(Fields others = {}) {
  others.push_back({"x-queue-type", text("quorum")});
  return others;
}

TEST(QueueArguments, WithoutArgumentsNothingIsSet) { EXPECT_EQ(parsed({}), QueueSettings()); }

TEST(QueueArguments, GroupsAreExclusiveAndOfQueuesWithoutPriorities) {
  EXPECT_EQ(parsed({{"x-message-groups", text("exclusive")}}).message_groups,
            MessageGroups::kExclusive);
  EXPECT_EQ(parsed(quorum({{"x-message-groups", text("exclusive")}})).message_groups,
            MessageGroups::kExclusive);
  EXPECT_EQ(parsed({{"x-message-groups", text("fair")}}).message_groups, MessageGroups::kFair);
  EXPECT_EQ(refusal("x-message-groups", text("pipelined")), "invalid_message_groups");
  EXPECT_EQ(refusal("x-message-groups", number(1)), "{unacceptable_type,signedint}");
  EXPECT_EQ(refusal("x-message-groups", text("exclusive"), {{"x-max-priority", number(0)}}),
            "message_groups_and_max_priority");
}

TEST(QueueArguments, EachArgumentIsReadIntoItsSetting) {
  const QueueSettings settings = parsed({{"x-message-ttl", number(1)},
                                         {"x-expires", number(2)},
                                         {"x-max-length", number(3)},
                                         {"x-max-length-bytes", number(4)},
                                         {"x-max-priority", number(255)},
                                         {"x-consumer-timeout", number(6)},
                                         {"x-overflow", text("reject-publish-dlx")},
                                         {"x-dead-letter-exchange", text("")},
                                         {"x-dead-letter-routing-key", text("k")},
                                         {"x-single-active-consumer", Value::boolean(true)},
                                         {"x-message-deduplication", Value::boolean(true)},
                                         {"x-cache-size", number(7)},
                                         {"x-cache-ttl", number(8)}});
  QueueSettings expected;
  expected.ttl_ms = 1;
  expected.expires_ms = 2;
  expected.max_length = 3;
  expected.max_length_bytes = 4;
  expected.max_priority = 255;
  expected.consumer_timeout_ms = 6;
  expected.overflow = Overflow::kRejectPublishDlx;
  expected.dead_letter_exchange = "";
  expected.dead_letter_routing_key = "k";
  expected.single_active_consumer = true;
  expected.deduplication = true;
  expected.deduplication_entries = 7;
  expected.deduplication_ttl_ms = 8;
  EXPECT_EQ(settings, expected);
}

TEST(QueueArguments, IdsAreLookedAtForATimeOrForANumber) {
  const QueueSettings settings =
      parsed({{"x-deduplication-window", number(5)}, {"x-deduplication-scope", text("group")}});
  QueueSettings expected;
  expected.deduplication_window_ms = 5;
  expected.deduplication_scope = DeduplicationScope::kGroup;
  EXPECT_EQ(settings, expected);
  EXPECT_EQ(refusal("x-deduplication-window", number(0)), "{value_zero,0}");
  EXPECT_EQ(refusal("x-deduplication-window", number(5),
                    {{"x-message-deduplication", Value::boolean(true)}}),
            "window_and_message_deduplication");
  EXPECT_EQ(refusal("x-deduplication-window", number(5),
                    {{"x-message-deduplication", Value::boolean(false)}}),
            "accepted");
  EXPECT_EQ(refusal("x-deduplication-scope", text("message")), "invalid_deduplication_scope");
}

TEST(QueueArguments, EachQuorumArgumentIsReadIntoItsSetting) {
  const QueueSettings settings = parsed(quorum({{"x-delivery-limit", number(-1)},
                                                {"x-dead-letter-strategy", text("at-least-once")},
                                                {"x-consumer-disconnected-timeout", number(1)},
                                                {"x-delayed-retry-type", text("failed")},
                                                {"x-delayed-retry-min", number(2)},
                                                {"x-delayed-retry-max", number(3)}}));
  QueueSettings expected;
  expected.type = QueueType::kQuorum;
  expected.delivery_limit = -1;
  expected.dead_letter_strategy = DeadLetterStrategy::kAtLeastOnce;
  expected.consumer_disconnected_timeout_ms = 1;
  expected.delayed_retry = DelayedRetry::kFailed;
  expected.delayed_retry_min_ms = 2;
  expected.delayed_retry_max_ms = 3;
  EXPECT_EQ(settings, expected);
}

TEST(QueueArguments, AnyIntegerTypeWillDo) {
  for (const FieldType type : {FieldType::kInt8, FieldType::kUint16, FieldType::kInt64}) {
    EXPECT_EQ(parsed({{"x-message-ttl", Value::integer(5, type)}}).ttl_ms, 5);
  }
}

TEST(QueueArguments, ValuesOutOfRangeAreExplainedInRabbitsWords) {
  EXPECT_EQ(refusal("x-expires", number(0)), "{value_zero,0}");
  EXPECT_EQ(refusal("x-expires", number(-1)), "{value_negative,-1}");
  EXPECT_EQ(refusal("x-message-ttl", number(-5)), "{value_negative,-5}");
  EXPECT_EQ(refusal("x-message-ttl", number(0)), "accepted");
  EXPECT_EQ(refusal("x-message-ttl", Value::integer(315'360'000'001)),
            "{value_too_large,315360000001}");
  EXPECT_EQ(refusal("x-max-length", number(-1)), "{value_negative,-1}");
  EXPECT_EQ(refusal("x-max-priority", number(256)), "{max_value_exceeded,256}");
  EXPECT_EQ(refusal("x-queue-version", number(3)), "\"unsupported queue version '3'\"");
  EXPECT_EQ(refusal("x-quorum-initial-group-size", number(0), quorum()), "{value_zero,0}");
}

TEST(QueueArguments, WrongTypesAreExplainedInRabbitsWords) {
  EXPECT_EQ(refusal("x-message-ttl", text("5")), "\"expected integer, got longstr\"");
  EXPECT_EQ(refusal("x-single-active-consumer", text("true")), "{unacceptable_type,longstr}");
  EXPECT_EQ(refusal("x-overflow", number(1)), "{unacceptable_type,signedint}");
  EXPECT_EQ(refusal("x-queue-type", number(1)), "{unacceptable_type,signedint}");
}

TEST(QueueArguments, UnknownWordsAreExplainedInRabbitsWords) {
  EXPECT_EQ(refusal("x-overflow", text("explode")), "invalid_overflow");
  EXPECT_EQ(refusal("x-storage-sync", text("often")), "invalid_storage_sync");
  EXPECT_EQ(refusal("x-storage-sync", number(1)), "{unacceptable_type,signedint}");
  EXPECT_EQ(refusal("x-queue-mode", text("w")), "\"unsupported queue mode 'w'\"");
  EXPECT_EQ(refusal("x-queue-type", text("b")), "\"unsupported queue type 'b'\"");
  EXPECT_EQ(refusal("x-dead-letter-strategy", text("never"), quorum()), "invalid_dlx_strategy");
  EXPECT_EQ(refusal("x-queue-leader-locator", text("b")), "invalid_queue_locator_arg");
}

TEST(QueueArguments, ADeadLetterRoutingKeyNeedsADeadLetterExchange) {
  EXPECT_EQ(refusal("x-dead-letter-routing-key", text("k")), "routing_key_but_no_dlx_defined");
}

TEST(QueueArguments, ADeadLetterExchangeThatIsNoNameHasATextOfItsOwn) {
  const auto settings = parse({{"x-dead-letter-exchange", number(1)}});
  EXPECT_EQ(settings.error().text,
            "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'");
}

TEST(QueueArguments, ADelayedRetryNeedsAMinimumThatItsMaximumReaches) {
  EXPECT_EQ(refusal("x-delayed-retry-type", text("all"), quorum()),
            "delayed_retry_type_but_no_min_defined");
  EXPECT_EQ(refusal("x-delayed-retry-type", text("disabled"), quorum()), "accepted");
  EXPECT_EQ(refusal("x-delayed-retry-max", number(1), quorum({{"x-delayed-retry-min", number(2)}})),
            "{value_less_than_min,1}");
}

TEST(QueueArguments, ArgumentsOfAnotherTypeAreRefused) {
  const auto foreign = [](std::string name, Fields arguments) {
    arguments.push_back({std::move(name), number(1)});
    return parse(arguments).error().text;
  };
  EXPECT_EQ(foreign("x-max-age", {}),
            "invalid arg 'x-max-age' for queue 'q' in vhost '/' of queue type "
            "rabbit_classic_queue");
  EXPECT_EQ(foreign("x-delivery-limit", {}),
            "invalid arg 'x-delivery-limit' for queue 'q' in vhost '/' of queue type "
            "rabbit_classic_queue");
  EXPECT_EQ(foreign("x-max-priority", quorum()),
            "invalid arg 'x-max-priority' for queue 'q' in vhost '/' of queue type "
            "rabbit_quorum_queue");
}

TEST(QueueArguments, NamesThatNobodyKnowsAreIgnored) {
  EXPECT_EQ(parsed({{"x-own", text("anything")}}), QueueSettings());
}

TEST(QueueArguments, ObsoleteArgumentsAreCheckedAndOtherwiseWithoutEffect) {
  EXPECT_EQ(parsed({{"x-queue-mode", text("lazy")},
                    {"x-queue-version", number(1)},
                    {"x-queue-master-locator", text("min-masters")}}),
            QueueSettings());
}

TEST(QueueArguments, AQuorumQueueIsDurableSharedAndLasting) {
  const Fields arguments = quorum();
  QueueDeclaration declaration{.name = "q", .vhost = "/", .durable = true, .arguments = arguments};
  EXPECT_EQ(parse_queue_arguments(declaration)->type, QueueType::kQuorum);
  declaration.durable = false;
  EXPECT_EQ(parse_queue_arguments(declaration).error().text,
            "invalid property 'non-durable' for queue 'q' in vhost '/'");
  declaration.exclusive = true;
  EXPECT_EQ(parse_queue_arguments(declaration).error().text,
            "invalid property 'exclusive-owner' for queue 'q' in vhost '/'");
  declaration.auto_delete = true;
  EXPECT_EQ(parse_queue_arguments(declaration).error().text,
            "invalid property 'auto-delete' for queue 'q' in vhost '/'");
}

TEST(QueueArguments, StreamsAreRefusedAsNotAvailable) {
  const auto settings = parse({{"x-queue-type", text("stream")}});
  EXPECT_EQ(settings.error().kind, ErrorKind::kNotImplemented);
}

TEST(QueueArguments, TheDefaultTypeIsUsedWhereItSuitsTheDeclaration) {
  EXPECT_EQ(parse({}, "quorum")->type, QueueType::kQuorum);
  EXPECT_EQ(parse({{"x-queue-type", text("classic")}}, "quorum")->type, QueueType::kClassic);
  const Fields none;
  EXPECT_EQ(choose_queue_type({.name = "q",
                               .vhost = "/",
                               .durable = true,
                               .exclusive = true,
                               .arguments = none,
                               .default_type = "quorum"}),
            QueueType::kClassic);
}

TEST(QueueArguments, AQuorumQueueNeedsAName) {
  const Fields arguments = quorum();
  const auto type = choose_queue_type({.name = "", .vhost = "/", .arguments = arguments});
  EXPECT_EQ(type.error().text, "Cannot declare a server-named queue for type rabbit_quorum_queue");
}

TEST(QueueArguments, StoredArgumentsSayTheTypeButNotThePrefix) {
  const Fields stored = stored_arguments({{"x-name-prefix", text("p")}}, QueueType::kClassic);
  EXPECT_EQ(stored, (Fields{{"x-queue-type", text("classic")}}));
  EXPECT_EQ(stored_arguments(quorum(), QueueType::kQuorum), quorum());
}

TEST(QueueArguments, APrefixOfServerMadeNamesIsAShortString) {
  EXPECT_EQ(*server_name_prefix({}), "amq.gen");
  EXPECT_EQ(*server_name_prefix({{"x-name-prefix", text("p")}}), "p");
  EXPECT_FALSE(server_name_prefix({{"x-name-prefix", text(std::string(65, 'p'))}}).has_value());
  EXPECT_FALSE(server_name_prefix({{"x-name-prefix", number(1)}}).has_value());
}

TEST(QueueArguments, KnownArgumentsDependOnTheType) {
  EXPECT_THAT(known_queue_arguments(QueueType::kClassic), Contains("x-max-priority"));
  EXPECT_THAT(known_queue_arguments(QueueType::kQuorum), Not(Contains("x-max-priority")));
  EXPECT_THAT(known_queue_arguments(QueueType::kClassic), Not(Contains("x-max-age")));
}

TEST(QueueSettings, WhatIsNotSetHasItsTypesDefault) {
  QueueSettings settings;
  EXPECT_EQ(settings.effective_overflow(), Overflow::kDropHead);
  EXPECT_EQ(settings.effective_delivery_limit(), std::nullopt);
  settings.type = QueueType::kQuorum;
  EXPECT_EQ(settings.effective_delivery_limit(), 20);
  settings.delivery_limit = -1;
  EXPECT_EQ(settings.effective_delivery_limit(), std::nullopt);
  settings.overflow = Overflow::kRejectPublishDlx;
  EXPECT_EQ(settings.effective_overflow(), Overflow::kDropHead);
  settings.type = QueueType::kClassic;
  EXPECT_EQ(settings.effective_overflow(), Overflow::kRejectPublishDlx);
}

}  // namespace
}  // namespace polymq::engine
