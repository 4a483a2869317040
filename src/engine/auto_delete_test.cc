// Promises to those who use queues that go with their last consumer.
#include <gmock/gmock.h>

#include "engine/testing/shards_fixture.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The answer is given when the queue is gone, by way of control; deliveries come from its home.
TEST(AutoDelete, TheAnswerToTheLastCancelComesBehindTheLastDelivery) {
  constexpr ShardIndex kHome = 1;
  constexpr ShardIndex kReader = 2;
  Cluster cluster(3);
  Peer owner(cluster, kHome);
  Peer reader(cluster, kReader);
  ASSERT_EQ(owner->declare({.name = "q", .auto_delete = true, .arguments = {}}), "");
  ASSERT_EQ(reader->consume("q"), "");

  cluster.hold(kHome, kReader);
  ASSERT_EQ(owner->publish({.body = "last"}), "ack");
  bool cancelled = false;
  reader->session.cancel(reader->consumer, [&] {
    cancelled = true;
    EXPECT_THAT(reader->take(), ElementsAre("last"));
  });
  cluster.run();
  EXPECT_FALSE(owner->look("q").has_value());
  EXPECT_FALSE(cancelled);
  EXPECT_THAT(reader->take(), IsEmpty());

  cluster.release();
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(reader.close());
  EXPECT_TRUE(owner.close());
}

}  // namespace
}  // namespace polymq::engine
