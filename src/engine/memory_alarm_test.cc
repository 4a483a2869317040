// Promises of the memory alarm when its reports come late.
#include <gmock/gmock.h>

#include "engine/testing/shards_fixture.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;

// Reports come only when something has changed: a decision must not be lost behind an older one.
TEST(MemoryAlarm, EndsWhenTheReportsOfBothMomentsComeTogether) {
  Cluster cluster(2, {.limits = {}, .memory_limit = 100'000});
  Peer far(cluster, 1);
  ASSERT_EQ(far->declare({.name = "q", .arguments = {}}), "");
  ASSERT_EQ(far->publish({.body = std::string(1000, 'x')}), "ack");
  cluster.hold(1, 0);
  ASSERT_EQ(far->publish({.body = std::string(110'000, 'x')}), "ack");
  cluster.pass(200);
  ASSERT_EQ(far->purge("q"), "");
  cluster.pass(200);
  cluster.release();
  cluster.pass(200);
  EXPECT_FALSE(cluster.shard(0).alarm());
  EXPECT_FALSE(cluster.shard(1).alarm());
  EXPECT_THAT(far.connection.alarms, ElementsAre(true, false));
  EXPECT_EQ(far->remove("q"), "");
  EXPECT_TRUE(far.close());
}

}  // namespace
}  // namespace polymq::engine
