// Promises of delays, retention and the receive limit.
#include <gmock/gmock.h>

#include "engine/testing/receiver.h"
#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class QueueWaitingTest : public AnyShardsTest {
 protected:
  QueueState state(const std::string& name = "q") { return peer(0).look(name).value(); }
  Receiver receiver_{peer(2)};
};
INSTANTIATE_TEST_SUITE_P(On, QueueWaitingTest, kShardCounts);

// --- delays -------------------------------------------------------------------------------------
TEST_P(QueueWaitingTest, ADelayedQueueGivesNothingBeforeItsTime) {
  queue("q", {{"x-message-delay", number(1000)}});
  publish({"1"});
  cluster_.pass(500);
  publish({"2"});
  EXPECT_EQ(state().messages, 0u);
  EXPECT_EQ(state().delayed, 2u);
  EXPECT_EQ(peer(2).get("q"), "empty");
  cluster_.pass(500);
  EXPECT_EQ(state().messages, 1u);
  EXPECT_EQ(state().delayed, 1u);
  EXPECT_THAT(drain(), ElementsAre("1"));
  cluster_.pass(500);
  EXPECT_THAT(drain(), ElementsAre("2"));
}

TEST_P(QueueWaitingTest, AMessagesOwnDelayCountsInsteadOfTheQueues) {
  queue("q", {{"x-message-delay", number(1000)}});
  EXPECT_EQ(peer(0).publish({.body = "now", .delay_ms = 0}), "ack");
  EXPECT_EQ(peer(0).publish({.body = "later", .delay_ms = 2000}), "ack");
  publish({"1"});
  EXPECT_THAT(drain(), ElementsAre("now"));
  cluster_.pass(1000);
  EXPECT_THAT(drain(), ElementsAre("1"));
  cluster_.pass(1000);
  EXPECT_THAT(drain(), ElementsAre("later"));
}

TEST_P(QueueWaitingTest, WhoWaitsIsServedWhenADelayIsOver) {
  queue("q");
  EXPECT_EQ(peer(0).publish({.body = "1", .delay_ms = 300}), "ack");
  EXPECT_EQ(peer(0).publish({.body = "2", .delay_ms = 200}), "ack");
  receiver_.ask("q", {.wait_ms = 1000, .lease_ms = 1000});
  EXPECT_EQ(peer(1).consume("q", {.prefetch = 1}), "");
  cluster_.pass(200);
  cluster_.pass(100);
  EXPECT_EQ(receiver_.take().size() + peer(1).deliveries.size(), 2u);
  EXPECT_EQ(state().delayed, 0u);
}

TEST_P(QueueWaitingTest, DelayedOnesComeInTheOrderInWhichTheyWereSentWhenAllAreDue) {
  queue("q");
  for (const auto& [body, delay] :
       {std::pair("1", 500), std::pair("2", 100), std::pair("3", 300)}) {
    EXPECT_EQ(peer(0).publish({.body = body, .delay_ms = delay}), "ack");
  }
  cluster_.pass(500);
  EXPECT_THAT(drain(), ElementsAre("1", "2", "3"));
}

TEST_P(QueueWaitingTest, APurgeLeavesThemUnlessItIsOfEverything) {
  queue("q");
  publish({"ready", "leased"});
  EXPECT_EQ(peer(0).publish({.body = "delayed", .delay_ms = 300}), "ack");
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 1000}), ElementsAre("ready"));
  EXPECT_EQ(peer(1).purge("q"), "");
  EXPECT_EQ(peer(1).count, 1u);
  EXPECT_EQ(state().delayed, 1u);
  EXPECT_EQ(state().leased, 1u);
  peer(1).session.purge_queue("q",
                              [](EngineResult<std::uint64_t> dropped) {
                                ASSERT_TRUE(dropped);
                                EXPECT_EQ(*dropped, 2u);
                              },
                              {.everything = true});
  cluster_.run();
  EXPECT_EQ(state().delayed, 0u);
  EXPECT_EQ(state().leased, 0u);
  EXPECT_EQ(receiver_.settle("q", receiver_.items[0].token), TokenEnd::kUnknown);
  cluster_.pass(2000);
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(QueueWaitingTest, ADeletedQueueLetsGoOfThem) {
  queue("q");
  EXPECT_EQ(peer(0).publish({.body = "delayed", .delay_ms = 300}), "ack");
  EXPECT_EQ(peer(1).remove("q"), "");
  cluster_.pass(300);
}

// --- retention ----------------------------------------------------------------------------------
TEST_P(QueueWaitingTest, WhatIsOlderThanItsQueueKeepsGoesSilently) {
  queue("dead");
  queue("q", {{"x-message-retention", number(1000)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  publish({"1", "2"});
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 5000}), ElementsAre("1"));
  cluster_.pass(999);
  EXPECT_EQ(state().messages, 1u);
  cluster_.pass(1);
  EXPECT_EQ(state().messages, 0u);
  EXPECT_EQ(state().leased, 0u) << "nor does what was out return";
  EXPECT_EQ(receiver_.extend("q", receiver_.items[0].token, 0), TokenEnd::kUnknown);
  EXPECT_EQ(receiver_.settle("q", receiver_.items[0].token), TokenEnd::kUnknown);
  EXPECT_THAT(drain("dead"), IsEmpty());
}

TEST_P(QueueWaitingTest, WhatIsDelayedForLongerThanItsQueueKeepsGoesInTime) {
  queue("q", {{"x-message-retention", number(1000)}});
  EXPECT_EQ(peer(0).publish({.body = "1", .delay_ms = 5000}), "ack");
  cluster_.pass(500);
  EXPECT_EQ(peer(0).publish({.body = "2", .delay_ms = 5000}), "ack");
  cluster_.pass(499);
  EXPECT_EQ(state().delayed, 2u);
  cluster_.pass(1);
  EXPECT_EQ(state().delayed, 1u);
  cluster_.pass(500);
  EXPECT_EQ(state().delayed, 0u);
}

TEST_P(QueueWaitingTest, WhatIsOutGoesInTimeOneAfterTheOther) {
  queue("q", {{"x-message-retention", number(1000)}});
  publish({"1", "2"});
  cluster_.pass(400);
  publish({"3"});
  EXPECT_THAT(receiver_.receive("q", {.most = 3, .lease_ms = 5000}), ElementsAre("1", "2", "3"));
  EXPECT_EQ(receiver_.settle("q", receiver_.items[0].token), TokenEnd::kDone);
  cluster_.pass(599);
  EXPECT_EQ(state().leased, 2u);
  cluster_.pass(1);
  EXPECT_EQ(state().leased, 1u);
  cluster_.pass(400);
  EXPECT_EQ(state().leased, 0u);
}

TEST_P(QueueWaitingTest, WhatIsHandedOutAsItComesGoesInTime) {
  queue("q", {{"x-message-retention", number(1000)}});
  receiver_.receive("q", {.wait_ms = 5000, .lease_ms = 5000});
  EXPECT_EQ(peer(0).publish({.body = "1", .ttl_ms = 0}), "ack");
  EXPECT_THAT(receiver_.take(), ElementsAre("1"));
  cluster_.pass(999);
  EXPECT_EQ(state().leased, 1u);
  cluster_.pass(1);
  EXPECT_EQ(state().leased, 0u);
}

TEST_P(QueueWaitingTest, WhatAConsumerHoldsGoesWhenItReturnsAndKeepsNothingElse) {
  queue("q", {{"x-message-retention", number(1000)}});
  publish({"1", "2"});
  EXPECT_EQ(peer(1).consume("q", {.prefetch = 1}), "");
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 5000}), ElementsAre("2"));
  cluster_.pass(1000);
  EXPECT_EQ(state().leased, 1u) << "the first";
  peer(1).settle_all(Settle::kRequeue);
  EXPECT_EQ(state().leased, 0u);
  EXPECT_EQ(state().messages, 0u);
}

TEST_P(QueueWaitingTest, AGroupIsFreeWhenTheMessageThatLockedItHasGone) {
  queue("q", {{"x-message-groups", text("exclusive")}, {"x-message-retention", number(1000)}});
  const Fields of_a_group{{"x-message-group", text("a")}};
  EXPECT_EQ(peer(0).publish({.body = "1", .headers = of_a_group}), "ack");
  cluster_.pass(500);
  EXPECT_EQ(peer(0).publish({.body = "2", .headers = of_a_group}), "ack");
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 5000}), ElementsAre("1"));
  Receiver waiting(peer(1));
  waiting.receive("q", {.wait_ms = 2000, .lease_ms = 1000});
  cluster_.pass(499);
  EXPECT_THAT(waiting.take(), ElementsAre("no answer"));
  cluster_.pass(1);
  EXPECT_THAT(waiting.take(), ElementsAre("2"));
}

TEST_P(QueueWaitingTest, WhatIsTooOldWhenItsLastLeaseEndsIsNoDeadLetter) {
  queue("dead");
  queue("q", {{"x-message-retention", number(1000)},
              {"x-receive-limit", number(1)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  publish({"1"});
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 1000}), ElementsAre("1"));
  cluster_.pass(1000);
  EXPECT_EQ(state().leased, 0u);
  EXPECT_THAT(drain("dead"), IsEmpty());
}

TEST_P(QueueWaitingTest, ManyMayBeTooOldAtOnce) {
  queue("q", {{"x-message-retention", number(1000)}});
  constexpr int kMany = 5000;
  for (int i = 0; i < kMany; ++i) peer(0).send({.body = "x", .delay_ms = i % 2 == 0 ? 5000 : 0});
  receiver_.receive("q", {.most = kMany, .lease_ms = 5000});
  EXPECT_EQ(state().leased + state().delayed, std::uint64_t{kMany});
  cluster_.pass(1000);
  EXPECT_EQ(state().leased + state().delayed, 0u);
}

TEST_P(QueueWaitingTest, ATimeToLiveIsStillDeadLetteredBeforeThat) {
  queue("dead");
  queue("q", {{"x-message-retention", number(2000)},
              {"x-message-ttl", number(1000)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  publish({"1"});
  cluster_.pass(1000);
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
}

// --- the receive limit --------------------------------------------------------------------------
TEST_P(QueueWaitingTest, WhatWasHandedOutTooOftenIsDeadLetteredWhenItsLastLeaseEnds) {
  queue("dead");
  queue("q", {{"x-receive-limit", number(2)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  publish({"1", "2"});
  EXPECT_THAT(receiver_.receive("q", {.most = 2, .lease_ms = 100}), ElementsAre("1", "2"));
  cluster_.pass(100);
  EXPECT_THAT(drain("dead"), IsEmpty());
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 100}), ElementsAre("1"));
  cluster_.pass(99);
  EXPECT_THAT(drain("dead"), IsEmpty());
  cluster_.pass(1);
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
  EXPECT_EQ(peer(2).consume("q"), "") << "whatever protocol it is handed out by";
  peer(2).settle_all(Settle::kRequeue);
  EXPECT_THAT(drain("dead"), ElementsAre("2"));
}

TEST_P(QueueWaitingTest, WhatDidNotReachItsClientHasNotBeenHandedOut) {
  queue("q", {{"x-receive-limit", number(1)}});
  publish({"1"});
  Receiver gone(peer(1));
  gone.reads = false;
  gone.receive("q", {.lease_ms = 1000});
  disconnect(1);
  EXPECT_THAT(receiver_.receive("q", {.lease_ms = 1000}), ElementsAre("1"));
  connect(1);
}

}  // namespace
}  // namespace polymq::engine
