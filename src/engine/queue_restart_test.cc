// Promises of queues over a restart: what comes back, in which order, and what holds before it was
// read back.
#include <gmock/gmock.h>

#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class QueueRestartTest : public RestartsTest {};
INSTANTIATE_TEST_SUITE_P(On, QueueRestartTest, kShardCounts);

// --- after a restart ----------------------------------------------------------------------------

TEST_P(QueueRestartTest, ARecoveredQueueTellsItsCountsBeforeAnythingIsRead) {
  queue("q");
  publish({"1", "22", "333"});
  restart_and_hold();
  EXPECT_EQ(ready(), 3u);
  EXPECT_EQ(queue_at_home().ready_bytes(), 6u);
  EXPECT_EQ(cluster().message_bytes(), 0);
  EXPECT_EQ(life_->reads(), 0u) << "nobody looked at its messages";
}

TEST_P(QueueRestartTest, ARecoveredQueueIsDeliveredInOrder) {
  queue("q");
  std::vector<std::string> bodies;
  for (int i = 0; i < 200; ++i) bodies.push_back(std::to_string(i));
  publish(bodies);
  restart();
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  EXPECT_EQ(peer(2).take(), bodies) << "and none counts as redelivered";
  EXPECT_EQ(kept_.messages(), 0u);
}

TEST_P(QueueRestartTest, WhatWasAcknowledgedOrTransientDoesNotComeBack) {
  queue("q");
  publish({"1", "2", "3"});
  EXPECT_EQ(peer(0).publish({.body = "transient"}), "ack");
  EXPECT_EQ(peer(2).get("q"), "1");
  restart();
  EXPECT_THAT(drain(), ElementsAre("2", "3"));
  restart();
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(QueueRestartTest, WhatWasOutWhenItDiedComesAgainAndIsMarked) {
  queue("q");
  publish(std::vector<std::string>(60, "x"));
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 2}), "");
  ASSERT_THAT(peer(2).deliveries, SizeIs(2));
  restart();
  EXPECT_EQ(peer(2).consume("q"), "");
  const std::vector<std::string> came = peer(2).take();
  ASSERT_THAT(came, SizeIs(60));
  EXPECT_EQ(came[0], "x again");
  EXPECT_EQ(came[1], "x again");
  EXPECT_EQ(came[59], "x") << "some that were next may be marked, but not all";
}

TEST_P(QueueRestartTest, WhatWasStoredBeforeIsHandedOutOnceItIsMarked) {
  queue("q");
  publish({"1", "2", "3"});
  life_->hold_commits(true);
  EXPECT_EQ(peer(2).consume("q"), "");
  EXPECT_THAT(peer(2).take(), IsEmpty()) << "after a crash they would come unmarked";
  EXPECT_EQ(peer(0).get("q"), "no answer");
  life_->hold_commits(false);
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2", "3"));
  restart();
  EXPECT_EQ(peer(2).consume("q"), "");
  EXPECT_THAT(peer(2).take(), ElementsAre("1 again", "2 again", "3 again"));
}

TEST_P(QueueRestartTest, WhatIsHandedOutAtOnceWaitsForNothingAndIsMarked) {
  queue("q");
  EXPECT_EQ(peer(2).consume("q"), "");
  life_->hold_commits(true);
  EXPECT_EQ(peer(0).publish({.body = "1", .persistent = true}), "");
  EXPECT_THAT(peer(2).take(), ElementsAre("1"));
  life_->hold_commits(false);
  restart();
  EXPECT_EQ(peer(2).consume("q"), "");
  EXPECT_THAT(peer(2).take(), ElementsAre("1 again"));
}

TEST_P(QueueRestartTest, ALongBacklogIsMarkedAheadOfItsConsumer) {
  queue("q");
  for (int i = 0; i < 2000; ++i) {
    peer(0).send({.body = std::to_string(i), .persistent = true});
  }
  cluster().run();
  restart();
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 300}), "");
  EXPECT_THAT(peer(2).take(), SizeIs(300));
  restart();
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  const std::vector<std::string> came = peer(2).take();
  ASSERT_THAT(came, SizeIs(2000));
  EXPECT_EQ(came[299], "299 again");
  EXPECT_EQ(came[1000], "1000") << "marked only as far as needed";
}

TEST_P(QueueRestartTest, ABacklogWithMixedPrioritiesIsMarkedInFewSteps) {
  for (const int levels : {10, 256}) {
    queue("q", {{"x-max-priority", number(levels - 1)}});
    for (int i = 0; i < 5000; ++i) {
      const auto priority = static_cast<std::uint8_t>(i * 37 % 10'007 % levels);
      peer(0).send({.body = std::to_string(i), .persistent = true, .priority = priority});
    }
    cluster().run();
    restart();
    const std::uint64_t before = life_->marks();
    EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
    EXPECT_THAT(peer(2).take(), SizeIs(5000));
    EXPECT_LT(life_->marks() - before, 60u) << "each is a wait for the disk";
    EXPECT_EQ(peer(1).remove("q"), "");
  }
}

TEST_P(QueueRestartTest, WhatWasNotConfirmedIsNotPromised) {
  queue("q");
  publish({"1"});
  life_->hold_commits(true);
  EXPECT_EQ(peer(0).publish({.body = "2", .persistent = true}), "");
  restart();
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_P(QueueRestartTest, WhatHasExpiredMeanwhileGoesWhereAPolicySaysItGoes) {
  queue("dead");
  queue("q", {{"x-message-ttl", number(1000)}});
  set_policy({{"dead-letter-exchange", text("")}, {"dead-letter-routing-key", text("dead")}});
  publish({"1", "2"});
  restart_after(2000);
  cluster().pass(1);
  EXPECT_THAT(drain("dead"), ElementsAre("1", "2"));
  EXPECT_EQ(ready(), 0u);
}

TEST_P(QueueRestartTest, PositionsGoOnBehindThoseThatWereUsed) {
  queue("q");
  publish({"1", "2"});
  restart_and_hold();
  publish({"3"});
  EXPECT_EQ(ready(), 3u);
  restart();
  EXPECT_THAT(drain(), ElementsAre("1", "2", "3"));
}

TEST_P(QueueRestartTest, NewMessagesBehindAColdHeadStayBehind) {
  queue("q");
  publish({"1", "2"});
  restart_and_hold();
  EXPECT_EQ(peer(2).consume("q"), "");
  publish({"3"});
  EXPECT_EQ(peer(0).publish({.body = "4"}), "ack") << "transient, and still in its place";
  EXPECT_THAT(peer(2).take(), IsEmpty());
  release();
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2", "3", "4"));
}

TEST_P(QueueRestartTest, WhatCannotBeReadBackIsNotCountedForEver) {
  queue("q");
  publish({"1", "2", "3"});
  kept_.queues.begin()->second.messages.at(2).damaged = true;
  restart();
  EXPECT_EQ(ready(), 3u) << "nobody knows yet";
  EXPECT_EQ(peer(2).get("q"), "1");
  EXPECT_EQ(ready(), 1u);
  EXPECT_EQ(queue_at_home().ready_bytes(), 1u);
  EXPECT_THAT(drain(), ElementsAre("3"));
  EXPECT_EQ(ready(), 0u);
}

// --- gets ---------------------------------------------------------------------------------------

TEST_P(QueueRestartTest, AGetWaitsForTheRead) {
  queue("q");
  publish({"1", "2"});
  restart_and_hold();
  std::vector<std::string> got;
  for (int i = 0; i < 3; ++i) {
    peer(2).session.get("q", true, [&](EngineResult<std::optional<GotMessage>> result) {
      got.emplace_back(*result ? std::string((*result)->item.message->body()) : "empty");
    });
    cluster().run();
  }
  EXPECT_THAT(got, IsEmpty());
  EXPECT_EQ(ready(), 2u);
  release();
  EXPECT_THAT(got, ElementsAre("1", "2", "empty"));
  EXPECT_EQ(ready(), 0u);
}

TEST_P(QueueRestartTest, GetsOfAClosedSessionAreForgotten) {
  queue("q");
  publish({"1", "2"});
  restart_and_hold();
  EXPECT_EQ(peer(2).get("q", false), "no answer");
  life_->disconnect(2);
  release();
  EXPECT_EQ(ready(), 2u);
  EXPECT_THAT(drain(), ElementsAre("1", "2"));
}

TEST_P(QueueRestartTest, AGetOfAQueueThatGoesMeanwhileIsTold) {
  queue("q");
  publish({"1"});
  restart_and_hold();
  std::string answer = "no answer";
  peer(2).session.get("q", true, [&](EngineResult<std::optional<GotMessage>> result) {
    answer = result ? "got" : result.error().text;
  });
  cluster().run();
  EXPECT_EQ(peer(1).remove("q"), "");
  EXPECT_EQ(peer(1).count, 1u);
  EXPECT_EQ(answer, "no queue 'q' in vhost '/'");
  release();
  EXPECT_EQ(kept_.messages(), 0u);
  restart();
  EXPECT_FALSE(peer(0).look("q").has_value());
}

// --- when the metadata fails --------------------------------------------------------------------

TEST_P(QueueRestartTest, WhereNothingCanBeDeclaredNothingIsStoredOrConfirmed) {
  queue("q");
  publish({"1"});
  metadata_.broken = true;
  EXPECT_EQ(peer(1).declare({.name = "new", .durable = true, .arguments = {}}),
            "it could not be stored");
  EXPECT_EQ(peer(2).declare({.name = "new", .durable = true, .arguments = {}}),
            "it could not be stored")
      << "though it is there by now";
  EXPECT_EQ(peer(2).declare({.name = "q", .durable = true, .arguments = {}}), "");
  EXPECT_EQ(peer(0).publish({.body = "2", .persistent = true}), "nack");
  EXPECT_EQ(peer(0).publish({.body = "3", .key = "new", .persistent = true}), "nack");
  life_.reset();
  metadata_.broken = false;
  restart();
  EXPECT_THAT(drain(), ElementsAre("1"));
}

// --- when it is synced --------------------------------------------------------------------------

TEST_P(QueueRestartTest, ItsStoreIsToldHowAQueueIsSynced) {
  const auto told = [&](const std::string& name) {
    return life_->sync_of(queue_at_home(name).entry().id);
  };
  queue("q");
  queue("quick", {{"x-storage-sync", text("never")}});
  EXPECT_EQ(told("q"), std::nullopt);
  EXPECT_EQ(told("quick"), storage::SyncPolicy::kNever);
  set_policy({{"storage-sync", text("interval")}});
  EXPECT_EQ(told("q"), storage::SyncPolicy::kInterval);
  EXPECT_EQ(told("quick"), storage::SyncPolicy::kNever) << "an argument wins over a user's policy";
  restart();
  EXPECT_EQ(told("q"), storage::SyncPolicy::kInterval);
  EXPECT_EQ(told("quick"), storage::SyncPolicy::kNever);
}

// --- purging and settling while a read is under way ---------------------------------------------

TEST_P(QueueRestartTest, APurgeDropsWhatIsOnDisk) {
  queue("q");
  publish({"1", "2", "3"});
  restart_and_hold();
  EXPECT_EQ(peer(1).purge("q"), "");
  EXPECT_EQ(peer(1).count, 3u);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(life_->reads(), 0u) << "it need not be read for that";
  publish({"4"});
  EXPECT_EQ(peer(0).get("q"), "4");
  restart();
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(QueueRestartTest, WhatIsPurgedWhileItIsReadDoesNotComeBack) {
  queue("q");
  publish({"1", "2", "3"});
  restart_and_hold();
  EXPECT_EQ(peer(2).consume("q"), "");
  EXPECT_EQ(life_->reads(), 1u);
  EXPECT_EQ(peer(1).purge("q"), "");
  publish({"4"});
  release();
  EXPECT_THAT(peer(2).take(), ElementsAre("4"));
  EXPECT_EQ(ready(), 0u);
}

TEST_P(QueueRestartTest, AGetThatWaitsHearsOfAPurge) {
  queue("q");
  publish({"1", "2"});
  restart_and_hold();
  std::string answer = "no answer";
  peer(2).session.get("q", true, [&](EngineResult<std::optional<GotMessage>> result) {
    answer = result && !*result ? "empty" : "wrong";
  });
  cluster().run();
  EXPECT_EQ(peer(1).purge("q"), "");
  release();
  EXPECT_EQ(answer, "empty");
}

TEST_P(QueueRestartTest, APurgedQueueWithPrioritiesForgetsWhatWasNotReadYet) {
  queue("q", {{"x-max-priority", number(5)}});
  EXPECT_EQ(peer(0).publish({.body = "1", .persistent = true, .priority = 1}), "ack");
  EXPECT_EQ(peer(0).publish({.body = "2", .persistent = true, .priority = 2}), "ack");
  restart_and_hold();
  EXPECT_EQ(peer(0).publish({.body = "3", .persistent = true, .priority = 3}), "ack");
  EXPECT_EQ(peer(1).purge("q"), "");
  EXPECT_EQ(peer(1).count, 3u);
  release();
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(kept_.messages(), 0u);
  EXPECT_EQ(peer(0).publish({.body = "4", .persistent = true, .priority = 1}), "ack");
  EXPECT_EQ(peer(0).publish({.body = "5", .persistent = true, .priority = 4}), "ack");
  EXPECT_THAT(drain(), ElementsAre("5", "4"));
}

TEST_P(QueueRestartTest, ConsumersThatShareAPrefetchWaitForWhatIsRead) {
  queue("q");
  publish({"1", "2", "3"});
  restart_and_hold();
  peer(2).session.set_shared_prefetch(1);
  EXPECT_EQ(peer(2).consume("q", {}, 0), "");
  EXPECT_EQ(peer(2).consume("q", {}, 1), "") << "neither passes the only token on for ever";
  EXPECT_TRUE(peer(2).deliveries.empty());
  release();
  ASSERT_EQ(peer(2).deliveries.size(), 1u);
  EXPECT_EQ(peer(2).deliveries.front().body, "1");
  peer(2).settle_all(Settle::kAck);
  EXPECT_THAT(peer(2).take(), ElementsAre("2"));
}

// --- priorities ---------------------------------------------------------------------------------

TEST_P(QueueRestartTest, AGetThatWaitsForTheDiskTakesWhatComesAheadOfIt) {
  queue("q", {{"x-max-priority", number(5)}});
  publish({"low"});
  restart_and_hold();
  EXPECT_EQ(peer(2).get("q"), "no answer");
  EXPECT_EQ(peer(0).publish({.body = "high", .persistent = true, .priority = 5}), "ack");
  EXPECT_TRUE(peer(2).got) << "it need not wait any more";
  release();
  EXPECT_THAT(drain(), ElementsAre("low"));
}

TEST_P(QueueRestartTest, AfterARestartTheHighestPriorityComesFirst) {
  queue("q", {{"x-max-priority", number(5)}});
  const auto send = [&](const char* body, std::optional<std::uint8_t> priority) {
    EXPECT_EQ(peer(0).publish({.body = body, .persistent = true, .priority = priority}), "ack");
  };
  send("low", 1);
  send("none", std::nullopt);
  send("high", 5);
  send("low too", 1);
  restart_and_hold();
  EXPECT_EQ(ready(), 4u);
  send("new and middle", 3);
  send("new and high", 5);
  EXPECT_EQ(peer(2).consume("q"), "");
  EXPECT_THAT(peer(2).take(), IsEmpty()) << "what is not read yet may come before";
  release();
  EXPECT_THAT(peer(2).take(),
              ElementsAre("high", "new and high", "new and middle", "low", "low too", "none"));
}

TEST_P(QueueRestartTest, InAQuorumQueueWithoutAPriorityIsInTheMiddleAfterARestartToo) {
  queue("q", {{"x-queue-type", text("quorum")}});
  publish({"none", "none too"});
  restart_and_hold();
  EXPECT_EQ(peer(0).publish({.body = "three", .persistent = true, .priority = 3}), "ack");
  EXPECT_EQ(peer(0).publish({.body = "five", .persistent = true, .priority = 5}), "ack");
  publish({"none again"});
  release();
  EXPECT_THAT(drain(), ElementsAre("five", "none", "none too", "none again", "three"));
}

// --- limits and times to live -------------------------------------------------------------------

TEST_P(QueueRestartTest, ARecoveredQueueKeepsToItsLength) {
  queue("q", {{"x-max-length", number(3)}});
  publish({"1", "2", "3"});
  restart_and_hold();
  publish({"4", "5"});
  release();
  EXPECT_EQ(ready(), 3u);
  EXPECT_THAT(drain(), ElementsAre("3", "4", "5"));
}

TEST_P(QueueRestartTest, ARecoveredQueueThatIsFullRefuses) {
  queue("q", {{"x-max-length", number(2)}, {"x-overflow", text("reject-publish")}});
  publish({"1", "2"});
  restart_and_hold();
  EXPECT_EQ(peer(0).publish({.body = "3", .persistent = true}), "nack");
  release();
  EXPECT_THAT(drain(), ElementsAre("1", "2"));
  publish({"4"});
}

TEST_P(QueueRestartTest, ALengthInBytesCountsWhatIsOnDisk) {
  queue("q", {{"x-max-length-bytes", number(10)}});
  publish({"12345", "67890"});
  restart();
  publish({"x"});
  EXPECT_THAT(drain(), ElementsAre("67890", "x"));
}

TEST_P(QueueRestartTest, AQueuesTimeToLiveGoesOnAfterARestart) {
  queue("q", {{"x-message-ttl", number(1000)}});
  publish({"1", "2"});
  restart();
  cluster().pass(999);
  EXPECT_EQ(ready(), 2u);
  cluster().pass(2);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(kept_.messages(), 0u) << "nobody had to look at it";
}

TEST_P(QueueRestartTest, AMessagesOwnTimeToLiveGoesOnAfterARestart) {
  queue("q");
  EXPECT_EQ(peer(0).publish({.body = "1", .ttl_ms = 1000, .persistent = true}), "ack");
  publish({"2"});
  EXPECT_EQ(peer(0).publish({.body = "3", .ttl_ms = 5000, .persistent = true}), "ack");
  restart();
  EXPECT_EQ(ready(), 3u);
  cluster().pass(1001);
  EXPECT_EQ(ready(), 2u);
  EXPECT_EQ(peer(0).get("q"), "2");
  cluster().pass(4000);
  EXPECT_EQ(peer(0).get("q"), "empty");
  EXPECT_EQ(kept_.messages(), 0u);
}

TEST_P(QueueRestartTest, ARecoveredMessageIsDeadLetteredWithItsBody) {
  queue("dead");
  queue("q", {{"x-message-ttl", number(1000)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  publish({"1", "2"});
  restart();
  cluster().pass(1001);
  EXPECT_THAT(drain("dead"), ElementsAre("1", "2"));
  EXPECT_EQ(ready(), 0u);
  restart();
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(ready("dead"), 0u);
}

}  // namespace
}  // namespace polymq::engine
