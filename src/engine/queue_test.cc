// Promises of queues: order, priorities, limits and time to live.
#include "engine/queue.h"

#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class QueueTest : public AnyShardsTest {};
INSTANTIATE_TEST_SUITE_P(On, QueueTest, kShardCounts);

TEST_P(QueueTest, MessagesOfAChannelComeOutAsTheyWentIn) {
  queue("q");
  publish({"1", "2"});
  EXPECT_EQ(peer(2).consume("q"), "");
  publish({"3", "4"});
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(ready(), 0u);
}

// --- priorities ---------------------------------------------------------------------------------

TEST_P(QueueTest, AHigherPriorityOvertakesAndEqualsKeepTheirOrder) {
  queue("q", {{"x-max-priority", number(5)}});
  const auto send = [&](const char* body, std::optional<std::uint8_t> priority) {
    EXPECT_EQ(peer(0).publish({.body = body, .priority = priority}), "ack");
  };
  send("low", 1);
  send("none", std::nullopt);
  send("high", 5);
  send("above the most", 255);
  send("low too", 1);
  EXPECT_THAT(drain(), ElementsAre("high", "above the most", "low", "low too", "none"));
}

TEST_P(QueueTest, WithoutPrioritiesOfItsOwnAQueueIgnoresThoseOfMessages) {
  queue("q");
  peer(0).publish({.body = "1", .priority = 1});
  peer(0).publish({.body = "2", .priority = 9});
  EXPECT_THAT(drain(), ElementsAre("1", "2"));
}

TEST_P(QueueTest, AQuorumQueueHasPrioritiesWithoutAskingAndNoneIsFour) {
  quorum_queue("q");
  peer(0).publish({.body = "three", .priority = 3});
  peer(0).publish({.body = "none", .priority = std::nullopt});
  peer(0).publish({.body = "five", .priority = 5});
  peer(0).publish({.body = "255", .priority = 255});
  EXPECT_THAT(drain(), ElementsAre("255", "five", "none", "three"));
}

TEST_P(QueueTest, AReturnedMessageKeepsItsPriority) {
  queue("q", {{"x-max-priority", number(9)}});
  for (const int priority : {3, 7, 3, 7}) {
    peer(0).publish(
        {.body = std::to_string(priority), .priority = static_cast<std::uint8_t>(priority)});
  }
  peer(2).consume("q");
  ASSERT_THAT(peer(2).deliveries, SizeIs(4));
  peer(2).cancel(peer(2).consumer);
  peer(2).settle_all(Settle::kRequeue);
  peer(0).publish({.body = "5", .priority = 5});
  EXPECT_THAT(drain(), ElementsAre("7", "7", "5", "3", "3"));
}

// --- length -------------------------------------------------------------------------------------

TEST_P(QueueTest, OverItsLengthTheOldestGoesAndThePublisherHearsOfSuccess) {
  queue("q", {{"x-max-length", number(2)}});
  publish({"1", "2", "3", "4"});
  EXPECT_THAT(drain(), ElementsAre("3", "4"));
}

TEST_P(QueueTest, ALengthInBytesCountsBodies) {
  queue("q", {{"x-max-length-bytes", number(10)}});
  publish({"12345", "67890"});
  EXPECT_EQ(ready(), 2u);
  publish({"x"});
  EXPECT_THAT(drain(), ElementsAre("67890", "x"));
  publish({"longer than all"});
  EXPECT_EQ(ready(), 0u);
}

TEST_P(QueueTest, AFullQueueThatRejectsTakesAgainWhenItHasRoom) {
  queue("q", {{"x-max-length", number(1)}, {"x-overflow", text("reject-publish")}});
  EXPECT_EQ(peer(0).publish({.body = "1"}), "ack");
  EXPECT_EQ(peer(0).publish({.body = "2"}), "nack");
  EXPECT_EQ(peer(2).publish({.body = "3"}), "nack");
  EXPECT_THAT(drain(), ElementsAre("1"));
  EXPECT_EQ(peer(0).publish({.body = "4"}), "ack");
}

TEST_P(QueueTest, RejectPublishDlxRefusesAndDeadLetters) {
  queue("dead", {}, 2);
  queue("q", {{"x-max-length", number(1)},
              {"x-overflow", text("reject-publish-dlx")},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  EXPECT_EQ(peer(0).publish({.body = "1"}), "ack");
  EXPECT_EQ(peer(0).publish({.body = "2"}), "nack");
  EXPECT_THAT(drain("q"), ElementsAre("1"));
  EXPECT_EQ(peer(0).get("dead", false), "2");
  EXPECT_EQ(header_got("x-first-death-reason"), "maxlen");
  EXPECT_EQ(header_got("x-first-death-queue"), "q");
}

TEST_P(QueueTest, AQuorumQueueDoesNotKnowRejectPublishDlxAndDropsItsHead) {
  quorum_queue("q", {{"x-max-length", number(1)}, {"x-overflow", text("reject-publish-dlx")}});
  publish({"1", "2"});
  EXPECT_THAT(drain(), ElementsAre("2"));
}

TEST_P(QueueTest, WhatIsLentDoesNotCountTowardsTheLength) {
  queue("q", {{"x-max-length", number(2)}, {"x-overflow", text("reject-publish")}});
  peer(2).consume("q", {.prefetch = 3});
  publish({"1", "2", "3", "4", "5"});
  EXPECT_EQ(peer(0).publish({.body = "6"}), "nack");
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2", "3"));
}

TEST_P(QueueTest, WhatComesTogetherIsLimitedAsIfItCameOneByOne) {
  queue("q", {{"x-max-length", number(1)}, {"x-overflow", text("reject-publish")}});
  peer(2).consume("q", {.prefetch = 3});
  for (const char* body : {"1", "2", "3", "4", "5"}) peer(0).send({.body = body});
  cluster_.run();
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(ready(), 1u);
  EXPECT_EQ(peer(0).confirms[4], "ack");
  EXPECT_EQ(peer(0).confirms[5], "nack");
}

TEST_P(QueueTest, AConsumerGetsMessagesOfAQueueThatMayHoldNone) {
  queue("q", {{"x-max-length", number(0)}});
  peer(2).consume("q");
  publish({"1", "2"});
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2"));
  peer(2).cancel(peer(2).consumer);
  publish({"3"});
  EXPECT_EQ(ready(), 0u);
}

TEST_P(QueueTest, MessagesThatReturnToAFullQueuePushOutItsHead) {
  queue("q", {{"x-max-length", number(2)}});
  publish({"1", "2"});
  peer(2).consume("q", {.prefetch = 2});
  publish({"3", "4"});
  peer(2).cancel(peer(2).consumer);
  peer(2).settle_all(Settle::kRequeue);
  EXPECT_THAT(drain(), ElementsAre("3", "4"));
}

TEST_P(QueueTest, ATightenedLengthHoldsForWhatIsThereAndIsCutInSlices) {
  queue("q");
  publish_many(5000);
  const std::int64_t before = cluster_.message_bytes();
  set_policy({{"max-length", number(10)}});
  EXPECT_EQ(ready(), 10u);
  EXPECT_EQ(cluster_.message_bytes(), before / 500);
  clear_policies();
  publish_many(5);
  EXPECT_EQ(ready(), 15u);
}

// --- time to live -------------------------------------------------------------------------------

TEST_P(QueueTest, AMessageLivesAsLongAsTheShorterOfItsOwnTimeAndTheQueues) {
  queue("q", {{"x-message-ttl", number(100)}});
  peer(0).publish({.body = "short", .ttl_ms = 50});
  peer(0).publish({.body = "long", .ttl_ms = 1000});
  cluster_.pass(49);
  EXPECT_EQ(ready(), 2u);
  cluster_.pass(1);
  EXPECT_EQ(ready(), 1u);
  cluster_.pass(49);
  EXPECT_EQ(ready(), 1u);
  cluster_.pass(1);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(QueueTest, AnExpiredMessageBehindALivingOneIsNeverDelivered) {
  queue("q");
  peer(0).publish({.body = "lives"});
  peer(0).publish({.body = "expires", .ttl_ms = 10});
  peer(0).publish({.body = "lives too"});
  cluster_.pass(11);
  EXPECT_THAT(drain(), ElementsAre("lives", "lives too"));
}

TEST_P(QueueTest, TimeToLiveZeroMeansNowOrNever) {
  queue("q");
  EXPECT_EQ(peer(0).publish({.body = "never", .ttl_ms = 0}), "ack");
  EXPECT_EQ(ready(), 0u);
  peer(2).consume("q", {.prefetch = 1});
  EXPECT_EQ(peer(0).publish({.body = "now", .ttl_ms = 0}), "ack");
  EXPECT_EQ(peer(0).publish({.body = "no credit", .ttl_ms = 0}), "ack");
  EXPECT_EQ(ready(), 0u);
  EXPECT_THAT(peer(2).take(), ElementsAre("now"));
}

TEST_P(QueueTest, WhatIsLentDoesNotExpireButWhenItReturns) {
  queue("dead", {}, 2);
  queue("q", {{"x-message-ttl", number(10)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  publish({"kept", "returned"});
  peer(2).consume("q");
  cluster_.pass(100);
  ASSERT_THAT(peer(2).deliveries, SizeIs(2));
  EXPECT_EQ(ready("dead"), 0u);
  peer(2).cancel(peer(2).consumer);
  peer(2).settle(peer(2).deliveries[0], Settle::kAck);
  peer(2).settle(peer(2).deliveries[1], Settle::kRequeue);
  EXPECT_EQ(peer(0).get("dead", false), "returned");
  EXPECT_EQ(header_got("x-last-death-reason"), "expired");
}

TEST_P(QueueTest, ATimeToLiveOfAPolicyCountsFromWhenTheMessageCame) {
  queue("q");
  publish({"1"});
  cluster_.pass(60);
  set_policy({{"message-ttl", number(100)}});
  EXPECT_EQ(ready(), 1u);
  cluster_.pass(39);
  EXPECT_EQ(ready(), 1u);
  cluster_.pass(1);
  EXPECT_EQ(ready(), 0u);
}

TEST_P(QueueTest, TimesOfAPolicyThatAreTooLongToCountNeverEnd) {
  queue("q");
  publish({"1"});
  set_policy({{"message-ttl", number(INT64_MAX)}, {"expires", number(INT64_MAX)}});
  cluster_.pass(1000);
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_P(QueueTest, ManyThatExpireAtOnceGoAndOneBehindThemIsThere) {
  queue("q");
  publish_many(4500, {.body = "dies", .ttl_ms = 10});
  publish({"lives"});
  cluster_.pass(10);
  EXPECT_EQ(ready(), 1u);
  EXPECT_THAT(drain(), ElementsAre("lives"));
}

TEST_P(QueueTest, AMassExpiryDoesNotTakeOneTurnOnly) {
  queue("q");
  publish_many(5000, {.body = "dies", .ttl_ms = 10});
  const std::int64_t before = cluster_.message_bytes();
  cluster_.move_clock(10);
  cluster_.turn(cluster_.shard(1).self());
  EXPECT_GE(cluster_.message_bytes(), before / 5) << "a slice is 2000 messages";
  cluster_.run();
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(QueueTest, AGetInTheMiddleOfAMassExpiryFindsTheLivingMessage) {
  queue("q");
  publish_many(9000, {.body = "dies", .ttl_ms = 10});
  publish({"lives"});
  cluster_.move_clock(10);
  EXPECT_EQ(peer(1).get("q"), "lives");
}

// --- expiry of the queue ------------------------------------------------------------------------

TEST_P(QueueTest, AQueueThatNobodyUsesGoesWithItsMessages) {
  queue("q", {{"x-expires", number(100)}});
  publish({"1"});
  cluster_.pass(99);
  EXPECT_NE(cluster_.message_bytes(), 0);
  cluster_.pass(1);
  EXPECT_FALSE(exists("q"));
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(QueueTest, GetsAndDeclaresKeepAnExpiringQueueButPublishesDoNot) {
  queue("q", {{"x-expires", number(100)}});
  for (int i = 0; i < 3; ++i) {
    cluster_.pass(60);
    EXPECT_EQ(peer(0).get("q"), "empty");
    cluster_.pass(60);
    queue("q", {{"x-expires", number(100)}}, 2);
  }
  cluster_.pass(60);
  publish({"no use"});
  cluster_.pass(40);
  EXPECT_FALSE(exists("q"));
}

TEST_P(QueueTest, AConsumerKeepsAnExpiringQueueUntilItLeaves) {
  queue("q", {{"x-expires", number(100)}});
  peer(2).consume("q");
  cluster_.pass(1000);
  EXPECT_EQ(peer(2).publish({.body = "there"}), "ack");
  peer(2).cancel(peer(2).consumer);
  cluster_.pass(99);
  EXPECT_THAT(peer(2).take(), ElementsAre("there"));
  cluster_.pass(1);
  EXPECT_FALSE(exists("q"));
}

TEST_P(QueueTest, AnExpiryByPolicyCountsFromTheLastUse) {
  queue("q");
  cluster_.pass(60);
  set_policy({{"expires", number(100)}});
  cluster_.pass(39);
  EXPECT_NE(cluster_.shard(0).topology().queue_count(), 0u);
  cluster_.pass(1);
  EXPECT_EQ(cluster_.shard(0).topology().queue_count(), 0u);
}

// --- deduplication ------------------------------------------------------------------------------

TEST_P(QueueTest, ADeduplicatingQueueTakesAnIdOnceAndConfirmsBoth) {
  queue("q", {{"x-message-deduplication", Value::boolean(true)}, {"x-cache-ttl", number(100)}});
  const auto send = [&](const char* body, const char* id) {
    return peer(0).publish({.body = body, .headers = {{"x-deduplication-header", text(id)}}});
  };
  EXPECT_EQ(send("1", "a"), "ack");
  EXPECT_EQ(send("again", "a"), "ack");
  EXPECT_EQ(send("2", "b"), "ack");
  publish({"without"});
  publish({"without"});
  EXPECT_THAT(drain(), ElementsAre("1", "2", "without", "without"));
  EXPECT_EQ(send("still known", "a"), "ack");
  cluster_.pass(101);
  EXPECT_EQ(send("forgotten", "a"), "ack");
  EXPECT_THAT(drain(), ElementsAre("forgotten"));
}

// --- together -----------------------------------------------------------------------------------

TEST_P(QueueTest, CountersTellWhatHappened) {
  queue("q");
  publish({"1", "2", "3", "4"});
  EXPECT_EQ(peer(0).get("q", true), "1");
  EXPECT_EQ(peer(0).get("q", false), "2");
  peer(2).consume("q");
  peer(2).settle(peer(2).deliveries[0], Settle::kAck);
  peer(2).settle(peer(2).deliveries[1], Settle::kRequeue);
  peer(2).cancel(peer(2).consumer);
  Shard& home = cluster_.shard(1);
  QueueEntry* entry = home.topology().queue(*home.topology().vhost("/"), "q");
  ASSERT_NE(entry->local, nullptr);
  const QueueCounters& counters = entry->local->counters();
  EXPECT_EQ(counters.publish, 4u);
  EXPECT_EQ(counters.get_no_ack, 1u);
  EXPECT_EQ(counters.get, 1u);
  EXPECT_EQ(counters.deliver, 3u);
  EXPECT_EQ(counters.redeliver, 1u);
  EXPECT_EQ(counters.ack, 1u);
  EXPECT_EQ(entry->local->unacked(), 2u);
}

}  // namespace
}  // namespace polymq::engine
