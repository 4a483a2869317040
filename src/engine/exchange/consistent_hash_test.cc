// Promises of the consistent hash exchange.
#include "engine/exchange/consistent_hash.h"

#include <gmock/gmock.h>

#include <map>

#include "engine/exchange/fake_message.h"

namespace polymq::engine {
namespace {

constexpr int kKeys = 20'000;

ConsistentHashMatcher by_key() { return ConsistentHashMatcher({}); }

std::uint64_t owner(const Matcher& matcher, const std::string& key,
                    const MessageView& message = FakeMessage()) {
  const auto ids = matched(matcher, key, message);
  EXPECT_EQ(ids.size(), 1u);
  return ids.empty() ? 0 : ids[0];
}

std::vector<std::uint64_t> owners(const Matcher& matcher) {
  std::vector<std::uint64_t> all;
  for (int i = 0; i < kKeys; ++i) all.push_back(owner(matcher, std::to_string(i)));
  return all;
}

TEST(ConsistentHashExchange, SharesFollowTheWeights) {
  auto matcher = by_key();
  matcher.add(queue(1), "1", {});
  matcher.add(queue(2), "2", {});
  matcher.add(queue(3), "5", {});
  std::map<std::uint64_t, int> counts;
  for (const std::uint64_t id : owners(matcher)) ++counts[id];
  EXPECT_NEAR(counts[1], kKeys * 1 / 8, kKeys * 0.03);
  EXPECT_NEAR(counts[2], kKeys * 2 / 8, kKeys * 0.04);
  EXPECT_NEAR(counts[3], kKeys * 5 / 8, kKeys * 0.05);
}

TEST(ConsistentHashExchange, ANewDestinationTakesItsShareAndMovesNothingElse) {
  auto matcher = by_key();
  for (std::uint64_t id = 1; id <= 4; ++id) matcher.add(queue(id), "1", {});
  const auto before = owners(matcher);
  matcher.add(queue(5), "1", {});
  const auto after = owners(matcher);
  int moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == after[i]) continue;
    ++moved;
    EXPECT_EQ(after[i], 5u);
  }
  EXPECT_NEAR(moved, kKeys / 5, kKeys * 0.05);
  matcher.remove(queue(5), "1", {});
  EXPECT_EQ(owners(matcher), before);
}

TEST(ConsistentHashExchange, ASecondBindingOfADestinationDoesNotChangeTheRing) {
  auto matcher = by_key();
  matcher.add(queue(1), "1", {});
  matcher.add(queue(2), "1", {});
  const auto before = owners(matcher);
  matcher.add(queue(1), "10", {});
  EXPECT_EQ(owners(matcher), before);
  matcher.remove(queue(1), "10", {});
  EXPECT_EQ(owners(matcher), before);
}

TEST(ConsistentHashExchange, WithoutTheFirstBindingTheSecondOnesWeightCounts) {
  auto matcher = by_key();
  matcher.add(queue(1), "1", {});
  matcher.add(queue(1), "3", {});
  const std::size_t light = matcher.point_count();
  matcher.remove(queue(1), "1", {});
  EXPECT_EQ(matcher.point_count(), 3 * light);
}

TEST(ConsistentHashExchange, TheRingStaysBoundedWhateverTheWeights) {
  auto matcher = by_key();
  matcher.add(queue(1), "99999999999999999999", {});
  matcher.add(queue(2), "1000000", {});
  EXPECT_LE(matcher.point_count(), std::size_t{1} << 20);
  std::map<std::uint64_t, int> counts;
  for (const std::uint64_t id : owners(matcher)) ++counts[id];
  EXPECT_NEAR(counts[1], counts[2], kKeys * 0.05);
}

TEST(ConsistentHashExchange, TheBindingKeyMustBeAPositiveInteger) {
  const auto matcher = by_key();
  EXPECT_TRUE(matcher.check("10", {}).has_value());
  EXPECT_EQ(matcher.check("0", {}).error().text, "The binding key must be greater than 0");
  EXPECT_EQ(matcher.check("-1", {}).error().text, "The binding key must be greater than 0");
  EXPECT_EQ(matcher.check("abc", {}).error().text,
            "The binding key must be an integer: <<\"abc\">>");
  EXPECT_EQ(matcher.check("", {}).error().text, "The binding key must be an integer: <<\"\">>");
}

TEST(ConsistentHashExchange, AHeaderCanBeHashedInsteadOfTheKey) {
  ConsistentHashMatcher matcher(
      *ConsistentHashMatcher::subject_of({{"hash-header", Value::string("h")}}));
  EXPECT_FALSE(matcher.by_key_alone());
  for (std::uint64_t id = 1; id <= 8; ++id) matcher.add(queue(id), "1", {});
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 1000; ++i) {
    const FakeMessage message({{"h", Value::integer(i)}});
    const std::uint64_t id = owner(matcher, "same", message);
    EXPECT_EQ(owner(matcher, "other", message), id);
    ++counts[id];
  }
  EXPECT_EQ(counts.size(), 8u);
  EXPECT_EQ(owner(matcher, "a"), owner(matcher, "b")) << "without the header all go one way";
}

TEST(ConsistentHashExchange, APropertyCanBeHashedInsteadOfTheKey) {
  ConsistentHashMatcher matcher(
      *ConsistentHashMatcher::subject_of({{"hash-property", Value::string("message_id")}}));
  for (std::uint64_t id = 1; id <= 8; ++id) matcher.add(queue(id), "1", {});
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 1000; ++i) {
    FakeMessage message;
    message.set_property("message_id", std::to_string(i));
    ++counts[owner(matcher, "same", message)];
  }
  EXPECT_EQ(counts.size(), 8u);
}

TEST(ConsistentHashExchange, WithoutBindingsNothingMatches) {
  auto matcher = by_key();
  EXPECT_THAT(matched(matcher, "a"), testing::IsEmpty());
  matcher.add(queue(1), "1", {});
  matcher.remove(queue(1), "1", {});
  EXPECT_THAT(matched(matcher, "a"), testing::IsEmpty());
}

}  // namespace
}  // namespace polymq::engine
