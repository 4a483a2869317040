// Promises of the direct exchange.
#include "engine/exchange/direct.h"

#include <gmock/gmock.h>

#include "engine/exchange/fake_message.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(DirectExchange, OnlyAnEqualKeyMatches) {
  DirectMatcher direct;
  direct.add(queue(1), "a", {});
  direct.add(queue(2), "a", {});
  direct.add(queue(3), "a.b", {});
  direct.add(queue(4), "", {});
  EXPECT_THAT(matched(direct, "a"), ElementsAre(1, 2));
  EXPECT_THAT(matched(direct, "a.b"), ElementsAre(3));
  EXPECT_THAT(matched(direct, ""), ElementsAre(4));
  EXPECT_THAT(matched(direct, "A"), IsEmpty());
}

TEST(DirectExchange, BindingsThatDifferOnlyInArgumentsAreTwo) {
  DirectMatcher direct;
  const Fields arguments{{"x", Value::integer(1)}};
  direct.add(queue(1), "a", {});
  direct.add(queue(1), "a", arguments);
  direct.remove(queue(1), "a", {});
  EXPECT_THAT(matched(direct, "a"), ElementsAre(1));
  direct.remove(queue(1), "a", arguments);
  EXPECT_THAT(matched(direct, "a"), IsEmpty());
}

TEST(DirectExchange, AHundredThousandQueuesOnOneKeyComeAndGoQuickly) {
  DirectMatcher direct;
  for (std::uint64_t id = 1; id <= 100'000; ++id) direct.add(queue(id), "k", {});
  EXPECT_EQ(matched(direct, "k").size(), 100'000u);
  // Linear removal would take minutes here.
  for (std::uint64_t id = 1; id < 100'000; ++id) direct.remove(queue(id), "k", {});
  EXPECT_THAT(matched(direct, "k"), ElementsAre(100'000));
}

}  // namespace
}  // namespace polymq::engine
