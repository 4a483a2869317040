// Promises of queues: how leases end, what returns where, purging and deleting.
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class QueueSettleTest : public AnyShardsTest {
 protected:
  /// Peer 2 takes `count` messages of "q" and no more.
  std::vector<Channeled::Delivery> lend(std::uint32_t count) {
    EXPECT_EQ(peer(2).consume("q", {.prefetch = count}), "");
    EXPECT_EQ(peer(2).deliveries.size(), count);
    peer(2).cancel(peer(2).consumer);
    return std::exchange(peer(2).deliveries, {});
  }
  /// One message that was handed out and came back as `how`.
  void hand_out_and_end(Settle how) {
    const auto lent = lend(1);
    ASSERT_THAT(lent, SizeIs(1));
    peer(2).settle(lent[0], how);
  }
};
INSTANTIATE_TEST_SUITE_P(On, QueueSettleTest, kShardCounts);

TEST_P(QueueSettleTest, WhatIsAcknowledgedIsGone) {
  queue("q");
  publish({"1"});
  hand_out_and_end(Settle::kAck);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(QueueSettleTest, WhatIsRequeuedReturnsToItsPlaceMarkedAndCounted) {
  queue("q");
  publish({"1", "2", "3"});
  const auto lent = lend(2);
  EXPECT_FALSE(lent[0].redelivered);
  peer(2).settle(lent[0], Settle::kRequeue);
  const auto again = lend(2);
  EXPECT_EQ(again[0].body, "1");
  EXPECT_TRUE(again[0].redelivered);
  EXPECT_EQ(again[0].acquired, 1u);
  EXPECT_EQ(again[0].failed, 0u);
  EXPECT_EQ(again[1].body, "3");
  EXPECT_FALSE(again[1].redelivered);
}

TEST_P(QueueSettleTest, HoweverTheyAreRequeuedTheOrderIsTheOldOne) {
  queue("q");
  publish({"1", "2", "3", "4", "5", "6"});
  const auto lent = lend(5);
  for (const std::size_t i : {3, 0, 4, 1}) peer(2).settle(lent[i], Settle::kRequeue);
  EXPECT_THAT(drain(), ElementsAre("1", "2", "4", "5", "6"));
  peer(2).settle(lent[2], Settle::kRequeue);
  EXPECT_THAT(drain(), ElementsAre("3"));
}

TEST_P(QueueSettleTest, AFailureIsCountedApartFromARequeue) {
  queue("q");
  publish({"1"});
  hand_out_and_end(Settle::kFail);
  hand_out_and_end(Settle::kRequeue);
  const auto lent = lend(1);
  EXPECT_EQ(lent[0].acquired, 2u);
  EXPECT_EQ(lent[0].failed, 1u);
}

TEST_P(QueueSettleTest, WhatIsDiscardedIsGoneOrDeadLettered) {
  queue("q");
  publish({"dropped"});
  hand_out_and_end(Settle::kDiscard);
  EXPECT_EQ(cluster_.message_bytes(), 0);

  queue("dead", {}, 2);
  set_policy({{"dead-letter-exchange", text("")}, {"dead-letter-routing-key", text("dead")}},
             "^q$");
  publish({"kept"});
  hand_out_and_end(Settle::kDiscard);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(peer(0).get("dead", false), "kept");
  EXPECT_EQ(header_got("x-last-death-reason"), "rejected");
}

TEST_P(QueueSettleTest, ALeaseEndsOnceAndOneThatNeverWasDoesNothing) {
  queue("q");
  publish({"1", "2"});
  const auto lent = lend(1);
  peer(2).settle(lent[0], Settle::kRequeue);
  peer(2).settle(lent[0], Settle::kAck);
  Channeled::Delivery unknown = lent[0];
  unknown.lease = 99;
  peer(2).settle(unknown, Settle::kAck);
  EXPECT_THAT(drain(), ElementsAre("1", "2"));
}

TEST_P(QueueSettleTest, SettlementsOfManyLeasesGoTogether) {
  queue("q");
  publish({"1", "2", "3", "4"});
  const auto lent = lend(4);
  peer(2).session.settle(lent[0].consumer, lent[0].lease, lent[0].lease, Settle::kAck);
  peer(2).session.settle(lent[1].consumer, lent[1].lease, lent[1].lease, Settle::kAck);
  peer(2).session.settle(lent[2].consumer, lent[2].lease, lent[3].lease, Settle::kRequeue);
  peer(2).session.flush();
  cluster_.run();
  EXPECT_THAT(drain(), ElementsAre("3", "4"));
}

TEST_P(QueueSettleTest, WithoutAcknowledgementsAMessageIsGoneOnceItIsWritten) {
  queue("q");
  peer(2).reads = false;
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  publish({"written", "not written"});
  ASSERT_THAT(peer(2).deliveries, SizeIs(2));
  const auto& first = peer(2).deliveries[0];
  peer(2).connection.client.written(first.consumer, first.lease, first.bytes);
  peer(2).connection.client.flush();
  cluster_.run();
  disconnect(2);
  EXPECT_EQ(peer(0).get("q", false), "not written");
  EXPECT_FALSE(peer(0).got->item.redelivered);
  EXPECT_EQ(peer(0).get("q"), "empty");
}

// --- a channel that closes ----------------------------------------------------------------------

TEST_P(QueueSettleTest, AClosingChannelMarksOnlyWhatItWasSent) {
  queue("q");
  publish({"1", "2", "3"});
  peer(2).reads = false;
  peer(2).consume("q");
  const auto& first = peer(2).deliveries.at(0);
  peer(2).connection.client.written(first.consumer, first.lease, first.bytes);
  peer(2).connection.client.flush();
  cluster_.run();
  EXPECT_TRUE(peer(2).close());
  peer(0).consume("q");
  ASSERT_THAT(peer(0).deliveries, SizeIs(3));
  EXPECT_EQ(peer(0).deliveries[0].acquired, 1u);
  EXPECT_EQ(peer(0).deliveries[1].acquired, 0u);
  EXPECT_THAT(peer(0).take(), ElementsAre("1 again", "2", "3"));
}

TEST_P(QueueSettleTest, AClosingChannelCountsAsAFailureInQuorumQueuesOnly) {
  for (const bool quorum : {false, true}) {
    if (quorum) {
      EXPECT_EQ(peer(0).remove("q"), "");
      quorum_queue("q");
    } else {
      queue("q");
    }
    publish({"1"});
    disconnect(2);
    connect(2);
    peer(2).consume("q");
    disconnect(2);
    connect(2);
    const auto lent = lend(1);
    EXPECT_EQ(lent[0].acquired, 1u);
    EXPECT_EQ(lent[0].failed, quorum ? 1u : 0u);
    peer(2).settle(lent[0], Settle::kAck);
  }
}

TEST_P(QueueSettleTest, AClosingChannelThatHeldMuchGivesItBackInOrder) {
  queue("q");
  std::vector<std::string> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back(std::to_string(i));
    peer(0).send({.body = all.back()});
  }
  cluster_.run();
  peer(2).consume("q");
  for (std::size_t i = 0; i < 300; i += 3) peer(2).settle(peer(2).deliveries[i], Settle::kAck);
  disconnect(2);
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < 300; ++i) {
    if (i % 3 != 0) kept.push_back(all[i]);
  }
  EXPECT_EQ(drain(), kept);
}

// --- delivery limit -----------------------------------------------------------------------------

TEST_P(QueueSettleTest, OverItsDeliveryLimitAMessageIsDeadLettered) {
  queue("dead", {}, 2);
  quorum_queue("q", {{"x-delivery-limit", number(2)},
                     {"x-dead-letter-exchange", text("")},
                     {"x-dead-letter-routing-key", text("dead")}});
  publish({"poison"});
  hand_out_and_end(Settle::kFail);
  hand_out_and_end(Settle::kRequeue);
  hand_out_and_end(Settle::kFail);
  EXPECT_EQ(ready("q"), 1u);
  hand_out_and_end(Settle::kFail);
  EXPECT_EQ(ready("q"), 0u);
  EXPECT_EQ(peer(0).get("dead", false), "poison");
  EXPECT_EQ(header_got("x-last-death-reason"), "delivery_limit");
}

TEST_P(QueueSettleTest, AQuorumQueuesLimitIsTwentyUnlessItSaysNone) {
  quorum_queue("q");
  publish({"poison"});
  for (int i = 0; i < 20; ++i) hand_out_and_end(Settle::kFail);
  EXPECT_EQ(ready(), 1u);
  hand_out_and_end(Settle::kFail);
  EXPECT_EQ(ready(), 0u);

  set_policy({{"delivery-limit", number(-1)}});
  publish({"poison"});
  for (int i = 0; i < 30; ++i) hand_out_and_end(Settle::kFail);
  EXPECT_EQ(ready(), 1u);
}

TEST_P(QueueSettleTest, AClassicQueueHasNoDeliveryLimit) {
  queue("q");
  publish({"poison"});
  for (int i = 0; i < 30; ++i) hand_out_and_end(Settle::kFail);
  EXPECT_EQ(ready(), 1u);
}

// --- delayed retry ------------------------------------------------------------------------------

TEST_P(QueueSettleTest, ADelayedRetryGrowsWithEachHandOutUpToItsMaximum) {
  quorum_queue("q", {{"x-delayed-retry-type", text("all")},
                     {"x-delayed-retry-min", number(100)},
                     {"x-delayed-retry-max", number(250)}});
  publish({"1"});
  for (const std::int64_t wait : {100, 200, 250, 250}) {
    hand_out_and_end(wait == 200 ? Settle::kRequeue : Settle::kFail);
    cluster_.pass(wait - 1);
    EXPECT_EQ(ready(), 0u) << wait;
    cluster_.pass(1);
    EXPECT_EQ(ready(), 1u) << wait;
  }
}

TEST_P(QueueSettleTest, ADelayedRetryIsForTheKindOfReturnThatItNames) {
  quorum_queue("q",
               {{"x-delayed-retry-type", text("failed")}, {"x-delayed-retry-min", number(100)}});
  publish({"1"});
  hand_out_and_end(Settle::kRequeue);
  EXPECT_EQ(ready(), 1u);
  hand_out_and_end(Settle::kFail);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(peer(0).remove("q"), "");

  quorum_queue("q",
               {{"x-delayed-retry-type", text("returned")}, {"x-delayed-retry-min", number(100)}});
  publish({"1"});
  hand_out_and_end(Settle::kFail);
  EXPECT_EQ(ready(), 1u);
  hand_out_and_end(Settle::kRequeue);
  EXPECT_EQ(ready(), 0u);
}

TEST_P(QueueSettleTest, MessagesWhoseRetryIsDueReachAWaitingConsumerInOrder) {
  quorum_queue("q", {{"x-delayed-retry-type", text("all")}, {"x-delayed-retry-min", number(100)}});
  publish({"1", "2", "3"});
  peer(2).consume("q");
  const auto lent = std::exchange(peer(2).deliveries, {});
  for (const std::size_t i : {2, 0, 1}) peer(2).settle(lent[i], Settle::kFail);
  publish({"4"});
  EXPECT_THAT(peer(2).take(), ElementsAre("4"));
  cluster_.pass(100);
  EXPECT_THAT(peer(2).take(), ElementsAre("1 again", "2 again", "3 again"));
}

TEST_P(QueueSettleTest, WhatNeverReachedItsConsumerDoesNotWait) {
  quorum_queue("q", {{"x-delayed-retry-type", text("all")}, {"x-delayed-retry-min", number(100)}});
  publish({"1"});
  peer(2).reads = false;
  peer(2).consume("q");
  disconnect(2);
  EXPECT_EQ(ready(), 1u);
}

TEST_P(QueueSettleTest, AQueueIsDeletedWithTheMessagesThatWait) {
  quorum_queue("q", {{"x-delayed-retry-type", text("all")}, {"x-delayed-retry-min", number(100)}});
  publish({"1", "2"});
  for (const auto& delivery : lend(2)) peer(2).settle(delivery, Settle::kFail);
  EXPECT_EQ(peer(0).remove("q"), "");
  EXPECT_EQ(cluster_.message_bytes(), 0);
  cluster_.pass(200);
}

// --- purge --------------------------------------------------------------------------------------

TEST_P(QueueSettleTest, APurgeDropsWhatIsReadyAndSaysHowMany) {
  queue("q");
  publish({"1", "2", "3"});
  const auto lent = lend(1);
  EXPECT_EQ(peer(0).purge("q"), "");
  EXPECT_EQ(peer(0).count, 2u);
  EXPECT_EQ(ready(), 0u);
  publish({"4"});
  peer(2).settle(lent[0], Settle::kRequeue);
  EXPECT_THAT(drain(), ElementsAre("1", "4"));
}

TEST_P(QueueSettleTest, WhatReturnedAfterAPurgeGoesWithTheNext) {
  queue("q");
  publish({"1", "2"});
  const auto lent = lend(1);
  EXPECT_EQ(peer(0).purge("q"), "");
  peer(2).settle(lent[0], Settle::kRequeue);
  EXPECT_EQ(peer(0).purge("q"), "");
  EXPECT_EQ(peer(0).count, 1u);
  EXPECT_THAT(drain(), IsEmpty());
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(QueueSettleTest, ALargePurgeIsDoneAtOnceAndFreedInSlices) {
  queue("q");
  publish_many(5000);
  Shard& home = cluster_.shard(1);
  const std::int64_t before = cluster_.message_bytes();
  std::uint64_t dropped = 0;
  peer(1).session.purge_queue(
      "q", [&](EngineResult<std::uint64_t> result) { dropped = result.value_or(0); });
  while (dropped == 0) cluster_.turn(home.self());
  EXPECT_EQ(dropped, 5000u);
  EXPECT_GE(cluster_.message_bytes(), before / 5) << "a slice is 2000 messages";
  peer(1).send({.body = "new"});
  cluster_.run();
  EXPECT_THAT(drain(), ElementsAre("new"));
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(QueueSettleTest, WhatReturnsWhileAPurgeIsBeingFreedStays) {
  queue("q");
  publish_many(5000);
  publish({"last"});
  const auto lent = lend(5001);
  peer(2).session.settle(lent[0].consumer, lent[0].lease, lent[4999].lease, Settle::kRequeue);
  peer(2).session.flush();
  cluster_.run();
  std::uint64_t dropped = 0;
  peer(1).session.purge_queue(
      "q", [&](EngineResult<std::uint64_t> result) { dropped = result.value_or(0); });
  while (dropped == 0) cluster_.turn(cluster_.shard(1).self());
  EXPECT_EQ(dropped, 5000u);
  peer(2).settle(lent[5000], Settle::kRequeue);
  EXPECT_THAT(drain(), ElementsAre("last"));
}

TEST_P(QueueSettleTest, PurgingWhatIsNotThereIsRefused) {
  EXPECT_EQ(peer(0).purge("q"), "no queue 'q' in vhost '/'");
}

// --- deletion -----------------------------------------------------------------------------------

TEST_P(QueueSettleTest, MessagesOutWithAConsumerOutliveTheirQueueUntilTheyAreWritten) {
  queue("q");
  publish({"1", "ready"});
  peer(2).reads = false;
  peer(2).consume("q", {.prefetch = 1}, 7);
  ASSERT_THAT(peer(2).deliveries, SizeIs(1));
  EXPECT_EQ(peer(0).remove("q"), "");
  EXPECT_EQ(peer(0).count, 1u);
  EXPECT_THAT(peer(2).gone, ElementsAre(7));
  EXPECT_NE(cluster_.message_bytes(), 0);
  const Channeled::Delivery delivery = peer(2).deliveries[0];
  peer(2).connection.client.written(delivery.consumer, delivery.lease, delivery.bytes);
  peer(2).connection.client.flush();
  cluster_.run();
  EXPECT_EQ(cluster_.message_bytes(), 0);
  peer(2).settle(delivery, Settle::kRequeue);
}

TEST_P(QueueSettleTest, ALateSettlementDoesNotTouchAQueueOfTheSameName) {
  queue("q");
  publish({"old"});
  const auto lent = lend(1);
  EXPECT_EQ(peer(0).remove("q"), "");
  queue("q");
  publish({"new"});
  peer(2).settle(lent[0], Settle::kRequeue);
  EXPECT_THAT(drain(), ElementsAre("new"));
}

}  // namespace
}  // namespace polymq::engine
