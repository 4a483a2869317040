// Promises of policies.
#include "engine/policy.h"

#include <gtest/gtest.h>

#include "engine/policy_keys.h"

namespace polymq::engine {
namespace {

using enum PolicyAuthor;

Value number(std::int64_t value) { return Value::integer(value); }
Value text(std::string value) { return Value::string(std::move(value)); }

Policy policy(Fields definition, PolicyAuthor author = kUser, std::string_view pattern = ".*",
              std::string_view apply_to = "all", std::int64_t priority = 0,
              std::string_view name = "p") {
  auto made = make_policy(author, {.vhost = "/",
                                   .name = name,
                                   .pattern = pattern,
                                   .apply_to = apply_to,
                                   .priority = priority,
                                   .definition = std::move(definition)});
  EXPECT_TRUE(made.has_value()) << made.error().text;
  return *made;
}

std::string refusal(Fields definition, PolicyAuthor author = kUser,
                    std::string_view apply_to = "all", std::string_view pattern = "") {
  const auto made = make_policy(author, {.vhost = "/",
                                         .name = "p",
                                         .pattern = pattern,
                                         .apply_to = apply_to,
                                         .priority = 0,
                                         .definition = std::move(definition)});
  return made ? "accepted" : made.error().text;
}

TEST(PolicyDefinition, BadValuesAreExplained) {
  EXPECT_EQ(refusal({{"message-ttl", number(-1)}}), "-1 is not a valid message TTL");
  EXPECT_EQ(refusal({{"expires", number(0)}}), "0 is not a valid queue expiry");
  EXPECT_EQ(refusal({{"max-length", text("a")}}), "<<\"a\">> is not a valid maximum length");
  EXPECT_EQ(refusal({{"overflow", text("explode")}}),
            "<<\"explode\">> is not a valid overflow value");
  EXPECT_EQ(refusal({{"delivery-limit", text("a")}}), "<<\"a\">> is not a valid delivery limit");
  EXPECT_EQ(refusal({{"dead-letter-exchange", number(1)}}),
            "1 is not a valid dead letter exchange name");
}

TEST(PolicyDefinition, UnknownKeysAreNamed) {
  EXPECT_EQ(refusal({{"foo", number(1)}, {"bar", text("a")}}),
            "[{<<\"foo\">>,1},{<<\"bar\">>,<<\"a\">>}] are not recognised policy settings");
}

TEST(PolicyDefinition, SomethingMustBeSaidAndOnce) {
  EXPECT_EQ(refusal({}), "no policy provided");
  EXPECT_EQ(refusal({{"max-length", number(1)}, {"max-length", number(2)}}),
            "[<<\"max-length\">>] duplicate keys not allowed");
}

TEST(PolicyDefinition, OperatorsMaySetLimitsOnly) {
  EXPECT_EQ(refusal({{"max-length", number(1)}}, kOperator), "accepted");
  EXPECT_EQ(refusal({{"overflow", text("drop-head")}}, kOperator), "accepted");
  EXPECT_EQ(refusal({{"dead-letter-exchange", text("d")}}, kOperator),
            "[{<<\"dead-letter-exchange\">>,<<\"d\">>}] are not recognised policy settings");
}

TEST(PolicyDefinition, ADelayedRetryNeedsAMinimum) {
  EXPECT_EQ(refusal({{"delayed-retry-type", text("all")}}),
            "delayed-retry-type needs delayed-retry-min");
  EXPECT_EQ(refusal({{"delayed-retry-min", number(2)}, {"delayed-retry-max", number(1)}}),
            "delayed-retry-max is less than delayed-retry-min");
}

TEST(PolicyRequest, PatternAndTargetAreChecked) {
  const Fields definition{{"max-length", number(1)}};
  EXPECT_EQ(refusal(definition, kUser, "queuez").substr(0, 32), "apply-to 'queuez' unrecognised; ");
  EXPECT_NE(refusal(definition, kUser, "all", "(").find("should be regular expression"),
            std::string::npos);
}

TEST(Policy, TheTargetDecidesWhichKindsItIsFor) {
  const Fields definition{{"max-length", number(1)}};
  struct Case {
    std::string_view target;
    bool exchange, classic, quorum;
  };
  for (const Case& c :
       {Case{"all", true, true, true}, Case{"queues", false, true, true},
        Case{"exchanges", true, false, false}, Case{"classic_queues", false, true, false},
        Case{"quorum_queues", false, false, true}, Case{"streams", false, false, false}}) {
    const Policy made = policy(definition, kUser, ".*", c.target);
    EXPECT_EQ(made.applies_to("x", EntityKind::kExchange), c.exchange) << c.target;
    EXPECT_EQ(made.applies_to("x", EntityKind::kClassicQueue), c.classic) << c.target;
    EXPECT_EQ(made.applies_to("x", EntityKind::kQuorumQueue), c.quorum) << c.target;
    EXPECT_EQ(to_text(made.apply_to), c.target);
  }
}

TEST(Policy, OneKeyThatTheKindDoesNotKnowKeepsTheWholePolicyAway) {
  const Policy made = policy({{"max-length", number(1)}, {"delivery-limit", number(1)}});
  EXPECT_FALSE(made.applies_to("q", EntityKind::kClassicQueue));
  EXPECT_TRUE(made.applies_to("q", EntityKind::kQuorumQueue));
}

TEST(EffectiveSettings, OfNumbersTheSmallestHoldsWhoeverSetIt) {
  QueueSettings declared;
  declared.max_length = 10;
  declared.ttl_ms = 1;
  const Policy user =
      policy({{"max-length", number(5)}, {"message-ttl", number(2)}, {"expires", number(7)}});
  const Policy operators = policy({{"max-length", number(8)}, {"expires", number(3)}}, kOperator);
  const QueueSettings settings = effective_settings(declared, &user, &operators);
  EXPECT_EQ(settings.max_length, 5);
  EXPECT_EQ(settings.ttl_ms, 1);
  EXPECT_EQ(settings.expires_ms, 3);
  EXPECT_EQ(effective_settings(declared, nullptr, nullptr), declared);
}

TEST(EffectiveSettings, DeadLetteringIsTheArgumentsIfItSaysSomething) {
  const Policy user =
      policy({{"dead-letter-exchange", text("policy")}, {"dead-letter-routing-key", text("key")}});
  QueueSettings declared;
  EXPECT_EQ(effective_settings(declared, &user, nullptr).dead_letter_exchange, "policy");
  declared.dead_letter_exchange = "argument";
  const QueueSettings settings = effective_settings(declared, &user, nullptr);
  EXPECT_EQ(settings.dead_letter_exchange, "argument");
  EXPECT_EQ(settings.dead_letter_routing_key, "key");
}

TEST(EffectiveSettings, AnOperatorsOverflowWins) {
  const Policy user = policy({{"overflow", text("reject-publish")}});
  const Policy operators = policy({{"overflow", text("drop-head")}}, kOperator);
  QueueSettings declared;
  EXPECT_EQ(effective_settings(declared, &user, nullptr).overflow, Overflow::kRejectPublish);
  EXPECT_EQ(effective_settings(declared, &user, &operators).overflow, Overflow::kDropHead);
  declared.overflow = Overflow::kRejectPublishDlx;
  EXPECT_EQ(effective_settings(declared, &user, nullptr).overflow, Overflow::kRejectPublishDlx);
  EXPECT_EQ(effective_settings(declared, &user, &operators).overflow, Overflow::kDropHead);
}

TEST(EffectiveSettings, ADeliveryLimitWinsOverNoLimit) {
  const auto limit = [](std::optional<std::int64_t> declared, std::int64_t policies) {
    QueueSettings settings;
    settings.type = QueueType::kQuorum;
    settings.delivery_limit = declared;
    const Policy user = policy({{"delivery-limit", number(policies)}});
    return effective_settings(settings, &user, nullptr).delivery_limit;
  };
  EXPECT_EQ(limit(-1, 5), 5);
  EXPECT_EQ(limit(5, -1), 5);
  EXPECT_EQ(limit(5, 3), 3);
  EXPECT_EQ(limit(3, 5), 3);
  EXPECT_EQ(limit(std::nullopt, -1), -1);
  EXPECT_EQ(limit(-1, -1), -1);
}

TEST(EffectiveSettings, EveryOtherSettingOfAQueueComesFromAPolicyToo) {
  const Policy user = policy({{"dead-letter-strategy", text("at-least-once")},
                              {"max-length-bytes", number(1)},
                              {"consumer-timeout", number(2)},
                              {"consumer-disconnected-timeout", number(3)},
                              {"delayed-retry-type", text("all")},
                              {"delayed-retry-min", number(4)},
                              {"delayed-retry-max", number(5)}});
  QueueSettings expected;
  expected.dead_letter_strategy = DeadLetterStrategy::kAtLeastOnce;
  expected.max_length_bytes = 1;
  expected.consumer_timeout_ms = 2;
  expected.consumer_disconnected_timeout_ms = 3;
  expected.delayed_retry = DelayedRetry::kAll;
  expected.delayed_retry_min_ms = 4;
  expected.delayed_retry_max_ms = 5;
  EXPECT_EQ(effective_settings({}, &user, nullptr), expected);
}

TEST(EffectiveSettings, ARetryThatAnArgumentDisablesStaysDisabled) {
  const Policy user =
      policy({{"delayed-retry-type", text("all")}, {"delayed-retry-min", number(4)}});
  QueueSettings declared;
  declared.delayed_retry = DelayedRetry::kDisabled;
  EXPECT_EQ(effective_settings(declared, &user, nullptr).delayed_retry, DelayedRetry::kDisabled);
}

TEST(PolicySet, OnlyTheHighestPriorityThatAppliesCounts) {
  const PolicySet set({policy({{"max-length", number(1)}}, kUser, ".*", "all", 1, "low"),
                       policy({{"message-ttl", number(2)}}, kUser, "^q", "queues", 5, "high"),
                       policy({{"expires", number(3)}}, kUser, "^z", "all", 9, "other")},
                      {});
  const QueueSettings settings = set.effective("q1", {});
  EXPECT_EQ(settings.ttl_ms, 2);
  EXPECT_EQ(settings.max_length, std::nullopt) << "policies of one author do not add up";
  EXPECT_EQ(set.user_policy("a", EntityKind::kClassicQueue)->name, "low");
  EXPECT_EQ(set.user_policy("q1", EntityKind::kExchange)->name, "low");
  EXPECT_EQ(set.operator_policy("q1", EntityKind::kClassicQueue), nullptr);
}

TEST(PolicySet, AmongEqualPrioritiesTheFirstByNameCounts) {
  const PolicySet set({policy({{"max-length", number(2)}}, kUser, ".*", "all", 0, "b"),
                       policy({{"max-length", number(1)}}, kUser, ".*", "all", 0, "a")},
                      {});
  EXPECT_EQ(set.effective("q", {}).max_length, 1);
}

TEST(PolicySet, APolicyThatDoesNotSuitTheTypeMakesRoomForTheNext) {
  const PolicySet set({policy({{"delivery-limit", number(1)}}, kUser, ".*", "all", 9, "quorum"),
                       policy({{"max-length", number(1)}}, kUser, ".*", "all", 0, "both")},
                      {});
  EXPECT_EQ(set.effective("q", {}).max_length, 1);
  QueueSettings quorum;
  quorum.type = QueueType::kQuorum;
  EXPECT_EQ(set.effective("q", quorum).delivery_limit, 1);
  EXPECT_EQ(set.effective("q", quorum).max_length, std::nullopt);
}

TEST(PolicySet, AUserPolicyGivesAnAlternateExchange) {
  const PolicySet set({policy({{"alternate-exchange", text("ae")}}, kUser, "^x")}, {});
  EXPECT_EQ(set.alternate_exchange("x1"), "ae");
  EXPECT_EQ(set.alternate_exchange("y1"), "");
  EXPECT_EQ(PolicySet().alternate_exchange("x1"), "");
}

TEST(PolicyKeys, EachKeyIsListedOnce) {
  for (const PolicyKey& key : policy_keys()) EXPECT_EQ(find_policy_key(key.name), &key);
}

}  // namespace
}  // namespace polymq::engine
