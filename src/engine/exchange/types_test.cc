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

}  // namespace
}  // namespace polymq::engine
