// Promises of the random exchanges.
#include "engine/exchange/random.h"

#include <gmock/gmock.h>

#include <map>
#include <random>

#include "engine/exchange/fake_message.h"

namespace polymq::engine {
namespace {

TEST(RandomExchange, EachMessageGoesToOneBindingAllEquallyOften) {
  RandomMatcher matcher;
  EXPECT_THAT(matched(matcher, "k"), testing::IsEmpty());
  for (std::uint64_t id = 1; id <= 4; ++id) matcher.add(queue(id), "", {});
  std::mt19937_64 random(4);
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 4000; ++i) {
    const auto ids = matched(matcher, "k", FakeMessage(), random());
    ASSERT_EQ(ids.size(), 1u);
    ++counts[ids[0]];
  }
  for (std::uint64_t id = 1; id <= 4; ++id) EXPECT_NEAR(counts[id], 1000, 150);
  EXPECT_FALSE(matcher.by_key_alone());
}

TEST(LocalRandomExchange, DrawsAmongQueuesOnly) {
  LocalRandomMatcher matcher;
  matcher.add({1, true}, "", {});
  EXPECT_THAT(matched(matcher, "k"), testing::IsEmpty());
  matcher.add(queue(2), "", {});
  for (std::uint64_t random = 0; random < 10; ++random) {
    EXPECT_THAT(matched(matcher, "k", FakeMessage(), random), testing::ElementsAre(2));
  }
  matcher.remove({1, true}, "", {});
  EXPECT_THAT(matched(matcher, "k"), testing::ElementsAre(2));
}

}  // namespace
}  // namespace polymq::engine
