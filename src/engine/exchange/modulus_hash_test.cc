// Promises of the modulus hash exchange.
#include "engine/exchange/modulus_hash.h"

#include <gmock/gmock.h>

#include <map>

#include "engine/exchange/fake_message.h"

namespace polymq::engine {
namespace {

TEST(ModulusHashExchange, AKeyAlwaysGoesToTheSameOneAndBindingsShareByTheirNumber) {
  ModulusHashMatcher matcher;
  matcher.add(queue(1), "a", {});
  matcher.add(queue(2), "a", {});
  matcher.add(queue(2), "b", {});
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 3000; ++i) {
    const auto ids = matched(matcher, std::to_string(i));
    ASSERT_EQ(ids.size(), 1u);
    EXPECT_EQ(matched(matcher, std::to_string(i)), ids);
    ++counts[ids[0]];
  }
  EXPECT_NEAR(counts[1], 1000, 120);
  EXPECT_NEAR(counts[2], 2000, 120);
}

TEST(ModulusHashExchange, WithoutBindingsNothingMatches) {
  ModulusHashMatcher matcher;
  EXPECT_THAT(matched(matcher, "a"), testing::IsEmpty());
}

}  // namespace
}  // namespace polymq::engine
