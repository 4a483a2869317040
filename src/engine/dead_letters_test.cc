// Promises of dead lettering: where dead messages go, circles, and what happens on the way.
#include "engine/dead_letters.h"

#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// Arguments of a queue whose dead letters go to `exchange`, with `key` if that is not empty.
Fields to(const std::string& exchange, const std::string& key = "", Fields more = {}) {
  more.push_back({"x-dead-letter-exchange", text(exchange)});
  if (!key.empty()) more.push_back({"x-dead-letter-routing-key", text(key)});
  return more;
}
Fields at_least_once(const std::string& exchange, const std::string& key = "") {
  return to(
      exchange, key,
      {{"x-dead-letter-strategy", text("at-least-once")}, {"x-overflow", text("reject-publish")}});
}

class DeadLettersTest : public AnyShardsTest {
 protected:
  /// Takes the next message of a queue and rejects it.
  void reject(const std::string& queue = "q") {
    ASSERT_FALSE(peer(2).get(queue, false).starts_with("refused"));
    const GotMessage got = *peer(2).got;
    peer(2).session.settle(got.consumer, got.lease, got.lease, Settle::kDiscard);
    peer(2).session.flush();
    cluster_.run();
  }
};
INSTANTIATE_TEST_SUITE_P(On, DeadLettersTest, kShardCounts);

TEST_P(DeadLettersTest, ADeadLetterKeepsItsKeyAndTellsWhatHappened) {
  exchange("graves", "direct");
  queue("dead", {}, 2);
  queue("wrong key", {}, 0);
  bind("graves", "dead", "q");
  bind("graves", "wrong key", "dead");
  queue("q", to("graves"));
  peer(0).publish({.body = "1", .headers = {{"mine", number(7)}}});
  reject();
  EXPECT_EQ(peer(0).get("dead", false), "1");
  EXPECT_EQ(header_got("x-first-death-queue"), "q");
  EXPECT_EQ(header_got("x-first-death-reason"), "rejected");
  EXPECT_EQ(header_got("x-first-death-exchange"), "");
  EXPECT_EQ(header_got("mine"), "7");
  EXPECT_EQ(peer(0).got->item.message->exchange(), "graves");
  EXPECT_EQ(peer(0).got->item.message->routing_key(), "q");
  EXPECT_FALSE(peer(0).got->item.redelivered);
  EXPECT_EQ(ready("wrong key"), 0u);
}

TEST_P(DeadLettersTest, AKeyOfTheQueueReplacesTheMessages) {
  queue("dead", {}, 2);
  queue("q", to("", "dead"));
  publish({"1"});
  reject();
  EXPECT_EQ(peer(0).get("dead", false), "1");
  EXPECT_EQ(peer(0).got->item.message->routing_key(), "dead");
}

TEST_P(DeadLettersTest, WithoutAKeyOfTheQueueTheOtherKeysOfAMessageCountToo) {
  queue("dead", {}, 2);
  queue("cc", {}, 0);
  exchange("graves", "direct");
  bind("graves", "dead", "q");
  bind("graves", "cc", "copy");
  queue("q", to("graves"));
  Shard& shard = cluster_.shard(0);
  Message* message = make_message({.body = "1"}, shard.meter());
  message->make_extension().more_keys = {"copy"};
  message->make_extension().visible_keys = 1;
  Session& session = peer(0).session;
  Exchange& direct = *shard.topology().exchange(*shard.topology().vhost("/"), "");
  session.publisher().publish(message, session.route(direct, *message));
  session.flush();
  cluster_.run();
  reject();
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
  EXPECT_THAT(drain("cc"), ElementsAre("1"));
}

TEST_P(DeadLettersTest, ADeadLetterMayGoToManyQueues) {
  exchange("graves", "fanout");
  for (std::size_t i = 0; i < 3; ++i) {
    queue("dead" + std::to_string(i), {}, i);
    bind("graves", "dead" + std::to_string(i));
  }
  queue("q", to("graves"));
  publish({"1"});
  reject();
  for (const char* dead : {"dead0", "dead1", "dead2"}) EXPECT_THAT(drain(dead), ElementsAre("1"));
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(DeadLettersTest, WithNowhereToGoAMessageIsDropped) {
  queue("q", to("no such exchange"));
  publish({"1"});
  reject();
  exchange("no such exchange", "fanout");
  publish({"2"});
  reject();
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(DeadLettersTest, ARefusedDeadLetterIsDropped) {
  queue("full", {{"x-max-length", number(0)}, {"x-overflow", text("reject-publish")}}, 2);
  queue("q", to("", "full"));
  publish({"1"});
  reject();
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(DeadLettersTest, AnExpirationEndsWithTheFirstDeath) {
  queue("dead", {}, 2);
  queue("q", to("", "dead"));
  peer(0).publish({.body = "1", .ttl_ms = 10});
  cluster_.pass(10);
  cluster_.pass(1000);
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
}

// --- circles ------------------------------------------------------------------------------------

TEST_P(DeadLettersTest, ACircleWithoutARejectionIsCut) {
  queue("q", to("", "back", {{"x-message-ttl", number(10)}}));
  queue("back", to("", "q", {{"x-message-ttl", number(10)}}), 2);
  publish({"1"});
  cluster_.pass(10);
  EXPECT_EQ(ready("back"), 1u);
  cluster_.pass(10);
  EXPECT_EQ(ready("q"), 0u);
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(DeadLettersTest, ACircleWithARejectionGoesOn) {
  queue("q", to("", "retry"));
  queue("retry", to("", "q", {{"x-message-ttl", number(10)}}), 2);
  publish({"1"});
  for (int round = 0; round < 5; ++round) {
    reject();
    EXPECT_EQ(ready("q"), 0u);
    cluster_.pass(10);
    EXPECT_EQ(ready("q"), 1u) << round;
  }
  EXPECT_EQ(peer(0).get("q", false), "1");
  EXPECT_EQ(header_got("x-first-death-reason"), "rejected");
  EXPECT_EQ(header_got("x-last-death-reason"), "expired");
}

TEST_P(DeadLettersTest, AQueueIsNoGraveOfItsOwnUnlessItsMessagesAreRejected) {
  queue("q", to("", "q", {{"x-message-ttl", number(10)}}));
  publish({"1"});
  reject();
  EXPECT_EQ(ready(), 1u);
  cluster_.pass(10);
  EXPECT_EQ(ready(), 0u) << "rejected in the past, but this time it expired twice";
}

TEST_P(DeadLettersTest, OnlyTheQueueThatClosesTheCircleIsLeftOut) {
  exchange("all", "fanout");
  for (std::size_t i = 0; i < 3; ++i) {
    queue("q" + std::to_string(i), to("all", "", {{"x-message-ttl", number(10)}}), i);
  }
  bind("all", "q0");
  bind("all", "q1");
  publish({"1"}, "q0");
  cluster_.pass(10);
  EXPECT_EQ(ready("q0"), 0u);
  EXPECT_EQ(ready("q1"), 1u);
  cluster_.pass(10);
  EXPECT_EQ(ready("q0") + ready("q1"), 0u);
}

TEST_P(DeadLettersTest, HeadersThatAClientSentDoNotCutACircle) {
  queue("dead", {}, 2);
  queue("q", to("", "dead", {{"x-message-ttl", number(10)}}));
  peer(0).publish({.body = "1",
                   .headers = {{"x-first-death-queue", text("dead")},
                               {"x-last-death-queue", text("dead")},
                               {"x-last-death-reason", text("expired")}}});
  cluster_.pass(10);
  EXPECT_EQ(peer(0).get("dead", false), "1");
  EXPECT_EQ(header_got("x-first-death-queue"), "q");
}

TEST_P(DeadLettersTest, ALongChainOfFullQueuesPassesAMessageOn) {
  constexpr int kLength = 200;
  for (int i = 0; i < kLength; ++i) {
    queue("q" + std::to_string(i),
          to("", "q" + std::to_string(i + 1), {{"x-max-length", number(0)}}),
          static_cast<std::size_t>(i % 3));
  }
  queue("q" + std::to_string(kLength));
  publish({"1"}, "q0");
  EXPECT_EQ(peer(0).get("q200", false), "1");
  EXPECT_EQ(header_got("x-first-death-queue"), "q0");
  EXPECT_EQ(header_got("x-last-death-queue"), "q199");
}

// --- at least once ------------------------------------------------------------------------------

TEST_P(DeadLettersTest, AtLeastOnceKeepsTryingUntilTheLetterIsTaken) {
  quorum_queue("q", at_least_once("", "dead"));
  publish({"1"});
  reject();
  EXPECT_EQ(ready("q"), 0u);
  EXPECT_NE(cluster_.message_bytes(), 0);
  cluster_.pass(5000);
  queue("dead", {{"x-max-length", number(0)}, {"x-overflow", text("reject-publish")}}, 2);
  cluster_.pass(5000);
  EXPECT_NE(cluster_.message_bytes(), 0);
  EXPECT_EQ(peer(0).remove("dead"), "");
  queue("dead", {}, 2);
  EXPECT_EQ(ready("dead"), 0u);
  cluster_.pass(1000);
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(DeadLettersTest, AtLeastOnceGivesNobodyTheSameLetterAgain) {
  exchange("graves", "fanout");
  queue("good", {}, 1);
  queue("full", {{"x-max-length", number(0)}, {"x-overflow", text("reject-publish")}}, 2);
  bind("graves", "good");
  bind("graves", "full");
  quorum_queue("q", at_least_once("graves"));
  publish({"1"});
  reject();
  cluster_.pass(5000);
  EXPECT_EQ(ready("good"), 1u);
  EXPECT_NE(cluster_.message_bytes(), 0);
  EXPECT_EQ(peer(0).remove("full"), "");
  cluster_.pass(2000);
  EXPECT_THAT(drain("good"), ElementsAre("1"));
  EXPECT_EQ(cluster_.message_bytes(), 0) << "nobody is left to wait for";
}

TEST_P(DeadLettersTest, AtLeastOnceLettersCountInTheQueueThatTheyWaitIn) {
  Fields arguments = at_least_once("", "dead");
  arguments.push_back({"x-max-length", number(1)});
  quorum_queue("q", arguments);
  publish({"1"});
  reject();
  EXPECT_EQ(peer(0).publish({.body = "2", .key = "q"}), "nack") << "the first is still there";
  queue("dead", {}, 2);
  cluster_.pass(2000);
  publish({"3"});
  EXPECT_EQ(ready("q"), 1u);
}

TEST_P(DeadLettersTest, AtLeastOnceEndsWithTheQueue) {
  quorum_queue("q", at_least_once("", "dead"));
  publish({"1"});
  reject();
  EXPECT_EQ(peer(0).remove("q"), "");
  cluster_.pass(1000);
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(DeadLettersTest, AtLeastOnceNeedsAQueueThatRejects) {
  quorum_queue("q", to("", "dead", {{"x-dead-letter-strategy", text("at-least-once")}}));
  publish({"1"});
  reject();
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(DeadLettersTest, APolicyThatTakesTheExchangeAwayDropsWhatIsStillTried) {
  quorum_queue("q", {{"x-overflow", text("reject-publish")}});
  set_policy({{"dead-letter-exchange", text("")},
              {"dead-letter-routing-key", text("dead")},
              {"dead-letter-strategy", text("at-least-once")}});
  publish({"1"});
  reject();
  EXPECT_NE(cluster_.message_bytes(), 0);
  clear_policies();
  cluster_.pass(1000);
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

// --- on the way ---------------------------------------------------------------------------------

class DeadLettersOnThreeShards : public ShardsTest {
 protected:
  DeadLettersOnThreeShards() {
    queue("dead", {}, 2);
    queue("q", to("", "dead", {{"x-message-ttl", number(10)}}));
    publish({"1"});
    cluster_.hold(1, 2);
    cluster_.pass(10);
  }
};

TEST_F(DeadLettersOnThreeShards, AMessageIsNowhereReadyUntilItsCopyArrives) {
  EXPECT_EQ(ready("q"), 0u);
  EXPECT_EQ(ready("dead"), 0u);
  EXPECT_EQ(peer(0).purge("q"), "");
  EXPECT_EQ(peer(0).count, 0u);
  cluster_.release();
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_F(DeadLettersOnThreeShards, ItsQueueMayGoMeanwhile) {
  bool removed = false;
  peer(0).session.delete_queue("q", {}, [&](EngineResult<std::uint64_t> r) { removed = !!r; });
  cluster_.run();
  cluster_.release();
  EXPECT_TRUE(removed);
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
}

TEST_F(DeadLettersOnThreeShards, ItsTargetMayGoMeanwhile) {
  peer(2).session.delete_queue("dead", {}, [](EngineResult<std::uint64_t>) {});
  cluster_.turn(2);
  cluster_.release();
  EXPECT_FALSE(exists("dead"));
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

}  // namespace
}  // namespace polymq::engine
