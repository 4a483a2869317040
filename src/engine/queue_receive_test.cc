// Promises to clients without a channel: polls, and leases that end by themselves.
#include <gmock/gmock.h>

#include "engine/testing/receiver.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class QueueReceiveTest : public AnyShardsTest {
 protected:
  static constexpr ReceiveOptions kTen{.most = 10, .lease_ms = 1000};
  Receiver receiver_{peer(2)};
};
INSTANTIATE_TEST_SUITE_P(On, QueueReceiveTest, kShardCounts);

// --- receiving ----------------------------------------------------------------------------------
TEST_P(QueueReceiveTest, WhatThereIsComesAtOnceUpToWhatWasAskedFor) {
  queue("q");
  EXPECT_THAT(receiver_.receive("q", kTen), IsEmpty());
  publish({"1", "2", "3"});
  EXPECT_THAT(receiver_.receive("q", {.most = 2, .lease_ms = 1000}), ElementsAre("1", "2"));
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("3"));
  EXPECT_THAT(receiver_.receive("q", kTen), IsEmpty());
  EXPECT_EQ(ready(), 0u);
}

TEST_P(QueueReceiveTest, AnAnswerIsNotMuchLargerThanAMebibyte) {
  queue("q");
  const std::string large(600 * 1024, 'x');
  publish({large, large, "3", large});
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre(large, large));
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("3", large));
}

TEST_P(QueueReceiveTest, WhoWaitsIsAnsweredWhenSomethingComes) {
  queue("q");
  EXPECT_THAT(receiver_.receive("q", {.most = 10, .wait_ms = 500, .lease_ms = 1000}),
              ElementsAre("no answer"));
  cluster_.pass(400);
  publish({"1"});
  EXPECT_THAT(receiver_.take(), ElementsAre("1"));
}

TEST_P(QueueReceiveTest, WhoWaitsInVainGoesWhenTheTimeIsUp) {
  queue("q");
  receiver_.receive("q", {.wait_ms = 500, .lease_ms = 1000});
  cluster_.pass(499);
  EXPECT_THAT(receiver_.take(), ElementsAre("no answer"));
  cluster_.pass(1);
  EXPECT_THAT(receiver_.take(), IsEmpty());
  publish({"1"});
  EXPECT_EQ(ready(), 1u) << "it takes no part any more";
}

TEST_P(QueueReceiveTest, ASessionMayEndWithReceivesWhoseTimeHasJustCome) {
  queue("q");
  Receiver other(peer(2));
  receiver_.receive("q", {.wait_ms = 100, .lease_ms = 1000});
  other.receive("q", {.wait_ms = 100, .lease_ms = 1000});
  cluster_.move_clock(100);
  disconnect(2);
  publish({"1"});
  EXPECT_EQ(ready(), 1u);
}

TEST_P(QueueReceiveTest, AGetInTheSameSessionIsNoPartOfAReceive) {
  queue("q");
  publish({"1", "2"});
  receiver_.reads = false;
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("1", "2"));
  publish({"3"});
  EXPECT_EQ(peer(2).get("q", false), "3");
  disconnect(2);
  EXPECT_EQ(ready(), 3u) << "all that was not written is back";
}

TEST_P(QueueReceiveTest, TheLongestWaitingIsServedFirstAndWithAllItAskedFor) {
  queue("q");
  std::vector<Receiver> receivers(3, Receiver(peer(2)));
  for (Receiver& one : receivers) {
    one.ask("q", {.most = 2, .wait_ms = 1000, .lease_ms = 1000});
    cluster_.run();
  }
  for (const char* body : {"1", "2", "3"}) peer(0).send({.body = body});
  cluster_.run();
  EXPECT_THAT(receivers[0].take(), ElementsAre("1", "2"));
  EXPECT_THAT(receivers[1].take(), ElementsAre("3"));
  EXPECT_THAT(receivers[2].take(), ElementsAre("no answer"));
}

TEST_P(QueueReceiveTest, AConsumerAndAPollShareTheQueue) {
  queue("q");
  EXPECT_EQ(peer(1).consume("q"), "");
  receiver_.ask("q", {.most = 10, .wait_ms = 1000, .lease_ms = 1000});
  cluster_.run();
  for (int i = 0; i < 20; ++i) peer(0).send({.body = "x"});
  cluster_.run();
  EXPECT_THAT(receiver_.items, SizeIs(10));
  EXPECT_THAT(peer(1).deliveries, SizeIs(10));
}

TEST_P(QueueReceiveTest, APollCountsAsUseButNotAsAConsumer) {
  queue("q", {{"x-expires", number(1000)}});
  receiver_.receive("q", {.wait_ms = 100, .lease_ms = 0});
  EXPECT_EQ(peer(0).look("q")->consumers, 0u);
  cluster_.pass(900);
  EXPECT_THAT(receiver_.receive("q"), IsEmpty());
  cluster_.pass(900);
  EXPECT_TRUE(exists("q"));
  cluster_.pass(1100);
  EXPECT_FALSE(exists("q"));
}

TEST_P(QueueReceiveTest, AQueueThatSomebodyHasForHimselfGivesNothing) {
  queue("q", {{"x-single-active-consumer", Value::boolean(true)}});
  queue("other");
  EXPECT_EQ(peer(1).consume("other", {.exclusive = true}), "");
  publish({"1"});
  EXPECT_THAT(receiver_.receive("q", kTen), IsEmpty());
  Receiver waiting(peer(2));
  waiting.ask("other", {.most = 10, .wait_ms = 1000, .lease_ms = 1000});
  cluster_.run();
  publish({"2"}, "other");
  EXPECT_THAT(waiting.take(), ElementsAre("no answer"));
  peer(1).cancel(peer(1).consumer);
  peer(1).settle_all(Settle::kRequeue);
  EXPECT_THAT(waiting.take(), ElementsAre("2")) << "the other one has gone";
}

TEST_P(QueueReceiveTest, NothingIsHandedOutWhileTooMuchIs) {
  queue("q");
  publish({"1", "2", "3"});
  EXPECT_THAT(receiver_.receive("q", {.most = 10, .lease_ms = 1000, .most_leased = 2}),
              ElementsAre("1", "2"));
  EXPECT_THAT(receiver_.receive("q", {.most = 10, .lease_ms = 1000, .most_leased = 2}),
              ElementsAre("refused: too many messages are handed out"));
}

TEST_P(QueueReceiveTest, WhoWaitsWhileTooMuchIsOutIsServedWhenThatReturns) {
  queue("q");
  publish({"1", "2", "3", "4"});
  receiver_.receive("q", {.most = 2, .lease_ms = 500, .most_leased = 2});
  const auto out = receiver_.items;
  const ReceiveOptions waits{.most = 10, .wait_ms = 1000, .lease_ms = 5000, .most_leased = 2};
  Receiver first(peer(1));
  Receiver second(peer(0));
  EXPECT_THAT(first.receive("q", waits), ElementsAre("no answer"));
  EXPECT_THAT(second.receive("q", waits), ElementsAre("no answer"));
  EXPECT_EQ(receiver_.settle("q", out[0].token), TokenEnd::kDone);
  EXPECT_THAT(first.take(), ElementsAre("3")) << "there was room for one";
  EXPECT_THAT(second.take(), ElementsAre("no answer"));
  cluster_.pass(500);
  EXPECT_THAT(second.take(), ElementsAre("2")) << "its lease has ended";
}

TEST_P(QueueReceiveTest, WhoWaitsInVainWhileTooMuchIsOutIsNotRefused) {
  queue("q");
  publish({"1", "2"});
  EXPECT_EQ(peer(1).consume("q", {.prefetch = 1}), "");
  receiver_.receive("q", {.wait_ms = 300, .lease_ms = 1000, .most_leased = 1});
  cluster_.pass(299);
  EXPECT_THAT(receiver_.take(), ElementsAre("no answer"));
  cluster_.pass(1);
  EXPECT_THAT(receiver_.take(), IsEmpty());
  receiver_.receive("q", {.wait_ms = 300, .lease_ms = 1000, .most_leased = 1});
  peer(1).cancel(peer(1).consumer);
  peer(1).settle_all(Settle::kAck);
  EXPECT_THAT(receiver_.take(), ElementsAre("2")) << "whoever held the other one";
}

TEST_P(QueueReceiveTest, WhatNeedsNoAcknowledgementIsOutUntilItIsWritten) {
  queue("q");
  peer(1).reads = false;
  EXPECT_EQ(peer(1).consume("q", {.no_ack = true}), "");
  publish({"1"});
  peer(1).cancel(peer(1).consumer);
  receiver_.ask("q", {.wait_ms = 1000, .lease_ms = 1000, .most_leased = 1});
  publish({"2"});
  EXPECT_THAT(receiver_.take(), ElementsAre("no answer"));
  const Channeled::Delivery& delivery = peer(1).deliveries.at(0);
  peer(1).connection.client.written(delivery.consumer, delivery.lease, delivery.bytes);
  peer(1).connection.client.flush();
  cluster_.run();
  EXPECT_THAT(receiver_.take(), ElementsAre("2"));
}

TEST_P(QueueReceiveTest, ThoseWhoWaitAreTogetherNotHandedTooMuch) {
  for (const Fields& arguments : {Fields(), Fields{{"x-message-groups", text("exclusive")}}}) {
    queue("q", arguments);
    std::vector<Receiver> receivers(3, Receiver(peer(2)));
    for (Receiver& one : receivers) {
      one.receive("q", {.most = 2, .wait_ms = 1000, .lease_ms = 5000, .most_leased = 3});
    }
    for (const char* body : {"1", "2", "3", "4"}) peer(0).send({.body = body});
    cluster_.run();
    EXPECT_THAT(receivers[0].take(), ElementsAre("1", "2"));
    EXPECT_THAT(receivers[1].take(), ElementsAre("3"));
    EXPECT_THAT(receivers[2].take(), ElementsAre("no answer"));
    EXPECT_EQ(receiver_.settle("q", receivers[1].items[0].token), TokenEnd::kDone);
    EXPECT_THAT(receivers[2].take(), ElementsAre("4"));
    EXPECT_EQ(peer(1).remove("q"), "");
  }
}

// --- leases -------------------------------------------------------------------------------------
TEST_P(QueueReceiveTest, ALeaseEndsByItselfAndTheMessageReturnsToItsPlace) {
  queue("q");
  publish({"1", "2"});
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 1000}), ElementsAre("1"));
  const WallMs first = receiver_.items[0].first_received;
  EXPECT_EQ(receiver_.items[0].token.acquired, 1u);
  cluster_.pass(999);
  EXPECT_EQ(ready(), 1u);
  cluster_.pass(1);
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("1", "2"));
  EXPECT_EQ(receiver_.items[0].token.acquired, 2u);
  EXPECT_EQ(receiver_.items[0].first_received, first);
  EXPECT_EQ(receiver_.items[1].first_received, first + 1000);
}

TEST_P(QueueReceiveTest, WhoWaitsIsServedWhenALeaseEnds) {
  queue("q");
  publish({"1"});
  receiver_.receive("q", {.lease_ms = 300});
  Receiver waiting(peer(1));
  waiting.receive("q", {.wait_ms = 1000, .lease_ms = 1000});
  cluster_.pass(300);
  EXPECT_THAT(waiting.take(), ElementsAre("1"));
}

TEST_P(QueueReceiveTest, ALeaseOfNoTimeLeavesTheMessageWhereItIs) {
  queue("q");
  publish({"1"});
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 0}), ElementsAre("1"));
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 0}), ElementsAre("1"));
  EXPECT_EQ(receiver_.items[0].token.acquired, 2u);
}

TEST_P(QueueReceiveTest, AnySessionMaySettleByTokenAndOnlyOnce) {
  queue("q");
  publish({"1", "2"});
  receiver_.receive("q", kTen);
  Receiver other(peer(0));
  EXPECT_EQ(other.settle("q", receiver_.items[0].token), TokenEnd::kDone);
  EXPECT_EQ(other.settle("q", receiver_.items[0].token), TokenEnd::kUnknown);
  cluster_.pass(1000);
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("2"));
}

TEST_P(QueueReceiveTest, HowFreshATokenMustBeIsForTheAskerToSay) {
  queue("q");
  publish({"1"});
  receiver_.receive("q", kTen);
  const LeaseToken old = receiver_.items[0].token;
  cluster_.pass(1000);
  EXPECT_EQ(receiver_.settle("q", old, Freshness::kCurrent), TokenEnd::kStale);
  EXPECT_EQ(receiver_.extend("q", old, 500), TokenEnd::kNotLeased);
  receiver_.receive("q", kTen);
  const LeaseToken current = receiver_.items[0].token;
  EXPECT_EQ(receiver_.settle("q", old, Freshness::kCurrent), TokenEnd::kStale);
  EXPECT_EQ(receiver_.settle("q", old, Freshness::kLatest), TokenEnd::kStale);
  EXPECT_EQ(receiver_.settle("q", old, Freshness::kAny), TokenEnd::kDone);
  EXPECT_EQ(receiver_.settle("q", current, Freshness::kCurrent), TokenEnd::kUnknown);
}

TEST_P(QueueReceiveTest, WhatWaitsAgainCanBeTakenOutOfTheMiddle) {
  queue("q");
  publish({"1", "2", "3", "4"});
  receiver_.receive("q", kTen);
  const auto items = receiver_.items;
  cluster_.pass(1000);
  EXPECT_EQ(ready(), 4u);
  EXPECT_EQ(receiver_.settle("q", items[1].token, Freshness::kLatest, Settle::kRequeue),
            TokenEnd::kNotLeased);
  EXPECT_EQ(receiver_.settle("q", items[1].token, Freshness::kLatest), TokenEnd::kDone);
  EXPECT_EQ(receiver_.settle("q", items[0].token), TokenEnd::kDone);
  EXPECT_EQ(ready(), 2u);
  EXPECT_THAT(drain(), ElementsAre("3", "4"));
}

TEST_P(QueueReceiveTest, AConsumersMessageIsNotTakenFromIt) {
  queue("q");
  publish({"1"});
  receiver_.receive("q", {.lease_ms = 100});
  const LeaseToken old = receiver_.items[0].token;
  cluster_.pass(100);
  EXPECT_EQ(peer(1).consume("q"), "");
  ASSERT_THAT(peer(1).deliveries, SizeIs(1));
  EXPECT_EQ(receiver_.settle("q", old), TokenEnd::kStale);
  EXPECT_EQ(receiver_.extend("q", old, 1000), TokenEnd::kStale);
  peer(1).settle_all(Settle::kAck);
  EXPECT_EQ(receiver_.settle("q", old), TokenEnd::kUnknown);
}

TEST_P(QueueReceiveTest, ALeaseCanBePutOffUpToALimitAndEnded) {
  queue("q");
  publish({"1"});
  receiver_.receive("q", {.lease_ms = 1000});
  const LeaseToken token = receiver_.items[0].token;
  cluster_.pass(900);
  EXPECT_EQ(receiver_.extend("q", token, 1000, 2000), TokenEnd::kDone);
  EXPECT_EQ(receiver_.extend("q", token, 1101, 2000), TokenEnd::kOverLimit);
  cluster_.pass(999);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(receiver_.extend("q", token, 0), TokenEnd::kDone);
  EXPECT_EQ(ready(), 1u);
  EXPECT_EQ(receiver_.extend("q", token, 0), TokenEnd::kNotLeased);
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 1000}), ElementsAre("1"));
  cluster_.pass(1000);
  EXPECT_EQ(ready(), 1u) << "the earlier deadline is forgotten";
}

TEST_P(QueueReceiveTest, AnEndedLeaseIsAFailureAndCountsTowardsTheDeliveryLimit) {
  queue("dead");
  quorum_queue("q", {{"x-delivery-limit", number(1)},
                     {"x-dead-letter-exchange", text("")},
                     {"x-dead-letter-routing-key", text("dead")}});
  publish({"1"});
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(receiver_.receive("q", {.lease_ms = 100}), ElementsAre("1"));
    cluster_.pass(100);
  }
  EXPECT_EQ(ready(), 0u);
  EXPECT_THAT(drain("dead"), ElementsAre("1")) << "though nobody asked again";
}

// --- ends ---------------------------------------------------------------------------------------
TEST_P(QueueReceiveTest, WhatWasNotWrittenReturnsAsIfItHadNotBeenHandedOut) {
  queue("q");
  publish({"1", "2"});
  Receiver gone(peer(1));
  gone.reads = false;
  EXPECT_THAT(gone.receive("q", kTen), ElementsAre("1", "2"));
  disconnect(1);
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("1", "2"));
  EXPECT_EQ(receiver_.items[0].token.acquired, 1u);
  connect(1);
}

TEST_P(QueueReceiveTest, WhoWasAnsweredGetsNoMoreThoughThereWasRoom) {
  queue("q");
  publish({"1"});
  receiver_.reads = false;
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("1"));
  publish({"2"});
  EXPECT_EQ(ready(), 1u);
  EXPECT_THAT(drain(), ElementsAre("2"));
}

TEST_P(QueueReceiveTest, WhatWasWrittenStaysLeasedWhenTheClientGoes) {
  queue("q");
  publish({"1"});
  Receiver gone(peer(1));
  gone.receive("q", kTen);
  disconnect(1);
  EXPECT_THAT(receiver_.receive("q", kTen), IsEmpty());
  cluster_.pass(1000);
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("1"));
  connect(1);
}

TEST_P(QueueReceiveTest, AClientThatGoesWhileItWaitsTakesNothingWithIt) {
  queue("q");
  Receiver gone(peer(1));
  gone.receive("q", {.most = 10, .wait_ms = 1000, .lease_ms = 1000});
  disconnect(1);
  publish({"1"});
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("1"));
  connect(1);
}

TEST_P(QueueReceiveTest, WhoNeedNotWaitAnyLongerIsAnsweredAndServedNoMore) {
  queue("q");
  Receiver stopped(peer(1));
  stopped.ask("q", {.wait_ms = 1000, .lease_ms = 1000});
  cluster_.run();
  stopped.stop("q");
  EXPECT_THAT(stopped.take(), IsEmpty());
  publish({"1"});
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("1"));
  stopped.stop("q");  // there is none of that number
  EXPECT_EQ(ready(), 0u);
}

TEST_P(QueueReceiveTest, ADeletedQueueAnswersWhoWaitsAndLetsGoOfWhatIsOut) {
  queue("q");
  publish({"1", "2"});
  receiver_.reads = false;
  receiver_.receive("q", {.lease_ms = 1000});
  Receiver waiting(peer(0));
  publish({"3"}, "nowhere");
  receiver_.receive("q", {.lease_ms = 1000});
  waiting.ask("q", {.wait_ms = 1000, .lease_ms = 1000});
  cluster_.run();
  EXPECT_EQ(peer(1).remove("q"), "");
  EXPECT_THAT(waiting.take(), ElementsAre("refused: no queue 'q' in vhost '/'"));
  EXPECT_THAT(receiver_.receive("q"), ElementsAre("refused: no queue 'q' in vhost '/'"));
  EXPECT_EQ(receiver_.last.items[0].message->body(), "2") << "what is being written is still there";
}

TEST_P(QueueReceiveTest, PurgingLeavesWhatIsOut) {
  queue("q");
  publish({"1", "2"});
  receiver_.receive("q", {.lease_ms = 1000});
  const LeaseToken out = receiver_.items[0].token;
  EXPECT_EQ(peer(1).purge("q"), "");
  EXPECT_EQ(peer(1).count, 1u);
  EXPECT_EQ(receiver_.extend("q", out, 500), TokenEnd::kDone);
  cluster_.pass(500);
  EXPECT_THAT(receiver_.receive("q", kTen), ElementsAre("1"));
}

}  // namespace
}  // namespace polymq::engine
