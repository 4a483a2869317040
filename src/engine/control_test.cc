// Promises of control: declarations from several shards, their order, refusals, limits, vhosts.
#include "engine/control.h"

#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ControlTest : public AnyShardsTest {
 protected:
  template <class T>
  Completion<T> note(const std::string& name) {
    return [this, name](EngineResult<T> result) {
      answers_.push_back(name + (result ? "" : ": " + result.error().text));
    };
  }
  /// Asks from peer `from` without waiting for the answer.
  void ask_queue(std::size_t from, const std::string& name, Fields arguments = {}) {
    peer(from).session.declare_queue({.name = name, .arguments = std::move(arguments)},
                                     note<QueueState>(name));
  }
  void ask_exchange(std::size_t from, const std::string& name, const std::string& type) {
    peer(from).session.declare_exchange({peer(from).vhost(), name, type, false, false, false, {}},
                                        note<void>(name));
  }
  void ask_binding(std::size_t from, const std::string& source, const std::string& queue) {
    peer(from).session.change_binding(
        {.vhost = peer(from).vhost(), .source = source, .destination = queue},
        note<void>(source + ">" + queue));
  }
  std::vector<std::string> answers() {
    cluster_.run();
    return std::exchange(answers_, {});
  }

 private:
  std::vector<std::string> answers_;
};
INSTANTIATE_TEST_SUITE_P(On, ControlTest, kShardCounts);

// --- declaring ----------------------------------------------------------------------------------

TEST_P(ControlTest, AllWhoDeclareTheSameQueueAtOnceGetOneQueue) {
  for (std::size_t i = 0; i < 3; ++i) ask_queue(i, "q");
  EXPECT_THAT(answers(), ElementsAre("q", "q", "q"));
  EXPECT_EQ(cluster_.shard(0).topology().queue_count(), 1u);
}

TEST_P(ControlTest, OfTwoDifferentDeclaresAtOnceOneIsRefused) {
  ask_queue(1, "q", {{"x-max-length", number(1)}});
  ask_queue(2, "q", {{"x-max-length", number(2)}});
  const auto told = answers();
  ASSERT_EQ(told.size(), 2u);
  const bool first_won = told[0] == "q";
  EXPECT_EQ(told[first_won ? 0 : 1], "q");
  EXPECT_THAT(told[first_won ? 1 : 0],
              HasSubstr("inequivalent arg 'x-max-length' for queue 'q' in vhost '/'"));
}

TEST_P(ControlTest, DeclaringAgainTellsWhatIsThereAndChangesNothing) {
  queue("q");
  publish({"1", "2"});
  peer(2).consume("q", {.prefetch = 1});
  EXPECT_EQ(peer(1).declare({.name = "q", .arguments = {}}), "");
  EXPECT_EQ(peer(1).state.messages, 1u);
  EXPECT_EQ(peer(1).state.consumers, 1u);
  EXPECT_THAT(peer(1).declare({.name = "q", .durable = true, .arguments = {}}),
              HasSubstr("inequivalent arg 'durable'"));
  EXPECT_THAT(peer(1).declare({.name = "q", .arguments = {{"x-message-ttl", number(1)}}}),
              HasSubstr("inequivalent arg 'x-message-ttl'"));
  EXPECT_EQ(ready(), 1u);
}

TEST_P(ControlTest, WrongArgumentsAreRefusedBeforeAnythingIsAsked) {
  EXPECT_THAT(peer(2).declare({.name = "q", .arguments = {{"x-expires", number(0)}}}),
              HasSubstr("invalid arg 'x-expires' for queue 'q' in vhost '/'"));
  EXPECT_FALSE(exists("q"));
}

TEST_P(ControlTest, AnExchangeIsDeclaredOnceAndThenCompared) {
  exchange("x", "direct");
  EXPECT_EQ(peer(2).declare_exchange("x", "direct"), "");
  EXPECT_THAT(peer(2).declare_exchange("x", "fanout"),
              HasSubstr("inequivalent arg 'type' for exchange 'x' in vhost '/'"));
}

TEST_P(ControlTest, ReservedNamesAndUnknownTypesAreRefused) {
  EXPECT_EQ(peer(0).declare_exchange("amq.mine", "direct"),
            "exchange name 'amq.mine' contains reserved prefix 'amq.*'");
  EXPECT_THAT(peer(1).declare_exchange("x", "x-unheard-of"), HasSubstr("x-unheard-of"));
  EXPECT_THAT(peer(2).declare_exchange("amq.direct", "direct"),
              HasSubstr("inequivalent arg 'durable'"));
}

TEST_P(ControlTest, QueuesSpreadWhenOneShardHasClearlyMoreThanItsShare) {
  for (int i = 0; i < 60; ++i) queue("q" + std::to_string(i), {}, 1);
  std::vector<int> homes(cluster_.size());
  const Vhost& vhost = *cluster_.shard(0).topology().vhost("/");
  for (const auto& [name, entry] : vhost.queues) ++homes[entry->home];
  for (const int count : homes) EXPECT_GE(count, 60 / (cluster_.size() * 3));
}

// --- order --------------------------------------------------------------------------------------

TEST_P(ControlTest, ARunOfOperationsOfAChannelIsAnsweredInItsOrder) {
  ask_queue(2, "q1");
  ask_exchange(2, "x", "fanout");
  ask_binding(2, "x", "q1");
  ask_queue(2, "q2");
  ask_binding(2, "x", "q2");
  EXPECT_THAT(answers(), ElementsAre("q1", "x", "x>q1", "q2", "x>q2"));
  EXPECT_EQ(peer(0).publish({.body = "1", .exchange = "x"}), "ack");
  EXPECT_THAT(drain("q1"), ElementsAre("1"));
  EXPECT_THAT(drain("q2"), ElementsAre("1"));
}

TEST_P(ControlTest, WhatFollowsAFailureOnTheSameChannelIsDropped) {
  ask_exchange(2, "x", "fanout");
  ask_binding(2, "x", "missing");
  ask_queue(2, "never");
  ask_binding(2, "x", "never");
  EXPECT_THAT(answers(), ElementsAre("x", "x>missing: no queue 'missing' in vhost '/'",
                                     "never: dropped", "x>never: dropped"));
  EXPECT_FALSE(exists("never"));
  ask_queue(1, "other");
  EXPECT_THAT(answers(), ElementsAre("other")) << "other channels go on";
  disconnect(2);
  connect(2);
  ask_queue(2, "new");
  EXPECT_THAT(answers(), ElementsAre("new"));
}

TEST_P(ControlTest, AnAnswerMeansThatEveryShardKnows) {
  for (int i = 0; i < 5; ++i) {
    bool told = false;
    const std::string name = "q" + std::to_string(i);
    peer(2).session.declare_queue({.name = name, .arguments = {}}, [&](EngineResult<QueueState>) {
      told = true;
      for (ShardIndex s = 0; s < cluster_.size(); ++s) {
        Topology& topology = cluster_.shard(s).topology();
        EXPECT_NE(topology.queue(*topology.vhost("/"), name), nullptr) << "shard " << s;
      }
    });
    cluster_.run();
    EXPECT_TRUE(told);
  }
}

// --- bindings -----------------------------------------------------------------------------------

TEST_P(ControlTest, BindingsNeedBothEnds) {
  const auto refusal = [&](const char* source, const char* destination, bool to_exchange) {
    disconnect(2);
    connect(2);
    return peer(2).bind(source, destination, "", to_exchange);
  };
  queue("q");
  exchange("x", "direct");
  EXPECT_EQ(refusal("x", "nowhere", false), "no queue 'nowhere' in vhost '/'");
  EXPECT_EQ(refusal("nothing", "q", false), "no exchange 'nothing' in vhost '/'");
  EXPECT_EQ(refusal("x", "nowhere", true), "no exchange 'nowhere' in vhost '/'");
  EXPECT_EQ(refusal("nothing", "x", true), "no exchange 'nothing' in vhost '/'");
}

TEST_P(ControlTest, ABindingsArgumentsAreCheckedByItsExchange) {
  queue("q");
  exchange("x", "x-consistent-hash");
  EXPECT_NE(peer(2).bind("x", "q", "not a number"), "");
}

// --- vhosts -------------------------------------------------------------------------------------

TEST_P(ControlTest, AVhostGoesWithAllThatIsInIt) {
  EXPECT_EQ(cluster_.administer(AddVhost{"/", "", {}}), "") << "it is there already";
  queue("q");
  quorum_queue("other", {}, 2);
  exchange("x", "fanout");
  bind("x", "q");
  publish({"1"});
  peer(2).consume("q", {}, 7);
  EXPECT_EQ(cluster_.administer(RemoveVhost{"/"}), "");
  EXPECT_THAT(peer(2).gone, ElementsAre(7));
  for (auto& one : peers_) EXPECT_TRUE(one->connection.vhost_removed);
  EXPECT_EQ(peer(0).declare({.name = "q", .arguments = {}}), "no queue 'q' in vhost '/'");
  EXPECT_EQ(peer(0).purge("q"), "no queue 'q' in vhost '/'");
  EXPECT_EQ(cluster_.administer(RemoveVhost{"/"}), "no vhost '/'");
  EXPECT_EQ(cluster_.administer(SetPolicies{"/", nullptr}), "no vhost '/'");
}

class ControlOnThreeShards : public ShardsTest {};

TEST_F(ControlOnThreeShards, WhatIsAskedBeforeAShardHearsThatTheVhostIsGoneIsRefused) {
  cluster_.hold(0, 1);
  cluster_.hold(0, 2);
  EXPECT_EQ(cluster_.administer(RemoveVhost{"/"}), "no answer") << "not everybody knows";
  std::vector<std::string> answers;
  const auto note = [&](const auto& result) {
    answers.push_back(result ? "done" : result.error().text);
  };
  peer(1).session.declare_queue({.name = "q", .arguments = {}}, note);
  peer(2).session.declare_exchange({peer(2).vhost(), "x", "fanout", false, false, false, {}}, note);
  peer(2).session.delete_exchange({peer(2).vhost(), "x", false}, note);
  peer(2).session.change_binding({.vhost = peer(2).vhost()}, note);
  cluster_.release();
  EXPECT_THAT(answers, testing::UnorderedElementsAre("no vhost", "no vhost", "dropped", "dropped"));
}

TEST_P(ControlTest, VhostsKnowNothingOfEachOther) {
  queue("q");
  publish({"1"});
  EXPECT_EQ(cluster_.administer(AddVhost{"two", "quorum", {.max_queues = 1}}, 1), "");
  Connected other(cluster_.shard(2), "two");
  Channeled channel(cluster_, other);
  EXPECT_FALSE(channel.look("q").has_value());
  EXPECT_EQ(channel.declare({.name = "q", .durable = true, .arguments = {}}), "");
  Vhost* two = cluster_.shard(0).topology().vhost("two");
  EXPECT_EQ(cluster_.shard(0).topology().queue(*two, "q")->declared->type, QueueType::kQuorum)
      << "the vhost's default type";
  EXPECT_EQ(channel.declare({.name = "more", .arguments = {}}),
            "cannot declare queue 'more': queue limit in vhost 'two' (1) is reached");
  EXPECT_TRUE(channel.close());
  bool closed = false;
  other.client.close([&] { closed = true; });
  cluster_.run();
  EXPECT_TRUE(closed);
  EXPECT_EQ(cluster_.administer(RemoveVhost{"two"}), "");
  EXPECT_THAT(drain(), ElementsAre("1"));
}

// --- limits -------------------------------------------------------------------------------------

class ControlLimitsTest : public ShardsTest {
 protected:
  ControlLimitsTest()
      : ShardsTest(2, {.limits = {.max_queues_per_vhost = 2, .max_exchanges_per_vhost = 9}}) {}
};

TEST_F(ControlLimitsTest, TheOperatorsLimitsHoldForEveryVhost) {
  queue("q1");
  queue("q2");
  EXPECT_EQ(peer(1).declare({.name = "q3", .arguments = {}}),
            "cannot declare queue 'q3': queue limit in vhost '/' (2) is reached");
  EXPECT_EQ(peer(0).declare({.name = "q2", .arguments = {}}), "") << "declaring again is free";
  EXPECT_EQ(peer(0).remove("q1"), "");
  EXPECT_EQ(peer(0).declare({.name = "q3", .arguments = {}}), "");

  EXPECT_EQ(peer(0).declare_exchange("x", "fanout"), "") << "eight are there from the start";
  EXPECT_EQ(peer(0).declare_exchange("y", "fanout"),
            "cannot declare exchange 'y' in vhost '/': exchange limit of 9 is reached");
}

}  // namespace
}  // namespace polymq::engine
