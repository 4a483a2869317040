// Promises of shards: mail that is late, operations that cross each other on the way, the memory
// alarm.
#include "engine/shard.h"

#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// Control is on shard 0; peer i is on shard i.
class ShardMailTest : public ShardsTest {
 protected:
  /// Declares on peer `from` without waiting for the answer.
  void ask(std::size_t from, const std::string& name) {
    peer(from).session.declare_queue({.name = name, .arguments = {}},
                                     [this, name](EngineResult<QueueState> result) {
                                       answers_.push_back(result ? name : result.error().text);
                                     });
  }
  void remove(std::size_t from, const std::string& name) {
    peer(from).session.delete_queue(name, {}, [this, name](EngineResult<std::uint64_t> result) {
      answers_.push_back(result ? name + " deleted" : result.error().text);
    });
  }
  /// Peer 1 leaves; its connection has ended only when what is held back has arrived.
  void expect_connection_ends_with_release() {
    EXPECT_TRUE(peer(1).close());
    const auto closed = std::make_shared<bool>(false);
    peers_[1]->connection.client.close([closed] { *closed = true; });
    cluster_.run();
    EXPECT_FALSE(*closed);
    cluster_.release();
    EXPECT_TRUE(*closed);
    peers_[1].reset();
  }
  std::vector<std::string> answers_;
};

// --- topology that arrives late -----------------------------------------------------------------

TEST_F(ShardMailTest, ADeclareIsNotAnsweredBeforeTheSlowestShardKnows) {
  cluster_.hold(0, 2);
  ask(1, "q");
  cluster_.run();
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_EQ(cluster_.shard(2).topology().queue_count(), 0u);
  cluster_.release();
  EXPECT_THAT(answers_, ElementsAre("q"));
  EXPECT_EQ(cluster_.shard(2).topology().queue_count(), 1u);
}

TEST_F(ShardMailTest, MailOfThoseWhoKnowMoreWaitsAndKeepsItsOrder) {
  cluster_.hold(0, 2);
  ask(2, "q");
  cluster_.run();
  ASSERT_EQ(cluster_.shard(1).topology().queue_count(), 1u);
  for (const char* body : {"1", "2", "3"}) peer(1).send({.body = body});
  cluster_.run();
  EXPECT_THAT(peer(1).confirms, IsEmpty()) << "the queue's home has not heard of it";
  cluster_.release();
  EXPECT_THAT(answers_, ElementsAre("q"));
  EXPECT_THAT(peer(1).confirms, SizeIs(3));
  EXPECT_THAT(drain(), ElementsAre("1", "2", "3"));
}

TEST_F(ShardMailTest, AMessageToAQueueOfTheOldNameDoesNotEnterTheNewOne) {
  queue("q", {}, 1);
  cluster_.hold(2, 1);
  peer(2).send({.body = "for the old one"});
  cluster_.run();
  EXPECT_EQ(peer(0).remove("q"), "");
  queue("q", {}, 1);
  cluster_.release();
  EXPECT_EQ(peer(2).confirms[1], "ack");
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_F(ShardMailTest, ADeclareThatOvertakesTheWordOfADeletionWaitsForIt) {
  queue("q", {}, 1);
  publish({"old"});
  cluster_.hold(1, 0);
  remove(1, "q");
  cluster_.turn(1);
  ask(2, "q");
  ask(2, "another");
  cluster_.run();
  cluster_.release();
  EXPECT_THAT(answers_, ElementsAre("another", "q deleted", "q"));
  EXPECT_EQ(ready(), 0u);
}

TEST_F(ShardMailTest, ASecondDeletionIsAnsweredWithTheFirst) {
  queue("q", {}, 1);
  cluster_.hold(1, 0);
  remove(1, "q");
  remove(2, "q");
  cluster_.run();
  EXPECT_EQ(cluster_.shard(2).topology().queue_count(), 1u);
  cluster_.release();
  EXPECT_THAT(answers_, testing::UnorderedElementsAre("q deleted", "q deleted"));
}

TEST_F(ShardMailTest, OfTwoShardsThatDeclareTheSameTheLaterOneLooksAgain) {
  cluster_.hold(2, 0);
  ask(2, "q");
  ask(1, "q");
  cluster_.run();
  EXPECT_EQ(peer(1).publish({.body = "1"}), "ack");
  cluster_.release();
  EXPECT_THAT(answers_, ElementsAre("q", "q"));
  EXPECT_EQ(ready(), 1u);
}

TEST_F(ShardMailTest, APolicyReachesAQueueInOrderWithTheMessagesOfWhoSetIt) {
  queue("q", {}, 2);
  cluster_.hold(0, 2);
  auto made = make_policy(
      PolicyAuthor::kUser,
      {.vhost = "/", .name = "p", .pattern = ".*", .definition = {{"max-length", number(1)}}});
  cluster_.administer(SetPolicies{
      "/", std::make_shared<const PolicySet>(std::vector{*made}, std::vector<Policy>{})});
  peer(0).send({.body = "1"});
  peer(0).send({.body = "2"});
  cluster_.release();
  EXPECT_THAT(drain(), ElementsAre("2"));
}

// --- channels that end with mail under way ------------------------------------------------------

TEST_F(ShardMailTest, DeliveriesToAChannelThatHasGoneReturnAsIfTheyHadNotHappened) {
  queue("q", {}, 1);
  peer(2).consume("q");
  cluster_.hold(1, 2);
  publish({"1", "2"});
  EXPECT_FALSE(peer(2).close()) << "its home cannot answer";
  cluster_.release();
  EXPECT_THAT(peer(2).deliveries, IsEmpty());
  peer(0).consume("q");
  EXPECT_THAT(peer(0).take(), ElementsAre("1", "2"));
}

TEST_F(ShardMailTest, TheWindowOfADeadChannelIsFreeForOthersOfItsConnection) {
  queue("q", {}, 1);
  Channeled other(cluster_, peers_[2]->connection);
  peer(2).consume("q");
  cluster_.hold(1, 2);
  publish_many(20, {.body = std::string(64 * 1024, 'x')});
  EXPECT_FALSE(peer(2).close());
  cluster_.release();
  EXPECT_EQ(other.consume("q"), "");
  EXPECT_THAT(other.deliveries, SizeIs(20));
  other.settle_all(Settle::kAck);
  EXPECT_TRUE(other.close());
}

TEST_F(ShardMailTest, AMessageGotByAChannelThatHasGoneIsThereForOthers) {
  queue("q", {}, 1);
  publish({"1"});
  cluster_.hold(1, 2);
  EXPECT_EQ(peer(2).get("q", true), "no answer");
  EXPECT_FALSE(peer(2).close());
  cluster_.release();
  EXPECT_EQ(peer(2).got, std::nullopt);
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_F(ShardMailTest, AConsumerThatIsTakenFromADeadChannelIsNotTold) {
  queue("q", {}, 1);
  peer(2).consume("q");
  cluster_.hold(1, 2);
  remove(1, "q");
  EXPECT_FALSE(peer(2).close());
  cluster_.release();
  EXPECT_THAT(peer(2).gone, IsEmpty());
  EXPECT_THAT(answers_, ElementsAre("q deleted"));
}

TEST_F(ShardMailTest, AConnectionsEndWaitsForItsExclusiveQueuesOnEveryShard) {
  peer(1).session.declare_queue({.name = "q", .exclusive = true, .arguments = {}},
                                [](EngineResult<QueueState>) { FAIL() << "the channel is gone"; });
  cluster_.turn(1);
  cluster_.hold(0, 2);
  expect_connection_ends_with_release();
  EXPECT_EQ(cluster_.shard(2).topology().queue_count(), 0u);
}

TEST_F(ShardMailTest, AnExclusiveQueueThatSomebodyDeletesHoldsTheEndUntilItIsGoneEverywhere) {
  EXPECT_EQ(peer(1).declare({.name = "q", .exclusive = true, .arguments = {}}), "");
  cluster_.hold(1, 0);
  remove(1, "q");
  expect_connection_ends_with_release();
  EXPECT_EQ(cluster_.shard(2).topology().queue_count(), 0u);
}

TEST_F(ShardMailTest, AnExclusiveQueueThatIsGoneHereButNotThereHoldsTheEnd) {
  EXPECT_EQ(peer(1).declare({.name = "q", .exclusive = true, .arguments = {}}), "");
  cluster_.hold(0, 2);
  remove(1, "q");
  cluster_.run();
  EXPECT_EQ(cluster_.shard(1).topology().queue_count(), 0u);
  EXPECT_EQ(cluster_.shard(2).topology().queue_count(), 1u);
  expect_connection_ends_with_release();
}

// --- backlogs ---------------------------------------------------------------------------------

TEST_F(ShardMailTest, ABacklogIsOneOnlyWhereConsumersAreBehind) {
  queue("q", {}, 1);
  publish({std::string(Home::kBacklogBytes + 1, 'x'), "second"});
  EXPECT_FALSE(cluster_.shard(1).consumers_behind()) << "nobody waits for it";
  peer(2).consume("q", {.prefetch = 0});
  EXPECT_FALSE(cluster_.shard(1).consumers_behind()) << "all is handed out";
  disconnect(2);
  connect(2);
  publish({std::string(Home::kBacklogBytes + 1, 'x')});
  peer(2).consume("q", {.prefetch = 1});
  EXPECT_TRUE(cluster_.shard(1).consumers_behind());
  EXPECT_FALSE(cluster_.shard(2).consumers_behind()) << "the queue is not here";
}

// --- tokens of a channel-wide prefetch ----------------------------------------------------------

TEST_F(ShardMailTest, ATokenOnItsWayToAConsumerThatIsCancelledComesBack) {
  queue("q", {}, 1);
  queue("other", {}, 2);
  peer(0).session.set_shared_prefetch(1);
  peer(0).consume("other");
  peer(0).consume("q");
  const ConsumerId cancelled = peer(0).consumer;
  cluster_.hold(0, 1);
  peer(1).send({.body = "1"});
  cluster_.run();
  bool done = false;
  peer(0).session.cancel(cancelled, [&] { done = true; });
  cluster_.release();
  EXPECT_TRUE(done);
  EXPECT_THAT(peer(0).deliveries, SizeIs(0));
  EXPECT_EQ(peer(1).publish({.body = "2", .key = "other"}), "ack");
  EXPECT_THAT(peer(0).take(), ElementsAre("2")) << "the channel's only token is free";
}

// --- transactions -------------------------------------------------------------------------------

TEST_F(ShardMailTest, AUnitIsAppliedNowhereUntilAllHaveAgreed) {
  queue("near", {}, 0);
  queue("far", {}, 2);
  cluster_.hold(0, 2);
  std::vector<Session::TransactionPublish> publishes;
  Shard& shard = cluster_.shard(0);
  for (const char* name : {"near", "far"}) {
    Message* message = make_message({.body = "1", .key = name}, shard.meter());
    const QueueEntry* entry = shard.topology().queue(*shard.topology().vhost("/"), name);
    publishes.push_back({message, {{entry->home, entry->id}}});
  }
  std::string answer = "none";
  peer(0).session.commit(std::move(publishes), {}, [&](bool ok) { answer = ok ? "done" : "not"; });
  cluster_.run();
  EXPECT_EQ(answer, "none");
  EXPECT_EQ(peer(1).look("near")->messages, 0u);
  cluster_.release();
  EXPECT_EQ(answer, "done");
  EXPECT_EQ(ready("near") + ready("far"), 2u);
}

// --- memory -------------------------------------------------------------------------------------

class ShardMemoryTest : public ShardsTest {
 protected:
  ShardMemoryTest() : ShardsTest(3, {.memory_limit = 100'000}) {}
};

TEST_F(ShardMemoryTest, TheAlarmCountsAllShardsAndIsHeardByAllConnections) {
  for (std::size_t i = 0; i < 3; ++i) {
    queue("q" + std::to_string(i), {}, i);
    publish({std::string(30'000, 'x')}, "q" + std::to_string(i));
  }
  cluster_.pass(100);
  for (auto& one : peers_) EXPECT_THAT(one->connection.alarms, IsEmpty()) << "90 % are fine";
  publish({std::string(12'000, 'x')}, "q2");
  cluster_.pass(100);
  for (ShardIndex i = 0; i < 3; ++i) {
    EXPECT_TRUE(cluster_.shard(i).alarm());
    EXPECT_THAT(peers_[i]->connection.alarms, ElementsAre(true));
  }
  EXPECT_EQ(peer(2).get("q2", false).size(), 30'000u) << "consuming goes on";
  peer(2).close();
  cluster_.pass(100);
  for (ShardIndex i = 0; i < 3; ++i) EXPECT_TRUE(cluster_.shard(i).alarm());
  EXPECT_EQ(drain("q0").size(), 1u);
  cluster_.pass(100);
  for (auto& one : peers_) EXPECT_THAT(one->connection.alarms, ElementsAre(true, false));
}

TEST_F(ShardMemoryTest, TheAlarmEndsOnlyClearlyBelowTheLimit) {
  queue("q", {}, 1);
  publish({std::string(97'000, 'x'), std::string(2'000, 'x'), std::string(2'000, 'x')});
  cluster_.pass(100);
  EXPECT_TRUE(cluster_.shard(0).alarm());
  peer(2).consume("q", {.prefetch = 3});
  peer(2).settle(peer(2).deliveries[1], Settle::kAck);
  peer(2).settle(peer(2).deliveries[2], Settle::kAck);
  cluster_.pass(100);
  EXPECT_TRUE(cluster_.shard(0).alarm()) << "97 % would flap";
  peer(2).settle(peer(2).deliveries[0], Settle::kAck);
  cluster_.pass(100);
  EXPECT_FALSE(cluster_.shard(0).alarm());
}

// --- randomness ---------------------------------------------------------------------------------

TEST(ShardRandom, TheSameSeedGivesTheSameHistoryAndShardsDiffer) {
  struct Nowhere final : Outbox {
    void send(ShardIndex, Envelope) override {}
  } outbox;
  ScriptedStore store;
  const auto draw = [&](std::uint64_t seed, ShardIndex index) {
    ShardOptions options;
    options.index = index;
    options.count = 2;
    options.seed = seed;
    storage::MemoryMetadata metadata;
    Shard shard(options, outbox, store, metadata);
    std::vector<std::uint64_t> drawn;
    for (int i = 0; i < 8; ++i) drawn.push_back(shard.random());
    return drawn;
  };
  EXPECT_EQ(draw(1, 0), draw(1, 0));
  EXPECT_NE(draw(1, 0), draw(1, 1));
  EXPECT_NE(draw(1, 0), draw(2, 0));
}

}  // namespace
}  // namespace polymq::engine
