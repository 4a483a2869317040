// Promises of clients and sessions: confirms, transactions, channel-wide prefetch, direct replies,
// exclusive queues, and closing in the middle of things.
#include "engine/session.h"

#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class SessionTest : public AnyShardsTest {
 protected:
  /// A queue with its home at each peer: q0, q1, q2.
  void three_queues(const Fields& arguments = {}) {
    for (std::size_t i = 0; i < 3; ++i) queue("q" + std::to_string(i), arguments, i);
  }
  void fanout_to_three() {
    exchange("x", "fanout");
    for (std::size_t i = 0; i < 3; ++i) bind("x", "q" + std::to_string(i));
  }
};
INSTANTIATE_TEST_SUITE_P(On, SessionTest, kShardCounts);

// --- publishing ---------------------------------------------------------------------------------

TEST_P(SessionTest, AMessageForSeveralQueuesReachesEachOnce) {
  three_queues();
  fanout_to_three();
  bind("x", "q1", "again");
  EXPECT_EQ(peer(0).publish({.body = "1", .key = "again", .exchange = "x"}), "ack");
  for (const char* queue : {"q0", "q1", "q2"}) EXPECT_THAT(drain(queue), ElementsAre("1"));
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(SessionTest, OneQueueThatRefusesMakesItANack) {
  three_queues();
  fanout_to_three();
  set_policy({{"max-length", number(0)}, {"overflow", text("reject-publish")}}, "^q1$");
  EXPECT_EQ(peer(0).publish({.body = "1", .exchange = "x"}), "nack");
  EXPECT_THAT(drain("q0"), ElementsAre("1"));
  EXPECT_THAT(drain("q1"), IsEmpty());
  EXPECT_THAT(drain("q2"), ElementsAre("1"));
}

TEST_P(SessionTest, WhatReachesNoQueueIsConfirmedAndKnownToBeUnroutable) {
  exchange("x", "direct");
  EXPECT_EQ(peer(0).publish({.body = "1", .exchange = "x"}), "ack");
  Session& session = peer(0).session;
  Exchange& x = *cluster_.shard(0).topology().exchange(*peer(0).connection.client.vhost(), "x");
  Message* message = make_message({.body = "1", .exchange = "x"}, cluster_.shard(0).meter());
  EXPECT_TRUE(session.unroutable(x, *message, session.route(x, *message)));
  queue("q");
  bind("x", "q", "q");
  EXPECT_FALSE(session.unroutable(x, *message, session.route(x, *message)));
  message->release(cluster_.shard(0).meter());
}

TEST_P(SessionTest, MoreKeysReachMoreQueuesEachOnce) {
  three_queues();
  Shard& shard = cluster_.shard(0);
  Exchange& direct = *shard.topology().exchange(*peer(0).connection.client.vhost(), "");
  Message* message = make_message({.body = "1", .key = "q0"}, shard.meter());
  message->make_extension().more_keys = {"q2", "q0", "nowhere"};
  Session& session = peer(0).session;
  session.publisher().publish(message, session.route(direct, *message));
  session.flush();
  cluster_.run();
  EXPECT_THAT(drain("q0"), ElementsAre("1"));
  EXPECT_THAT(drain("q1"), IsEmpty());
  EXPECT_THAT(drain("q2"), ElementsAre("1"));
}

TEST_P(SessionTest, APublishPrecedesWhatItsChannelAsksForNext) {
  queue("q");
  Session& session = peer(0).session;
  Shard& shard = cluster_.shard(0);
  Exchange& direct = *shard.topology().exchange(*peer(0).connection.client.vhost(), "");
  Message* message = make_message({.body = "1"}, shard.meter());
  session.publisher().publish(message, session.route(direct, *message));  // not flushed
  EXPECT_EQ(peer(0).look("q")->messages, 1u);
}

// --- transactions -------------------------------------------------------------------------------

class TransactionTest : public SessionTest {
 protected:
  Session::TransactionPublish part(const std::string& body, const std::string& key,
                                   const std::string& exchange = "") {
    Session& session = peer(0).session;
    Shard& shard = cluster_.shard(0);
    Vhost& vhost = *peer(0).connection.client.vhost();
    Message* message =
        make_message({.body = body, .key = key, .exchange = exchange}, shard.meter());
    Session::TransactionPublish made{message, {}};
    for (Target* target : session.route(*shard.topology().exchange(vhost, exchange), *message)) {
      made.targets.emplace_back(target->home, target->id);
    }
    return made;
  }
  std::string commit(std::vector<Session::TransactionPublish> publishes,
                     std::vector<SettleItem> settles = {}) {
    std::string answer = "no answer";
    peer(0).session.commit(std::move(publishes), std::move(settles),
                           [&](bool ok) { answer = ok ? "committed" : "refused"; });
    cluster_.run();
    return answer;
  }
};
INSTANTIATE_TEST_SUITE_P(On, TransactionTest, kShardCounts);

TEST_P(TransactionTest, PublishesAndAcknowledgementsOnAllHomesHappenTogether) {
  three_queues();
  publish({"old"}, "q2");
  peer(0).consume("q2", {.prefetch = 1});
  const auto held = peer(0).deliveries.at(0);
  EXPECT_EQ(commit({part("a", "q0"), part("b", "q1"), part("c", "q0"), part("lost", "nowhere")},
                   {{held.consumer, held.lease, held.lease, Settle::kAck}}),
            "committed");
  EXPECT_THAT(drain("q0"), ElementsAre("a", "c"));
  EXPECT_THAT(drain("q1"), ElementsAre("b"));
  disconnect(0);
  connect(0);
  EXPECT_THAT(drain("q2"), IsEmpty());
}

TEST_P(TransactionTest, OneMessageForSeveralQueuesIsTakenByAll) {
  three_queues();
  fanout_to_three();
  EXPECT_EQ(commit({part("1", "", "x")}), "committed");
  for (const char* queue : {"q0", "q1", "q2"}) EXPECT_THAT(drain(queue), ElementsAre("1"));
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(TransactionTest, OneQueueThatWouldRefuseLeavesAllAsItWas) {
  three_queues();
  queue("full", {{"x-max-length", number(1)}, {"x-overflow", text("reject-publish")}}, 2);
  publish({"old"}, "q1");
  peer(0).consume("q1");
  const auto held = peer(0).deliveries.at(0);
  EXPECT_EQ(commit({part("a", "q0"), part("b", "full"), part("c", "full")},
                   {{held.consumer, held.lease, held.lease, Settle::kAck}}),
            "refused");
  EXPECT_EQ(ready("q0"), 0u);
  EXPECT_EQ(ready("full"), 0u);
  disconnect(0);
  connect(0);
  EXPECT_THAT(drain("q1"), ElementsAre("old"));
}

TEST_P(TransactionTest, NothingToDoIsCommitted) { EXPECT_EQ(commit({}), "committed"); }

TEST_P(TransactionTest, ACommitWaitsForTheStoreAndTellsOfItsFailure) {
  EXPECT_EQ(peer(1).declare({.name = "q", .durable = true, .arguments = {}}), "");
  ScriptedStore& store = cluster_.store(1);
  const auto persistent = [&] {
    Session::TransactionPublish made = part("1", "q");
    made.message->release(cluster_.shard(0).meter());
    made.message = make_message({.body = "1", .persistent = true}, cluster_.shard(0).meter());
    return made;
  };
  store.held = true;
  std::string answer = "none yet";
  peer(0).session.commit({persistent()}, {},
                         [&](bool ok) { answer = ok ? "committed" : "failed"; });
  cluster_.run();
  EXPECT_EQ(answer, "none yet");
  store.held = false;
  cluster_.run();
  EXPECT_EQ(answer, "committed");
  EXPECT_EQ(store.units, 1);
  store.verdict = storage::CommitEnd::kFailed;
  EXPECT_EQ(commit({persistent()}), "refused");
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_P(TransactionTest, AChannelThatClosesBeforeItsUnitIsDecidedLeavesNothing) {
  three_queues();
  bool told = false;
  peer(0).session.commit({part("a", "q1"), part("b", "q2")}, {}, [&](bool) { told = true; });
  EXPECT_TRUE(peer(0).close());
  EXPECT_FALSE(told);
  EXPECT_EQ(peer(1).look("q1")->messages + peer(1).look("q2")->messages, 0u);
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

// --- channel-wide prefetch ----------------------------------------------------------------------

TEST_P(SessionTest, AChannelWidePrefetchHoldsOverQueuesOnAllShards) {
  three_queues();
  peer(0).session.set_shared_prefetch(4);
  for (int i = 0; i < 3; ++i) peer(0).consume("q" + std::to_string(i));
  for (int i = 0; i < 5; ++i) {
    for (const char* queue : {"q0", "q1", "q2"}) peer(1).publish({.body = queue, .key = queue});
  }
  ASSERT_THAT(peer(0).deliveries, SizeIs(4));
  std::map<std::string, int> from;
  std::size_t received = 0;
  while (!peer(0).deliveries.empty()) {
    EXPECT_LE(peer(0).deliveries.size(), 4u);
    const auto delivery = peer(0).deliveries.front();
    peer(0).deliveries.erase(peer(0).deliveries.begin());
    ++from[delivery.body];
    ++received;
    peer(0).settle(delivery, Settle::kAck);
  }
  EXPECT_EQ(received, 15u);
  EXPECT_THAT(from, testing::UnorderedElementsAre(testing::Pair("q0", 5), testing::Pair("q1", 5),
                                                  testing::Pair("q2", 5)));
}

TEST_P(SessionTest, AChannelWidePrefetchServesQueuesInTurn) {
  three_queues();
  for (const char* queue : {"q0", "q1", "q2"}) {
    for (int i = 0; i < 10; ++i) peer(1).publish({.body = queue, .key = queue});
  }
  peer(0).session.set_shared_prefetch(1);
  for (int i = 0; i < 3; ++i) peer(0).consume("q" + std::to_string(i));
  std::map<std::string, int> from;
  for (int i = 0; i < 15; ++i) {
    ASSERT_THAT(peer(0).deliveries, SizeIs(1));
    const auto delivery = peer(0).deliveries.front();
    peer(0).deliveries.clear();
    ++from[delivery.body];
    peer(0).settle(delivery, Settle::kAck);
  }
  for (const auto& [name, count] : from)
    EXPECT_THAT(count, testing::AllOf(testing::Ge(4), testing::Le(6))) << name;
}

TEST_P(SessionTest, AChannelWidePrefetchMayComeAndGoWithConsumersThere) {
  queue("q");
  publish({"1", "2", "3", "4", "5", "6"});
  peer(2).session.set_shared_prefetch(2);
  peer(2).consume("q");
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2"));
  peer(2).session.set_shared_prefetch(3);
  cluster_.run();
  EXPECT_THAT(peer(2).take(), ElementsAre("3"));
  peer(2).session.set_shared_prefetch(0);
  cluster_.run();
  EXPECT_THAT(peer(2).take(), ElementsAre("4", "5", "6"));
  peer(2).session.set_shared_prefetch(7);
  publish({"7", "8"});
  EXPECT_THAT(peer(2).take(), ElementsAre("7"));
}

TEST_P(SessionTest, ACancelledConsumerKeepsNoTokenOfItsChannel) {
  three_queues();
  peer(0).session.set_shared_prefetch(1);
  peer(0).consume("q1");
  const ConsumerId first = peer(0).consumer;
  publish({"1", "2"}, "q1");
  ASSERT_THAT(peer(0).deliveries, SizeIs(1));
  peer(0).cancel(first);
  peer(0).consume("q2");
  EXPECT_EQ(peer(1).publish({.body = "3", .key = "q2"}), "ack");
  EXPECT_THAT(peer(0).deliveries, SizeIs(1));
  peer(0).settle_all(Settle::kAck);
  EXPECT_THAT(peer(0).take(), ElementsAre("3"));
}

TEST_P(SessionTest, ATokenForAQueueThatGoesComesBack) {
  three_queues();
  peer(0).session.set_shared_prefetch(1);
  peer(0).consume("q1");
  peer(0).consume("q2");
  for (int i = 0; i < 5; ++i) {
    peer(1).send({.body = "1", .key = "q1"});
    peer(1).session.purge_queue("q1", [](EngineResult<std::uint64_t>) {});
    cluster_.turn(0);
  }
  peer(1).session.delete_queue("q1", {}, [](EngineResult<std::uint64_t>) {});
  cluster_.run();
  peer(0).settle_all(Settle::kAck);
  EXPECT_EQ(peer(1).publish({.body = "2", .key = "q2"}), "ack");
  EXPECT_THAT(peer(0).take(), ElementsAre("2"));
}

TEST_P(SessionTest, WithoutAcknowledgementsAChannelWidePrefetchMeansNothing) {
  queue("q");
  peer(2).session.set_shared_prefetch(1);
  peer(2).consume("q", {.no_ack = true});
  publish({"1", "2"});
  EXPECT_THAT(peer(2).take(), ElementsAre("1", "2"));
}

// --- direct replies -----------------------------------------------------------------------------

TEST_P(SessionTest, ADirectReplyReachesWhoGaveTheAddress) {
  Session& requester = peer(0).session;
  const std::uint64_t nonce = requester.accept_direct(true);
  Session& replier = peer(2).session;
  const auto reply = [&](std::uint64_t with, const char* body) {
    replier.send_direct(requester.id(), with,
                        make_message({.body = body}, replier.client().shard().meter()));
    cluster_.run();
  };
  const auto alive = [&](SessionId to, std::uint64_t with) {
    std::string answer = "none";
    replier.inspect_direct(to, with, [&](bool yes) { answer = yes ? "alive" : "gone"; });
    cluster_.run();
    return answer;
  };
  EXPECT_EQ(alive(requester.id(), nonce), "alive");
  EXPECT_EQ(alive(requester.id(), nonce + 2), "gone");
  EXPECT_EQ(alive(requester.id(), 0), "gone");
  reply(nonce + 2, "a guess");
  reply(nonce, "the reply");
  EXPECT_THAT(peer(0).replies, ElementsAre("the reply"));
  requester.accept_direct(false);
  EXPECT_EQ(alive(requester.id(), nonce), "gone");
  reply(nonce, "too late");
  const SessionId gone = requester.id();
  disconnect(0);
  EXPECT_EQ(alive(gone, nonce), "gone");
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

// --- exclusive queues ---------------------------------------------------------------------------

TEST_P(SessionTest, AnExclusiveQueueIsItsConnectionsOnly) {
  const QueueDeclare declare{.name = "q", .exclusive = true, .arguments = {}};
  EXPECT_EQ(peer(1).declare(declare), "");
  EXPECT_EQ(peer(1).declare(declare), "");
  const std::string locked =
      "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally "
      "declared on another connection or the exclusive property value does not match that of the "
      "original declaration.";
  EXPECT_EQ(peer(2).declare(declare), locked);
  EXPECT_EQ(peer(1).declare({.name = "q", .arguments = {}}), locked);
  EXPECT_EQ(peer(2).consume("q"), locked);
  EXPECT_EQ(peer(2).purge("q"), locked);
  EXPECT_EQ(peer(2).remove("q"), locked);
  EXPECT_EQ(peer(2).bind("amq.direct", "q"), locked);
  disconnect(2);  // a channel on which a bind failed is done for
  connect(2);
  EXPECT_EQ(peer(2).bind("amq.direct", "q", "", false, false), "") << "what is not there";
  EXPECT_EQ(peer(1).bind("amq.direct", "q"), "");
  EXPECT_EQ(peer(2).bind("amq.direct", "q", "", false, false), locked);
  EXPECT_EQ(peer(2).get("q"), "refused: " + locked);
  EXPECT_EQ(peer(2).publish({.body = "anybody may send"}), "ack");
  EXPECT_EQ(peer(1).get("q"), "anybody may send");
}

TEST_P(SessionTest, AnExclusiveQueueGoesEverywhereBeforeItsConnectionIsClosed) {
  EXPECT_EQ(peer(1).declare({.name = "q", .exclusive = true, .arguments = {}}), "");
  publish({"1"});
  EXPECT_TRUE(peer(1).close());
  bool closed = false;
  peers_[1]->connection.client.close([&] {
    closed = true;
    for (ShardIndex i = 0; i < cluster_.size(); ++i) {
      EXPECT_EQ(cluster_.shard(i).topology().queue_count(), 0u);
    }
  });
  cluster_.run();
  EXPECT_TRUE(closed);
  peers_[1].reset();
  EXPECT_EQ(cluster_.message_bytes(), 0);
}

TEST_P(SessionTest, AnExclusiveDeclareUnderWayIsNotOrphanedByAClose) {
  bool told = false;
  peer(2).session.declare_queue({.name = "q", .exclusive = true, .arguments = {}},
                                [&](EngineResult<QueueState>) { told = true; });
  disconnect(2);
  EXPECT_FALSE(told);
  EXPECT_EQ(cluster_.shard(0).topology().queue_count(), 0u);
}

TEST_P(SessionTest, AnExclusiveQueueThatGoesByItselfDoesNotHoldUpTheClose) {
  EXPECT_EQ(peer(2).declare({.name = "q", .exclusive = true, .auto_delete = true, .arguments = {}}),
            "");
  peer(2).consume("q");
  disconnect(2);
  EXPECT_EQ(cluster_.shard(0).topology().queue_count(), 0u);
}

// --- closing ------------------------------------------------------------------------------------

TEST_P(SessionTest, AfterAChannelClosedNothingOfItIsAnswered) {
  three_queues();
  publish({"1", "2"}, "q1");
  int answers = 0;
  const auto count = [&](const auto&) { ++answers; };
  Session& session = peer(2).session;
  session.declare_queue({.name = "new", .arguments = {}}, count);
  session.consume("q1", 1, {.prefetch = 1}, count);
  session.get("q1", false, count);
  session.purge_queue("q0", count);
  EXPECT_TRUE(peer(2).close());
  EXPECT_EQ(answers, 0);
  EXPECT_THAT(peer(2).deliveries, IsEmpty());
  peer(0).consume("q1");
  EXPECT_THAT(peer(0).take(), ElementsAre("1", "2")) << "unmarked: nobody has seen them";
}

TEST_P(SessionTest, WhatAClosingChannelPublishedIsThere) {
  queue("q");
  peer(2).send({.body = "1"});
  EXPECT_TRUE(peer(2).close());
  EXPECT_THAT(peer(2).confirms, IsEmpty());
  EXPECT_THAT(drain(), ElementsAre("1"));
}

}  // namespace
}  // namespace polymq::engine
