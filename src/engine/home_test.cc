// Promises of a queue's home: consumers and gets, windows, deletion, and what waits for the store.
#include "engine/home.h"

#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class HomeTest : public AnyShardsTest {};
INSTANTIATE_TEST_SUITE_P(On, HomeTest, kShardCounts);

// --- who gets what ------------------------------------------------------------------------------

TEST_P(HomeTest, ConsumersOfAllConnectionsTakeTurns) {
  queue("q");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(peer(i).consume("q"), "");
  publish({"1", "2", "3", "4", "5", "6"});
  EXPECT_THAT(peer(0).take(), ElementsAre("1", "4"));
  EXPECT_THAT(peer(1).take(), ElementsAre("2", "5"));
  EXPECT_THAT(peer(2).take(), ElementsAre("3", "6"));
}

TEST_P(HomeTest, AHigherPriorityIsServedFirstAndOthersWhenItIsFull) {
  queue("q");
  peer(1).consume("q");
  peer(2).consume("q", {.prefetch = 2, .priority = 10});
  publish({"1", "2", "3"});
  EXPECT_THAT(peer(1).take(), ElementsAre("3"));
  ASSERT_THAT(peer(2).deliveries, SizeIs(2));
  peer(2).settle(peer(2).deliveries[0], Settle::kAck);
  publish({"4", "5"});
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2", "4"));
  EXPECT_THAT(peer(1).take(), ElementsAre("5"));
}

TEST_P(HomeTest, APrefetchIsNeverExceededAndAnAckMakesRoom) {
  queue("q");
  peer(2).consume("q", {.prefetch = 2});
  publish({"1", "2", "3", "4"});
  ASSERT_THAT(peer(2).deliveries, SizeIs(2));
  peer(2).settle(peer(2).deliveries[1], Settle::kAck);
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(ready(), 1u);
}

TEST_P(HomeTest, AChangedPrefetchHoldsForConsumersThatAreThere) {
  queue("q");
  peer(2).consume("q", {.prefetch = 1});
  publish({"1", "2", "3", "4"});
  peer(2).session.set_prefetch(3);
  cluster_.run();
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2", "3"));
}

TEST_P(HomeTest, AConsumerThatDoesNotReadCostsOneWindow) {
  queue("q");
  peer(2).reads = false;
  peer(2).consume("q", {}, 1);
  peer(2).consume("q", {}, 2);
  const std::string large(64 * 1024, 'x');
  publish_many(30, {.body = large});
  const std::size_t held = peer(2).deliveries.size();
  EXPECT_EQ(held, Link::kWindowBytes / large.size()) << "the same for any number of consumers";

  peer(0).consume("q");
  EXPECT_THAT(peer(0).deliveries, SizeIs(30 - held)) << "others are served";
  peer(0).settle_all(Settle::kAck);
  publish_many(1, {.body = "next"});
  EXPECT_THAT(peer(0).take(), ElementsAre("next"));
}

TEST_P(HomeTest, WhatIsWrittenMakesRoomInTheWindow) {
  queue("q");
  peer(2).reads = false;
  peer(2).consume("q");
  publish_many(20, {.body = std::string(64 * 1024, 'x')});
  const std::size_t held = peer(2).deliveries.size();
  ASSERT_LT(held, 20u);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto& delivery = peer(2).deliveries[i];
    peer(2).connection.client.written(delivery.consumer, delivery.lease, delivery.bytes);
  }
  peer(2).connection.client.flush();
  cluster_.run();
  EXPECT_THAT(peer(2).deliveries, SizeIs(held + 4));
}

TEST_P(HomeTest, OneOfTwoWindowWaitersMayHaveLeftWhenThereIsRoom) {
  queue("q");
  peer(2).reads = false;
  peer(2).consume("q", {}, 1);
  const ConsumerId first = peer(2).consumer;
  peer(2).consume("q", {}, 2);
  publish_many(20, {.body = std::string(64 * 1024, 'x')});
  peer(2).cancel(first);
  const auto held = std::exchange(peer(2).deliveries, {});
  peer(2).reads = true;
  for (const auto& delivery : held) {
    peer(2).connection.client.written(delivery.consumer, delivery.lease, delivery.bytes);
  }
  peer(2).connection.client.flush();
  cluster_.run();
  ASSERT_THAT(peer(2).deliveries, SizeIs(20 - held.size()));
  for (const auto& delivery : peer(2).deliveries) EXPECT_NE(delivery.consumer, first);
}

// --- single active and exclusive consumers ------------------------------------------------------

TEST_P(HomeTest, ASingleActiveConsumerIsFollowedByTheNextInOrder) {
  queue("q", {{"x-single-active-consumer", Value::boolean(true)}});
  peer(1).consume("q");
  peer(2).consume("q");
  peer(0).consume("q", {.priority = 9});
  publish({"1", "2"});
  ASSERT_THAT(peer(1).deliveries, SizeIs(2));
  EXPECT_THAT(peer(2).take(), IsEmpty());
  peer(1).settle(peer(1).deliveries[0], Settle::kAck);
  peer(1).cancel(peer(1).consumer);
  peer(1).deliveries.clear();
  publish({"3"});
  EXPECT_THAT(peer(2).take(), ElementsAre("3"));
  EXPECT_THAT(peer(0).take(), IsEmpty());
  EXPECT_TRUE(peer(1).close());
  EXPECT_THAT(peer(2).take(), ElementsAre("2 again"));
}

TEST_P(HomeTest, AnActiveConsumerWhoseConnectionEndsHandsOverWhatItHeld) {
  queue("q", {{"x-single-active-consumer", Value::boolean(true)}});
  peer(2).consume("q");
  peer(1).consume("q");
  publish({"1", "2"});
  disconnect(2);
  EXPECT_THAT(peer(1).take(), ElementsAre("1 again", "2 again"));
}

TEST_P(HomeTest, AnActiveConsumerWithoutAcksHandsOverWhenItHasWrittenAll) {
  quorum_queue("q", {{"x-single-active-consumer", Value::boolean(true)}});
  peer(1).reads = false;
  peer(1).consume("q", {.no_ack = true});
  publish({"1"});
  peer(2).consume("q", {.priority = 5});
  publish({"2"});
  EXPECT_THAT(peer(2).take(), IsEmpty());
  ASSERT_THAT(peer(1).deliveries, SizeIs(1));
  const auto& unwritten = peer(1).deliveries.front();
  Client& client = peer(1).connection.client;
  client.written(unwritten.consumer, unwritten.lease, unwritten.bytes);
  client.flush();
  cluster_.run();
  EXPECT_THAT(peer(2).take(), ElementsAre("2"));
}

TEST_P(HomeTest, AnExclusiveConsumerIsAlone) {
  queue("q");
  EXPECT_EQ(peer(1).consume("q", {.exclusive = true}), "");
  EXPECT_EQ(peer(2).consume("q"), "queue 'q' in vhost '/' in exclusive use");
  peer(1).cancel(peer(1).consumer);
  EXPECT_EQ(peer(2).consume("q"), "");
  EXPECT_EQ(peer(1).consume("q", {.exclusive = true}), "queue 'q' in vhost '/' in exclusive use");

  queue("sac", {{"x-single-active-consumer", Value::boolean(true)}});
  EXPECT_EQ(peer(1).consume("sac", {.exclusive = true}),
            "queue 'sac' in vhost '/' in exclusive use");
}

TEST_P(HomeTest, AQuorumQueueLetsOthersInBesideAnExclusiveConsumer) {
  quorum_queue("q");
  EXPECT_EQ(peer(1).consume("q", {.exclusive = true}), "");
  EXPECT_EQ(peer(2).consume("q", {.exclusive = true}), "");
}

TEST_P(HomeTest, ConsumingWhatIsNotThereIsRefused) {
  EXPECT_EQ(peer(0).consume("q"), "no queue 'q' in vhost '/'");
  EXPECT_EQ(peer(0).get("q"), "refused: no queue 'q' in vhost '/'");
}

TEST_P(HomeTest, LeasesOutliveTheCancellationOfTheirConsumer) {
  queue("q");
  publish({"1", "2"});
  peer(2).consume("q");
  peer(2).cancel(peer(2).consumer);
  publish({"3"});
  ASSERT_THAT(peer(2).deliveries, SizeIs(2));
  peer(2).settle(peer(2).deliveries[0], Settle::kAck);
  peer(2).settle(peer(2).deliveries[1], Settle::kRequeue);
  peer(2).cancel(peer(2).consumer);
  EXPECT_THAT(drain(), ElementsAre("2", "3"));
}

// --- get ----------------------------------------------------------------------------------------

TEST_P(HomeTest, AGetTellsWhatIsLeftAndIsSettledLikeADelivery) {
  queue("q");
  publish({"1", "2", "3"});
  EXPECT_EQ(peer(2).get("q", false), "1");
  EXPECT_EQ(peer(2).got->ready, 2u);
  const GotMessage first = *peer(2).got;
  EXPECT_EQ(peer(2).get("q", false), "2");
  EXPECT_EQ(peer(2).got->consumer, first.consumer);
  peer(2).session.settle(first.consumer, first.lease, first.lease, Settle::kRequeue);
  peer(2).session.flush();
  cluster_.run();
  EXPECT_EQ(peer(2).get("q", false), "1");
  EXPECT_TRUE(peer(2).got->item.redelivered);
  EXPECT_TRUE(peer(2).close());
  EXPECT_THAT(drain(), ElementsAre("1", "2", "3"));
}

TEST_P(HomeTest, AGetIsNoConsumer) {
  EXPECT_EQ(peer(1).declare({.name = "q", .auto_delete = true, .arguments = {}}), "");
  publish({"1"});
  EXPECT_EQ(peer(2).get("q", false), "1");
  EXPECT_EQ(peer(0).look("q")->consumers, 0u);
  EXPECT_TRUE(peer(2).close());
  EXPECT_THAT(drain(), ElementsAre("1")) << "an auto-delete queue stays until a consumer left";
}

// --- deletion -----------------------------------------------------------------------------------

TEST_P(HomeTest, AnAutoDeleteQueueIsGoneEverywhereWhenItsLastConsumersCancelIsAnswered) {
  EXPECT_EQ(peer(1).declare({.name = "q", .auto_delete = true, .arguments = {}}), "");
  peer(0).consume("q");
  peer(2).consume("q");
  peer(0).cancel(peer(0).consumer);
  EXPECT_TRUE(exists("q"));
  bool answered = false;
  peer(2).session.cancel(peer(2).consumer, [&] {
    answered = true;
    for (ShardIndex i = 0; i < cluster_.size(); ++i) {
      EXPECT_EQ(cluster_.shard(i).topology().queue_count(), 0u);
    }
  });
  cluster_.run();
  EXPECT_TRUE(answered);
  EXPECT_THAT(peer(2).gone, IsEmpty()) << "who cancels is not told that it was cancelled";
}

TEST_P(HomeTest, AnAutoDeleteQueueGoesWithTheConnectionOfItsLastConsumer) {
  EXPECT_EQ(peer(1).declare({.name = "q", .auto_delete = true, .arguments = {}}), "");
  peer(2).consume("q");
  publish({"1"});
  disconnect(2);
  EXPECT_FALSE(exists("q"));
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(HomeTest, ADeletionMayAskForAQueueThatNobodyUsesOrThatIsEmpty) {
  queue("q");
  publish({"1"});
  EXPECT_EQ(peer(0).remove("q", {.if_empty = true}), "queue 'q' in vhost '/' not empty");
  peer(2).consume("q", {.prefetch = 1});
  EXPECT_EQ(peer(0).remove("q", {.if_unused = true}), "queue 'q' in vhost '/' in use");
  publish({"2"});
  EXPECT_EQ(peer(0).remove("q", {.if_unused = false, .if_empty = true}),
            "queue 'q' in vhost '/' not empty");
  peer(2).cancel(peer(2).consumer);
  drain();
  EXPECT_EQ(peer(0).remove("q", {.if_unused = true, .if_empty = true}), "");
  EXPECT_FALSE(exists("q"));
  EXPECT_EQ(peer(0).remove("q"), "") << "what is not there needs no deletion";
  EXPECT_EQ(peer(0).count, 0u);
}

TEST_P(HomeTest, ConsumersAreToldThatTheirQueueIsGone) {
  queue("q");
  peer(0).consume("q", {}, 3);
  peer(2).consume("q", {}, 4);
  peer(2).consume("q", {}, 5);
  EXPECT_EQ(peer(1).remove("q"), "");
  EXPECT_THAT(peer(0).gone, ElementsAre(3));
  EXPECT_THAT(peer(2).gone, testing::UnorderedElementsAre(4, 5));
}

TEST_P(HomeTest, NothingIsDeliveredAfterTheWordThatAConsumerIsGone) {
  queue("q");
  peer(2).consume("q", {}, 7);
  peer(1).send({.body = "last"});
  peer(1).session.delete_queue("q", {}, [](EngineResult<std::uint64_t>) {});
  cluster_.run();
  EXPECT_THAT(peer(2).heard, ElementsAre("last", "gone 7"));
}

TEST_P(HomeTest, APublishThatMeetsADeletionIsConfirmed) {
  queue("q");
  bool removed = false;
  peer(1).session.delete_queue("q", {}, [&](EngineResult<std::uint64_t> r) { removed = !!r; });
  const std::uint64_t sequence = peer(0).send({.body = "1"});
  cluster_.run();
  EXPECT_TRUE(removed);
  EXPECT_EQ(peer(0).confirms[sequence], "ack");
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(HomeTest, TwoDeletionsAtOnceAreBothAnsweredWhenTheQueueIsGone) {
  queue("q");
  publish({"1"});
  int answers = 0;
  for (const std::size_t i : {0, 1, 2}) {
    peer(i).session.delete_queue("q", {}, [&](EngineResult<std::uint64_t> result) {
      answers += result.has_value() ? 1 : 0;
      EXPECT_EQ(cluster_.shard(0).topology().queue_count(), 0u);
    });
  }
  cluster_.run();
  EXPECT_EQ(answers, 3);
}

TEST_P(HomeTest, ADeclareBehindADeletionMakesANewQueue) {
  queue("q");
  publish({"old"});
  std::string order;
  peer(1).session.delete_queue("q", {}, [&](EngineResult<std::uint64_t>) { order += "deleted "; });
  peer(1).session.declare_queue(
      {.name = "q", .arguments = {}},
      [&](EngineResult<QueueState> result) { order += result ? "declared" : result.error().text; });
  cluster_.run();
  EXPECT_EQ(order, "deleted declared");
  EXPECT_EQ(ready(), 0u);
}

TEST_P(HomeTest, APurgeOrAConsumerBehindADeletionFindsNothing) {
  queue("q");
  std::vector<std::string> answers;
  const auto note = [&](const auto& result) {
    answers.push_back(result ? "done" : result.error().text);
  };
  peer(1).session.delete_queue("q", {}, note);
  peer(1).session.purge_queue("q", note);
  peer(1).session.consume("q", 1, {}, note);
  peer(1).session.inspect_queue("q", note);
  peer(1).session.get("q", true, note);
  cluster_.run();
  const std::string missing = "no queue 'q' in vhost '/'";
  EXPECT_THAT(answers, testing::UnorderedElementsAre("done", missing, missing, missing, missing));
}

// --- the store ----------------------------------------------------------------------------------

class HomeStoreTest : public AnyShardsTest {
 protected:
  HomeStoreTest() {
    EXPECT_EQ(peer(1).declare({.name = "q", .durable = true, .arguments = {}}), "");
  }
  ScriptedStore& store() { return cluster_.store(1); }
};
INSTANTIATE_TEST_SUITE_P(On, HomeStoreTest, kShardCounts);

TEST_P(HomeStoreTest, OnlyPersistentMessagesOfDurableQueuesAreStored) {
  queue("transient");
  peer(0).publish({.body = "1", .persistent = false});
  peer(0).publish({.body = "2", .key = "transient", .persistent = true});
  EXPECT_EQ(store().appended, 0);
  peer(0).publish({.body = "3", .persistent = true});
  EXPECT_EQ(store().appended, 1);
  drain();
  EXPECT_EQ(store().settled, 1);
}

TEST_P(HomeStoreTest, AConfirmWaitsForTheCommitAndADeliveryDoesNot) {
  store().held = true;
  peer(2).consume("q");
  EXPECT_EQ(peer(0).publish({.body = "stored", .persistent = true}), "");
  EXPECT_THAT(peer(2).take(), ElementsAre("stored"));
  EXPECT_EQ(peer(0).publish({.body = "transient"}), "ack");
  store().held = false;
  cluster_.run();
  EXPECT_EQ(peer(0).confirms[1], "ack");
}

TEST_P(HomeStoreTest, AFailedCommitIsRefusedAndWithdrawn) {
  store().verdict = storage::CommitEnd::kFailed;
  EXPECT_EQ(peer(0).publish({.body = "lost", .persistent = true}), "nack");
  EXPECT_EQ(ready(), 0u);
  store().verdict = storage::CommitEnd::kDurable;
  EXPECT_EQ(peer(0).publish({.body = "kept", .persistent = true}), "ack");
  EXPECT_THAT(drain(), ElementsAre("kept"));
}

TEST_P(HomeStoreTest, WhatWasRefusedMayBeSentAgainUnderItsId) {
  const Fields id = {{"x-deduplication-header", Value::string("a")}};
  EXPECT_EQ(peer(1).remove("q"), "");
  EXPECT_EQ(peer(1).declare({.name = "q",
                             .durable = true,
                             .arguments = {{"x-message-deduplication", Value::boolean(true)}}}),
            "");
  store().verdict = storage::CommitEnd::kFailed;
  EXPECT_EQ(peer(0).publish({.body = "lost", .persistent = true, .headers = id}), "nack");
  store().verdict = storage::CommitEnd::kDurable;
  EXPECT_EQ(peer(0).publish({.body = "kept", .persistent = true, .headers = id}), "ack");
  EXPECT_THAT(drain(), ElementsAre("kept"));
}

TEST_P(HomeStoreTest, WhatAConsumerHasSeenOfAFailedCommitStaysWithIt) {
  store().held = true;
  peer(2).consume("q");
  peer(0).send({.body = "seen", .persistent = true});
  cluster_.run();
  store().verdict = storage::CommitEnd::kFailed;
  store().held = false;
  cluster_.run();
  EXPECT_EQ(peer(0).confirms[1], "nack");
  peer(2).settle_all(Settle::kAck);
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(HomeStoreTest, AQueueMayBeDeletedBeforeItsCommitEnds) {
  store().held = true;
  peer(0).send({.body = "1", .persistent = true});
  cluster_.run();
  EXPECT_EQ(peer(1).remove("q"), "");
  store().verdict = storage::CommitEnd::kFailed;
  store().held = false;
  cluster_.run();
  EXPECT_EQ(peer(0).confirms[1], "nack");
}

TEST_P(HomeStoreTest, APurgeBeforeTheCommitEndsLeavesNothingToWithdraw) {
  store().held = true;
  peer(0).send({.body = "1", .persistent = true});
  cluster_.run();
  EXPECT_EQ(peer(0).purge("q"), "no answer") << "it waits for the store, too";
  publish({"2"});
  store().verdict = storage::CommitEnd::kFailed;
  store().held = false;
  cluster_.run();
  EXPECT_THAT(drain(), ElementsAre("2"));
}

}  // namespace
}  // namespace polymq::engine
