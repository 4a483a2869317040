// Promises of the table of exchange types.
#include "engine/exchange/types.h"

#include <gmock/gmock.h>

#include "engine/exchange/fake_message.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;

std::string refusal(std::string_view type, const Fields& arguments) {
  const auto made = make_matcher(type, arguments);
  return made.has_value() ? "" : made.error().text;
}

TEST(ExchangeTypes, EachNamedTypeCanBeMade) {
  for (const ExchangeType& type : exchange_types()) {
    EXPECT_TRUE(known_type(type.name));
    EXPECT_EQ(refusal(type.name, {{"x-delayed-type", Value::string("topic")}}), "") << type.name;
  }
}

TEST(ExchangeTypes, NamesAreExact) {
  EXPECT_FALSE(known_type("Direct"));
  EXPECT_FALSE(known_type(""));
  EXPECT_EQ(refusal("foo", {}), "unknown exchange type 'foo'");
}

TEST(ExchangeTypes, OnlyWrappersHaveState) {
  EXPECT_EQ(stateful_kind("topic"), StatefulKind::kNone);
  EXPECT_EQ(stateful_kind("x-recent-history"), StatefulKind::kRecentHistory);
  EXPECT_EQ(stateful_kind("x-delayed-message"), StatefulKind::kDelayed);
  EXPECT_EQ(stateful_kind("x-message-deduplication"), StatefulKind::kDeduplicating);
  EXPECT_EQ(stateful_kind("foo"), StatefulKind::kNone);
}

TEST(ExchangeTypes, ADelayedExchangeMatchesLikeItsInnerType) {
  auto matcher = *make_matcher("x-delayed-message", {{"x-delayed-type", Value::string("topic")}});
  matcher->add(queue(1), "a.*", {});
  EXPECT_THAT(matched(*matcher, "a.b"), ElementsAre(1));
}

TEST(ExchangeTypes, ADelayedExchangeNeedsAnInnerTypeThatExists) {
  const auto refused = [](Value inner) {
    return refusal("x-delayed-message", {{"x-delayed-type", std::move(inner)}});
  };
  EXPECT_EQ(refusal("x-delayed-message", {}),
            "Invalid argument, 'x-delayed-type' must be an existing exchange type");
  EXPECT_EQ(refused(Value::integer(1)),
            "Invalid argument, 'x-delayed-type' must be an existing exchange type");
  EXPECT_EQ(refused(Value::string("foo")), "unknown exchange type 'foo'");
  EXPECT_EQ(refused(Value::string("x-delayed-message")),
            "Invalid argument, 'x-delayed-type' can't be used for 'x-delayed-message'");
}

TEST(ExchangeTypes, TheInnerTypesArgumentsAreCheckedToo) {
  EXPECT_EQ(refusal("x-delayed-message", {{"x-delayed-type", Value::string("x-consistent-hash")},
                                          {"hash-property", Value::string("app_id")}}),
            "Unsupported property: app_id");
}

TEST(ExchangeTypes, HashHeaderAndHashPropertyExcludeEachOther) {
  EXPECT_EQ(refusal("x-consistent-hash", {{"hash-header", Value::string("h")},
                                          {"hash-property", Value::string("message_id")}}),
            "hash-header and hash-property are mutually exclusive");
  EXPECT_EQ(refusal("x-consistent-hash", {{"hash-header", Value::integer(1)}}),
            "Invalid argument, 'hash-header' must be a string, got long");
}

TEST(ExchangeTypes, RecentHistoryKeepsTwentyUnlessToldAPositiveNumber) {
  EXPECT_EQ(recent_history_length({}), 20u);
  const Fields five{{"x-recent-history-length", Value::integer(5)}};
  EXPECT_EQ(refusal("x-recent-history", five), "");
  EXPECT_EQ(recent_history_length(five), 5u);
  EXPECT_EQ(refusal("x-recent-history", {{"x-recent-history-length", Value::integer(0)}}),
            "Invalid argument 0, 'x-recent-history-length' must be a positive integer");
  EXPECT_EQ(refusal("x-recent-history", {{"x-recent-history-length", Value::string("5")}}),
            "Invalid argument <<\"5\">>, 'x-recent-history-length' must be a positive integer");
}

std::string deduplication_refusal(const Fields& arguments) {
  Fields all{{"x-message-deduplication", Value::boolean(true)}};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const auto limits = deduplication_of("direct", all);
  return limits ? "" : limits.error().text;
}

TEST(ExchangeTypes, AnyExchangeDeduplicatesWhenItsArgumentSaysSo) {
  EXPECT_FALSE(deduplication_of("direct", {})->has_value());
  EXPECT_FALSE(deduplication_of("direct", {{"x-message-deduplication", Value::boolean(false)}})
                   ->has_value());
  EXPECT_FALSE(deduplication_of("direct", {{"x-cache-size", Value::string("?")}})->has_value());
  EXPECT_TRUE(deduplication_of("x-message-deduplication", {})->has_value());

  const auto limits =
      *deduplication_of("topic", {{"x-message-deduplication", Value::boolean(true)},
                                  {"x-cache-size", Value::integer(7)},
                                  {"x-cache-ttl", Value::integer(1000, FieldType::kInt16)}});
  ASSERT_TRUE(limits.has_value());
  EXPECT_EQ(limits->entries, 7u);
  EXPECT_EQ(limits->ttl_ms, 1000);
}

TEST(ExchangeTypes, DeduplicationArgumentsAreChecked) {
  EXPECT_EQ(deduplication_refusal({{"x-cache-size", Value::integer(-1)}}),
            "Invalid argument -1, 'x-cache-size' must be a positive integer");
  EXPECT_NE(deduplication_refusal({{"x-cache-ttl", Value::integer(0)}}), "");
  EXPECT_NE(deduplication_refusal({{"x-cache-ttl", Value::integer(INT64_MAX)}}), "");
  EXPECT_NE(deduplication_refusal({{"x-cache-ttl", Value::string("1s")}}), "");
  EXPECT_FALSE(deduplication_of("direct", {{"x-message-deduplication", Value::integer(1)}}));
}

}  // namespace
}  // namespace polymq::engine
