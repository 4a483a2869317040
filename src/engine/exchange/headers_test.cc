// Promises of the headers exchange.
#include "engine/exchange/headers.h"

#include <gmock/gmock.h>

#include "engine/exchange/fake_message.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Fields with_mode(std::string mode, Fields pairs) {
  pairs.push_back({"x-match", Value::string(std::move(mode))});
  return pairs;
}

bool headers_match(const Fields& binding, const Fields& headers) {
  HeadersMatcher matcher;
  matcher.add(queue(1), "", binding);
  return !matched(matcher, "", FakeMessage(headers)).empty();
}

const Fields kPair{{"a", Value::integer(1)}, {"b", Value::string("x")}};

TEST(HeadersExchange, AllIsTheDefaultAndNeedsEveryPair) {
  for (const Fields& binding : {kPair, with_mode("all", kPair)}) {
    EXPECT_TRUE(headers_match(binding, kPair));
    EXPECT_FALSE(headers_match(binding, {kPair[0]}));
    EXPECT_FALSE(headers_match(binding, {kPair[0], {"b", Value::string("y")}}));
  }
}

TEST(HeadersExchange, AnyNeedsOnePair) {
  EXPECT_TRUE(headers_match(with_mode("any", kPair), {kPair[1]}));
  EXPECT_FALSE(headers_match(with_mode("any", kPair), {{"c", Value::integer(1)}}));
}

TEST(HeadersExchange, WithoutPairsAllMatchesEverythingAndAnyNothing) {
  EXPECT_TRUE(headers_match(with_mode("all", {}), {}));
  EXPECT_TRUE(headers_match({}, kPair));
  EXPECT_FALSE(headers_match(with_mode("any", {}), kPair));
}

TEST(HeadersExchange, NamesStartingWithXCountOnlyInTheModesWithX) {
  const Fields x{{"x-a", Value::integer(1)}};
  EXPECT_TRUE(headers_match(with_mode("all", x), {}));
  EXPECT_FALSE(headers_match(with_mode("any", x), x));
  EXPECT_FALSE(headers_match(with_mode("all-with-x", x), {}));
  EXPECT_TRUE(headers_match(with_mode("all-with-x", x), x));
  EXPECT_TRUE(headers_match(with_mode("any-with-x", x), x));
}

TEST(HeadersExchange, AVoidArgumentAsksForMerePresence) {
  const Fields present{{"a", Value()}};
  EXPECT_TRUE(headers_match(present, {{"a", Value::integer(5)}}));
  EXPECT_TRUE(headers_match(present, {{"a", Value()}}));
  EXPECT_FALSE(headers_match(present, {{"b", Value::integer(5)}}));
}

TEST(HeadersExchange, TypesDoNotMatterButAStringIsNeverANumber) {
  const Fields five{{"a", Value::integer(5, FieldType::kInt8)}};
  EXPECT_TRUE(headers_match(five, {{"a", Value::integer(5, FieldType::kInt64)}}));
  EXPECT_TRUE(headers_match(five, {{"a", Value::integer(5, FieldType::kTimestamp)}}));
  EXPECT_TRUE(headers_match(five, {{"a", Value::real(5.0)}}));
  EXPECT_TRUE(headers_match({{"a", Value::real(5.0)}}, five));
  EXPECT_FALSE(headers_match(five, {{"a", Value::real(5.5)}}));
  EXPECT_FALSE(headers_match(five, {{"a", Value::string("5")}}));
  EXPECT_FALSE(headers_match({{"a", Value::boolean(true)}}, {{"a", Value::integer(1)}}));
  EXPECT_TRUE(headers_match({{"a", Value::string("x")}}, {{"a", Value::binary("x")}}));
}

TEST(HeadersExchange, ABadMatchFieldIsExplained) {
  HeadersMatcher matcher;
  EXPECT_TRUE(matcher.check("", with_mode("any-with-x", {})).has_value());
  EXPECT_TRUE(matcher.check("", {}).has_value());
  EXPECT_EQ(matcher.check("", with_mode("some", {})).error().text,
            "Invalid x-match field value <<\"some\">>; expected all, any, all-with-x, or "
            "any-with-x");
  EXPECT_EQ(matcher.check("", {{"x-match", Value::integer(1)}}).error().text,
            "Invalid x-match field type long (value 1); expected longstr");
}

TEST(HeadersExchange, RemovalTakesExactlyTheBindingWithTheseArguments) {
  HeadersMatcher matcher;
  const Fields one{{"a", Value::integer(1)}};
  const Fields two{{"a", Value::integer(2)}};
  matcher.add(queue(1), "", one);
  matcher.add(queue(1), "", two);
  matcher.add(queue(2), "", one);
  matcher.remove(queue(1), "", one);
  EXPECT_THAT(matched(matcher, "", FakeMessage(one)), ElementsAre(2));
  EXPECT_THAT(matched(matcher, "", FakeMessage(two)), ElementsAre(1));
  matcher.remove(queue(2), "", one);
  matcher.remove(queue(1), "", two);
  EXPECT_THAT(matched(matcher, "", FakeMessage(one)), IsEmpty());
}

TEST(HeadersExchange, AHeaderIsLookedUpOnceForAllBindings) {
  HeadersMatcher matcher;
  for (std::uint64_t id = 1; id <= 100; ++id) {
    matcher.add(queue(id), "", {{"a", Value::integer(static_cast<std::int64_t>(id))}});
  }
  const FakeMessage message({{"a", Value::integer(42)}});
  EXPECT_THAT(matched(matcher, "", message), ElementsAre(42));
  EXPECT_EQ(message.lookups, 1);
}

TEST(HeadersExchange, NumbersOfNamesAreUsedAgainWithoutMixingThemUp) {
  HeadersMatcher matcher;
  const Fields a{{"a", Value::integer(1)}};
  const Fields b{{"b", Value::integer(1)}};
  matcher.add(queue(1), "", a);
  EXPECT_THAT(matched(matcher, "", FakeMessage(a)), ElementsAre(1));
  matcher.remove(queue(1), "", a);
  matcher.add(queue(2), "", b);
  EXPECT_THAT(matched(matcher, "", FakeMessage(a)), IsEmpty());
  EXPECT_THAT(matched(matcher, "", FakeMessage(b)), ElementsAre(2));
}

}  // namespace
}  // namespace polymq::engine
