// Promises of queues with groups.
#include <gmock/gmock.h>

#include "engine/testing/groups_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

INSTANTIATE_TEST_SUITE_P(On, QueueGroupsTest, kShardCounts);

// --- polls --------------------------------------------------------------------------------------
TEST_P(QueueGroupsTest, APollTakesAllItCanOfOneGroupAndThenOfOthers) {
  groups();
  send({"a1", "b1", "a2", "b2", "a3"});
  EXPECT_THAT(receive({.most = 4, .lease_ms = 1000}), ElementsAre("a1", "a2", "a3", "b1"));
  EXPECT_THAT(receive(), IsEmpty()) << "b is locked";
  EXPECT_EQ(ready(), 1u);
}

TEST_P(QueueGroupsTest, ALaterPollGetsNothingOfALockedGroupUntilAllOfItIsDone) {
  groups();
  send({"a1", "a2", "a3", "b1"});
  EXPECT_THAT(receive({.most = 2, .lease_ms = 1000}), ElementsAre("a1", "a2"));
  Receiver other(peer(2));
  EXPECT_THAT(other.receive("q", kTen), ElementsAre("b1"));
  EXPECT_EQ(settle(1), TokenEnd::kDone) << "one in the middle";
  EXPECT_THAT(other.receive("q", kTen), IsEmpty());
  EXPECT_EQ(settle(0), TokenEnd::kDone);
  EXPECT_THAT(other.receive("q", kTen), ElementsAre("a3"));
}

TEST_P(QueueGroupsTest, AfterItsTimeAGroupGoesOnWithTheFirstThatIsNotDone) {
  groups();
  send({"a1", "a2", "a3", "a4"});
  EXPECT_THAT(receive({.most = 3, .lease_ms = 1000}), ElementsAre("a1", "a2", "a3"));
  EXPECT_EQ(settle(1), TokenEnd::kDone);
  cluster_.pass(1000);
  EXPECT_THAT(receive(), ElementsAre("a1", "a3", "a4"));
}

TEST_P(QueueGroupsTest, WhatIsMadeVisibleComesBeforeWhatWasBehindIt) {
  groups();
  send({"a1", "a2", "a3"});
  EXPECT_THAT(receive({.most = 2, .lease_ms = 1000}), ElementsAre("a1", "a2"));
  EXPECT_EQ(receiver_.extend("q", receiver_.items[0].token, 0), TokenEnd::kDone);
  Receiver other(peer(1));
  EXPECT_THAT(other.receive("q", kTen), IsEmpty()) << "a2 is still out";
  EXPECT_EQ(receiver_.extend("q", receiver_.items[1].token, 0), TokenEnd::kDone);
  EXPECT_THAT(other.receive("q", kTen), ElementsAre("a1", "a2", "a3"));
}

TEST_P(QueueGroupsTest, WhoWaitsIsServedWhenAGroupIsFree) {
  groups();
  send({"a1", "a2", "b1", "b2"});
  EXPECT_THAT(receive({.most = 1, .lease_ms = 1000}), ElementsAre("a1"));
  Receiver second(peer(0));
  EXPECT_THAT(second.receive("q", {.most = 1, .lease_ms = 300}), ElementsAre("b1"));
  Receiver waiting(peer(1));
  Receiver patient(peer(1));
  waiting.receive("q", {.most = 10, .wait_ms = 2000, .lease_ms = 5000});
  patient.receive("q", {.most = 10, .wait_ms = 2000, .lease_ms = 5000});
  EXPECT_THAT(waiting.take(), ElementsAre("no answer"));
  EXPECT_EQ(settle(0), TokenEnd::kDone);
  EXPECT_THAT(waiting.take(), ElementsAre("a2"));
  EXPECT_THAT(patient.take(), ElementsAre("no answer"));
  cluster_.pass(300);
  EXPECT_THAT(patient.take(), ElementsAre("b1", "b2"));
}

TEST_P(QueueGroupsTest, APollThatWasAnsweredHoldsItsGroupButGetsNoMore) {
  groups();
  send({"a1"});
  receiver_.reads = false;
  EXPECT_THAT(receive(), ElementsAre("a1"));
  send({"a2", "b1"});
  EXPECT_EQ(ready(), 2u);
  Receiver other(peer(2));
  EXPECT_THAT(other.receive("q", kTen), ElementsAre("b1"));
  disconnect(2);
  Receiver third(peer(1));
  EXPECT_THAT(third.receive("q", kTen), ElementsAre("a1", "a2")) << "it never got there";
  connect(2);
}

TEST_P(QueueGroupsTest, AMessageWithoutAGroupIsNeverHeldUp) {
  groups();
  send({"-1", "a1", "-2", "a2", "-3"});
  EXPECT_THAT(receive({.most = 2, .lease_ms = 1000}), ElementsAre("-1", "a1"));
  Receiver other(peer(2));
  EXPECT_THAT(other.receive("q", kTen), ElementsAre("-2", "-3"));
}

TEST_P(QueueGroupsTest, AHundredThousandMessagesOfALockedGroupHideNothing) {
  groups();
  const Post of_a = post("a");
  publish_many(100'000, of_a);
  send({"b1"});
  EXPECT_THAT(receive(kOne), ElementsAre("a"));
  EXPECT_THAT(receive(kOne), ElementsAre("b1"));
  EXPECT_EQ(ready(), 99'999u);
}

TEST_P(QueueGroupsTest, WhatIsBehindTheWindowComesWhenThereIsRoom) {
  groups();
  publish_many(GroupWindow::kMessages + 1, post("a"));
  send({"b1"});
  EXPECT_THAT(receive(kOne), ElementsAre("a"));
  Receiver other(peer(1));
  EXPECT_THAT(other.receive("q", kOne), IsEmpty()) << "as many of a are before it";
  EXPECT_EQ(settle(0), TokenEnd::kDone);
  EXPECT_THAT(receive(kOne), ElementsAre("a"));
  EXPECT_THAT(other.receive("q", kOne), ElementsAre("b1"));
}

// --- consumers ----------------------------------------------------------------------------------
TEST_P(QueueGroupsTest, AGroupBelongsToAConsumerWhileItHoldsSomethingOfIt) {
  groups();
  EXPECT_EQ(peer(1).consume("q", {.prefetch = 2}), "");
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 2}), "");
  send({"a1", "b1", "a2", "b2", "a3"});
  EXPECT_THAT(peer(1).heard, ElementsAre("a1", "a2"));
  EXPECT_THAT(peer(2).heard, ElementsAre("b1", "b2"));
  peer(2).settle_all(Settle::kAck);
  EXPECT_THAT(peer(2).heard, ElementsAre("b1", "b2")) << "a is not free";
  peer(1).settle(peer(1).deliveries[0], Settle::kAck);
  EXPECT_THAT(peer(1).heard, ElementsAre("a1", "a2", "a3"));
}

TEST_P(QueueGroupsTest, AFreeGroupGoesToWhoeverIsNext) {
  groups();
  EXPECT_EQ(peer(1).consume("q", {.prefetch = 1}), "");
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 1}), "");
  send({"a1", "a2"});
  EXPECT_THAT(peer(1).heard, ElementsAre("a1"));
  EXPECT_THAT(peer(2).heard, IsEmpty());
  peer(1).settle_all(Settle::kAck);
  EXPECT_THAT(peer(2).heard, ElementsAre("a2"));
}

TEST_P(QueueGroupsTest, WhatAConsumerReturnsComesFirstInItsGroup) {
  groups();
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 3}), "");
  send({"a1", "a2", "a3", "a4"});
  EXPECT_THAT(peer(2).take(), ElementsAre("a1", "a2", "a3"));
  const auto consumer = peer(2).consumer;
  peer(2).session.settle(consumer, 2, 2, Settle::kRequeue);
  peer(2).session.settle(consumer, 1, 1, Settle::kRequeue);
  peer(2).session.flush();
  cluster_.run();
  EXPECT_THAT(peer(2).take(), ElementsAre("a1 again", "a2 again"));
}

TEST_P(QueueGroupsTest, WhatAConsumerLeavesComesBackInOrder) {
  groups();
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 10}), "");
  send({"a1", "b1", "a2", "b2", "a3"});
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(peer(1).consume("q"), "");
  disconnect(2);
  EXPECT_THAT(peer(1).take(),
              ElementsAre("a1 again", "b1 again", "a2 again", "b2 again", "a3 again"));
  connect(2);
}

TEST_P(QueueGroupsTest, ACancelledConsumerKeepsItsGroupsUntilItIsDoneWithThem) {
  groups();
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 1}), "");
  send({"a1", "a2"});
  peer(2).cancel(peer(2).consumer);
  EXPECT_EQ(peer(0).get("q"), "empty");
  peer(2).settle_all(Settle::kAck);
  EXPECT_EQ(peer(0).get("q"), "a2");
}

TEST_P(QueueGroupsTest, AGetHoldsItsGroupAndGetsNoMoreOfIt) {
  groups();
  send({"a1", "a2", "b1"});
  EXPECT_EQ(peer(0).get("q", false), "a1");
  const GotMessage got = *peer(0).got;
  EXPECT_EQ(peer(0).get("q", false), "b1");
  EXPECT_EQ(peer(0).get("q", false), "empty");
  peer(0).session.settle(got.consumer, got.lease, got.lease, Settle::kAck);
  peer(0).session.flush();
  cluster_.run();
  EXPECT_EQ(peer(0).get("q", false), "a2");
}

TEST_P(QueueGroupsTest, WithoutAcknowledgementsNothingIsHeldForLong) {
  groups();
  send({"a1", "b1", "a2"});
  EXPECT_THAT(drain(), ElementsAre("a1", "b1", "a2"));
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  send({"a3", "a4", "b2"});
  EXPECT_THAT(peer(2).take(), ElementsAre("a3", "a4", "b2"));
}

TEST_P(QueueGroupsTest, SingleActiveAndExclusiveConsumersHaveAllGroups) {
  groups({{"x-single-active-consumer", Value::boolean(true)}});
  EXPECT_EQ(peer(1).consume("q", {.prefetch = 2}), "");
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 2}), "");
  send({"a1", "b1", "a2", "b2"});
  EXPECT_THAT(peer(1).heard, ElementsAre("a1", "b1"));
  EXPECT_THAT(peer(2).heard, IsEmpty());
  peer(1).cancel(peer(1).consumer);
  EXPECT_THAT(peer(2).heard, IsEmpty()) << "both groups are still held";
  peer(1).settle_all(Settle::kAck);
  EXPECT_THAT(peer(2).heard, ElementsAre("a2", "b2"));
}

TEST_P(QueueGroupsTest, AHigherConsumerPriorityDoesNotStopTheOthers) {
  groups();
  EXPECT_EQ(peer(1).consume("q", {.prefetch = 1}), "");
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 10, .priority = 5}), "");
  EXPECT_EQ(peer(0).consume("q", {.prefetch = 1, .priority = 3}), "");
  send({"a1"});
  EXPECT_THAT(peer(2).heard, ElementsAre("a1"));
  peer(2).cancel(peer(2).consumer);
  send({"a2", "b1", "c1"});
  EXPECT_THAT(peer(0).heard, ElementsAre("b1"));
  EXPECT_THAT(peer(1).heard, ElementsAre("c1"));
}

TEST_P(QueueGroupsTest, AChannelWidePrefetchIsNotUsedUpByWhatCannotBeHad) {
  groups();
  EXPECT_EQ(peer(1).consume("q", {.prefetch = 1}), "");
  send({"a1", "a2"});
  peer(2).session.set_shared_prefetch(1);
  EXPECT_EQ(peer(2).consume("q"), "");
  EXPECT_THAT(peer(2).heard, IsEmpty());
  queue("other");
  EXPECT_EQ(peer(2).consume("other", {}, 1), "");
  publish({"x"}, "other");
  EXPECT_THAT(peer(2).heard, ElementsAre("x"));
  peer(1).cancel(peer(1).consumer);
  peer(1).settle_all(Settle::kRequeue);
  EXPECT_THAT(peer(2).heard, ElementsAre("x"));
  peer(2).settle_all(Settle::kAck);
  EXPECT_THAT(peer(2).heard, ElementsAre("x", "a1"));
}

// --- what waits, expires and goes ---------------------------------------------------------------
TEST_P(QueueGroupsTest, ADelayedMessageHoldsUpItsGroup) {
  groups();
  Post late = post("a1");
  late.delay_ms = 500;
  EXPECT_EQ(peer(0).publish(late), "ack");
  send({"a2", "b1"});
  EXPECT_THAT(receive(), ElementsAre("b1"));
  Receiver waiting(peer(1));
  waiting.receive("q", {.most = 10, .wait_ms = 1000, .lease_ms = 1000});
  EXPECT_THAT(waiting.take(), ElementsAre("no answer"));
  cluster_.pass(500);
  EXPECT_THAT(waiting.take(), ElementsAre("a1", "a2"));
}

TEST_P(QueueGroupsTest, AMessageThatWaitsToBeTriedAgainHoldsUpItsGroup) {
  quorum_groups({{"x-delayed-retry-type", text("all")}, {"x-delayed-retry-min", number(300)}});
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 2}), "");
  send({"a1", "a2", "a3", "b1"});
  EXPECT_THAT(peer(2).take(), ElementsAre("a1", "a2"));
  const auto consumer = peer(2).consumer;
  peer(2).session.settle(consumer, 1, 1, Settle::kFail);
  peer(2).session.flush();
  cluster_.run();
  EXPECT_THAT(peer(2).take(), ElementsAre("b1")) << "a3 is behind a1";
  peer(2).session.settle(consumer, 2, 2, Settle::kAck);
  peer(2).session.flush();
  cluster_.pass(299);
  EXPECT_THAT(peer(2).take(), IsEmpty());
  cluster_.pass(1);
  EXPECT_THAT(peer(2).take(), ElementsAre("a1 again"));
}

TEST_P(QueueGroupsTest, ExpiredMessagesAreNotHandedOutAndTheirGroupGoesOn) {
  groups();
  Post brief = post("b1");
  brief.ttl_ms = 100;
  send({"a1", "a2"});
  EXPECT_EQ(peer(0).publish(brief), "ack");
  send({"b2"});
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  cluster_.pass(101);
  EXPECT_THAT(receive(kOne), ElementsAre("b2"));
  EXPECT_EQ(ready(), 1u);
}

TEST_P(QueueGroupsTest, WhatExpiresIsDroppedThoughItsGroupIsLocked) {
  groups({{"x-message-ttl", number(500)}});
  send({"a1", "a2"});
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  cluster_.pass(500);
  EXPECT_EQ(ready(), 0u);
  send({"a3"});
  EXPECT_EQ(settle(0), TokenEnd::kDone);
  EXPECT_THAT(receive(), ElementsAre("a3"));
}

TEST_P(QueueGroupsTest, RetentionTakesWhatIsOutWhenItComesBack) {
  groups({{"x-message-retention", number(800)}});
  send({"a1", "a2"});
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  cluster_.pass(500);
  send({"a3"});
  cluster_.pass(500);
  EXPECT_THAT(receive(), ElementsAre("a3"));
}

TEST_P(QueueGroupsTest, AFullQueueDropsItsOldestReadyMessage) {
  groups({{"x-max-length", number(2)}});
  send({"a1", "a2", "b1"});
  EXPECT_THAT(receive(kOne), ElementsAre("a2"));
  send({"a3", "a4"});
  EXPECT_EQ(ready(), 2u) << "b1 went";
  EXPECT_EQ(settle(0), TokenEnd::kDone);
  EXPECT_THAT(receive(), ElementsAre("a3", "a4"));
}

TEST_P(QueueGroupsTest, ARejectedMessageGoesAndTheNextOneComes) {
  queue("dead");
  groups({{"x-dead-letter-exchange", text("")}, {"x-dead-letter-routing-key", text("dead")}});
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 1}), "");
  send({"a1", "a2", "a3"});
  for (int i = 0; i < 3; ++i) peer(2).settle_all(Settle::kDiscard);
  EXPECT_THAT(peer(2).heard, ElementsAre("a1", "a2", "a3"));
  EXPECT_THAT(drain("dead"), ElementsAre("a1", "a2", "a3"));
}

TEST_P(QueueGroupsTest, AfterTooManyHandOutsAMessageNoLongerHoldsUpItsGroup) {
  queue("dead");
  groups({{"x-receive-limit", number(2)},
          {"x-dead-letter-exchange", text("")},
          {"x-dead-letter-routing-key", text("dead")}});
  send({"a1", "a2"});
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(receive(kOne), ElementsAre("a1"));
    cluster_.pass(1000);
  }
  EXPECT_THAT(receive(kOne), ElementsAre("a2"));
  EXPECT_THAT(drain("dead"), ElementsAre("a1"));
}

TEST_P(QueueGroupsTest, WhatWasHandedOutTooOftenWaitsForItsTurnToDie) {
  queue("dead");
  groups({{"x-receive-limit", number(2)},
          {"x-dead-letter-exchange", text("")},
          {"x-dead-letter-routing-key", text("dead")}});
  send({"a1", "a2", "b1"});
  EXPECT_THAT(receive({.most = 2, .lease_ms = 1000}), ElementsAre("a1", "a2"));
  receiver_.settle("q", receiver_.items[0].token, Freshness::kCurrent, Settle::kUnwritten);
  cluster_.pass(1000);
  EXPECT_THAT(receive({.most = 2, .lease_ms = 1000}), ElementsAre("a1", "a2"));
  cluster_.pass(1000);
  EXPECT_EQ(ready("dead"), 0u) << "a1 is before it, and has been out only once";
  EXPECT_THAT(receive(kTen), ElementsAre("a1", "b1")) << "others are not held up";
  EXPECT_EQ(receiver_.settle("q", receiver_.items[0].token), TokenEnd::kDone);
  EXPECT_THAT(drain("dead"), ElementsAre("a2"));
}

TEST_P(QueueGroupsTest, WhatWasHandedOutTooOftenAndCannotGoIsHandedOutOnceMore) {
  groups({{"x-receive-limit", number(1)},
          {"x-dead-letter-exchange", text("")},
          {"x-dead-letter-routing-key", text("missing")},
          {"x-dead-letter-unroutable", text("keep")}});
  send({"a1", "a2"});
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(receive(kOne), ElementsAre("a1"));
    cluster_.pass(1000);
  }
}

TEST_P(QueueGroupsTest, AGroupGoesOnWhenWhatNeedsNoAcknowledgementWasWritten) {
  groups();
  send({"a1", "a2"});
  std::optional<GotMessage> got;
  peer(1).session.get("q", true, [&got](EngineResult<std::optional<GotMessage>> result) {
    if (result) got = *result;
  });
  cluster_.run();
  ASSERT_TRUE(got);
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 1}), "");
  EXPECT_THAT(peer(2).heard, IsEmpty());
  Client& client = peer(1).connection.client;
  client.written(got->consumer, got->lease, got->item.message->footprint());
  client.flush();
  cluster_.run();
  EXPECT_THAT(peer(2).heard, ElementsAre("a2"));
}

TEST_P(QueueGroupsTest, AConsumerUnderAChannelWidePrefetchIsHandedWhatWasThereBefore) {
  groups();
  send({"a1"});
  peer(2).session.set_shared_prefetch(1);
  EXPECT_EQ(peer(2).consume("q"), "");
  EXPECT_THAT(peer(2).heard, ElementsAre("a1"));
}

TEST_P(QueueGroupsTest, AGroupOutlivesAMoveToAnotherQueueWithGroups) {
  queue("dead", {{"x-message-groups", text("exclusive")}});
  groups({{"x-message-ttl", number(100)},
          {"x-dead-letter-exchange", text("")},
          {"x-dead-letter-routing-key", text("dead")}});
  send({"a1", "a2", "b1"});
  cluster_.pass(100);
  EXPECT_THAT(receiver_.receive("dead", kOne), ElementsAre("a1"));
  EXPECT_THAT(receiver_.receive("dead", kTen), ElementsAre("b1"));
}

TEST_P(QueueGroupsTest, PurgingLeavesWhatIsOutAndItsLock) {
  groups();
  send({"a1", "a2", "b1"});
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  EXPECT_EQ(peer(1).purge("q"), "");
  EXPECT_EQ(peer(1).count, 2u);
  send({"a3", "b2"});
  Receiver other(peer(1));
  EXPECT_THAT(other.receive("q", kOne), ElementsAre("b2"));
  cluster_.pass(1000);
  EXPECT_THAT(other.receive("q", kTen), ElementsAre("a1", "a3", "b2"));
}

TEST_P(QueueGroupsTest, PurgingEverythingLeavesNoLock) {
  groups();
  Post late = post("b1");
  late.delay_ms = 500;
  EXPECT_EQ(peer(0).publish(late), "ack");
  send({"a1", "a2"});
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  peer(1).session.purge_queue(
      "q", [](EngineResult<std::uint64_t> purged) { EXPECT_EQ(purged.value(), 3u); },
      PurgeQueue{.everything = true});
  cluster_.run();
  send({"a3", "b2"});
  EXPECT_THAT(receive(), ElementsAre("a3", "b2"));
}

TEST_P(QueueGroupsTest, OfAQuorumQueuePrioritiesDoNotCount) {
  quorum_groups();
  for (const auto& [body, priority] : {std::pair{"a1", 1}, {"a2", 9}, {"b1", 9}}) {
    Post one = post(body);
    one.priority = static_cast<std::uint8_t>(priority);
    EXPECT_EQ(peer(0).publish(one), "ack");
  }
  EXPECT_THAT(receive(), ElementsAre("a1", "a2", "b1"));
}

}  // namespace
}  // namespace polymq::engine
