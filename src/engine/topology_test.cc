// Promises of the topology: where messages go through bindings, exchanges and alternates, and what
// goes with what.
#include "engine/topology.h"

#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Made by ShardsTest::peer(1), which declares and binds; peer 2 deletes exchanges.
class TopologyTest : public AnyShardsTest {
 protected:
  /// Publishes from peer 0; the queues (of a, b, c) that have it.
  std::string reaches(const std::string& exchange, const std::string& key = "") {
    EXPECT_EQ(peer(0).publish({.body = "m", .key = key, .exchange = exchange}), "ack");
    std::string reached;
    for (const char* queue : {"a", "b", "c"}) {
      if (!exists(queue)) continue;
      for (std::size_t i = drain(queue).size(); i > 0; --i) reached += queue;
    }
    return reached;
  }
  void three_queues() {
    queue("a", {}, 0);
    queue("b", {}, 1);
    queue("c", {}, 2);
  }
  bool has_exchange(const std::string& name) {
    for (ShardIndex i = 0; i < cluster_.size(); ++i) {
      Topology& topology = cluster_.shard(i).topology();
      const bool here = topology.exchange(*topology.vhost("/"), name) != nullptr;
      if (i != 0 && here != found_) ADD_FAILURE() << "shards disagree about " << name;
      found_ = here;
    }
    return found_;
  }
  std::string unbind(const std::string& source, const std::string& destination,
                     const std::string& key = "", bool to_exchange = false) {
    return peer(1).bind(source, destination, key, to_exchange, false);
  }
  std::string delete_exchange(const std::string& name, bool if_unused = false) {
    std::string answer = "no answer";
    peer(2).session.delete_exchange(
        {peer(2).vhost(), name, if_unused},
        [&](EngineResult<void> result) { answer = result ? "" : result.error().text; });
    cluster_.run();
    return answer;
  }

 private:
  bool found_ = false;
};
INSTANTIATE_TEST_SUITE_P(On, TopologyTest, kShardCounts);

// --- routing ------------------------------------------------------------------------------------

TEST_P(TopologyTest, TheDefaultExchangeReachesAQueueByItsName) {
  three_queues();
  EXPECT_EQ(reaches("", "b"), "b");
  EXPECT_EQ(reaches("", "B"), "");
}

TEST_P(TopologyTest, AnsweredBindingsHoldForEveryShardAtOnce) {
  three_queues();
  exchange("x", "direct");
  EXPECT_EQ(reaches("x", "k"), "");
  bind("x", "a", "k");
  EXPECT_EQ(reaches("x", "k"), "a");
  bind("x", "c", "k");
  EXPECT_EQ(reaches("x", "k"), "ac");
  EXPECT_EQ(unbind("x", "a", "k"), "");
  EXPECT_EQ(reaches("x", "k"), "c");
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(peer(i).publish({.body = "m", .key = "k", .exchange = "x"}), "ack");
  }
  EXPECT_EQ(ready("c"), 3u);
}

TEST_P(TopologyTest, ABindingMadeTwiceIsOneAndUnboundOnceIsGone) {
  three_queues();
  exchange("x", "direct");
  bind("x", "a", "k");
  bind("x", "a", "k");
  bind("x", "a", "other");
  EXPECT_EQ(reaches("x", "k"), "a");
  EXPECT_EQ(unbind("x", "a", "k"), "");
  EXPECT_EQ(reaches("x", "k"), "");
  EXPECT_EQ(reaches("x", "other"), "a");
  EXPECT_EQ(unbind("x", "a", "k"), "") << "what is not there needs no unbinding";
}

TEST_P(TopologyTest, BindingsDifferByTheirArgumentsWhateverTheirOrder) {
  three_queues();
  exchange("x", "headers");
  const auto change = [&](Fields arguments, bool add) {
    std::string answer = "no answer";
    peer(1).session.change_binding(
        {.vhost = peer(1).vhost(),
         .source = "x",
         .destination = "a",
         .arguments = std::move(arguments),
         .add = add},
        [&](EngineResult<void> result) { answer = result ? "" : result.error().text; });
    cluster_.run();
    return answer;
  };
  const Fields one{{"x-match", text("all")}, {"h", number(1)}};
  const Fields one_reversed{{"h", number(1)}, {"x-match", text("all")}};
  const Fields two{{"x-match", text("all")}, {"h", number(2)}};
  EXPECT_EQ(change(one, true), "");
  EXPECT_EQ(change(one_reversed, true), "");
  EXPECT_EQ(change(two, true), "");
  const auto taken = [&](std::int64_t h) {
    peer(0).publish({.body = "m", .exchange = "x", .headers = {{"h", number(h)}}});
    return drain("a").size();
  };
  EXPECT_EQ(taken(1), 1u);
  EXPECT_EQ(taken(2), 1u);
  EXPECT_EQ(change(one_reversed, false), "");
  EXPECT_EQ(taken(1), 0u);
  EXPECT_EQ(taken(2), 1u);
}

TEST_P(TopologyTest, ACircleOfExchangesEndsAndReachesEachQueueOnce) {
  three_queues();
  for (const char* name : {"x", "y", "z"}) exchange(name, "fanout");
  bind_exchange("x", "y");
  bind_exchange("y", "z");
  bind_exchange("z", "x");
  bind_exchange("x", "z");
  bind_exchange("x", "x");
  bind("x", "a");
  bind("y", "b");
  bind("z", "a");
  for (const char* name : {"x", "y", "z"}) EXPECT_EQ(reaches(name), "ab") << name;
}

TEST_P(TopologyTest, AChangeFarBehindAnExchangeIsSeenByWhatWasRoutedBefore) {
  three_queues();
  for (const char* name : {"x", "y", "z"}) exchange(name, "direct");
  bind_exchange("x", "y", "k");
  bind_exchange("y", "z", "k");
  EXPECT_EQ(reaches("x", "k"), "");
  bind("z", "c", "k");
  EXPECT_EQ(reaches("x", "k"), "c");
  EXPECT_EQ(peer(1).remove("c"), "");
  EXPECT_EQ(reaches("x", "k"), "");
  bind("z", "a", "k");
  EXPECT_EQ(reaches("x", "k"), "a");
  EXPECT_EQ(unbind("y", "z", "k", true), "");
  EXPECT_EQ(reaches("x", "k"), "");
  EXPECT_EQ(reaches("y", "k"), "");
  EXPECT_EQ(reaches("z", "k"), "a");
}

TEST_P(TopologyTest, ManyDifferentKeysAreAllRoutedRight) {
  three_queues();
  exchange("x", "direct");
  bind("x", "a", "k7");
  Shard& shard = cluster_.shard(0);
  Exchange& x = *shard.topology().exchange(*shard.topology().vhost("/"), "x");
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 20000; ++i) {
      Message* message = make_message({.body = "m", .key = "k" + std::to_string(i)}, shard.meter());
      ASSERT_EQ(peer(0).session.route(x, *message).size(), i == 7 ? 1u : 0u) << i;
      message->release(shard.meter());
    }
  }
  EXPECT_LE(x.routes.size(), 16384u) << "a flood of keys must not fill memory";
}

// --- alternate exchanges ------------------------------------------------------------------------

TEST_P(TopologyTest, AnAlternateExchangeGetsWhatWouldReachNothing) {
  three_queues();
  exchange("x", "direct", {{"alternate-exchange", text("y")}});
  EXPECT_EQ(reaches("x", "k"), "") << "it is not there yet";
  exchange("y", "fanout");
  bind("y", "b");
  EXPECT_EQ(reaches("x", "k"), "b");
  bind("x", "a", "k");
  EXPECT_EQ(reaches("x", "k"), "a");
  EXPECT_EQ(reaches("x", "other"), "b");
  EXPECT_EQ(delete_exchange("y"), "");
  EXPECT_EQ(reaches("x", "other"), "");
}

TEST_P(TopologyTest, AlternatesMayPointAtEachOtherAndAtTheDefaultExchange) {
  three_queues();
  exchange("x", "direct", {{"alternate-exchange", text("y")}});
  exchange("y", "direct", {{"alternate-exchange", text("x")}});
  EXPECT_EQ(reaches("x", "a"), "");
  EXPECT_EQ(delete_exchange("y"), "");
  exchange("y", "direct", {{"alternate-exchange", text("")}});
  bind("y", "b", "k");
  EXPECT_EQ(reaches("x", "k"), "b");
}

TEST_P(TopologyTest, APolicyGivesAndTakesAnAlternateAndAnArgumentWins) {
  three_queues();
  for (const char* name : {"x", "y", "z"}) exchange(name, "fanout");
  exchange("said", "direct", {{"alternate-exchange", text("z")}});
  exchange("silent", "direct");
  bind("y", "b");
  bind("z", "c");
  EXPECT_EQ(reaches("silent"), "");
  set_policy({{"alternate-exchange", text("y")}}, "^s");
  EXPECT_EQ(reaches("silent"), "b");
  EXPECT_EQ(reaches("said"), "c");
  clear_policies();
  EXPECT_EQ(reaches("silent"), "");
}

TEST_P(TopologyTest, AnAlternateThatReachesNothingIsNoRoute) {
  exchange("x", "direct", {{"alternate-exchange", text("y")}});
  exchange("y", "direct");
  Shard& shard = cluster_.shard(0);
  Exchange& x = *shard.topology().exchange(*shard.topology().vhost("/"), "x");
  Message* message = make_message({.body = "m", .key = "k"}, shard.meter());
  Session& session = peer(0).session;
  EXPECT_TRUE(session.unroutable(x, *message, session.route(x, *message)));
  message->release(shard.meter());
}

// --- what goes with what ------------------------------------------------------------------------

TEST_P(TopologyTest, AQueueGoesWithItsBindingsAndAnExchangeWithIts) {
  three_queues();
  exchange("x", "fanout");
  exchange("y", "fanout");
  bind("x", "a");
  bind("x", "b");
  bind_exchange("x", "y");
  bind("y", "c");
  EXPECT_EQ(peer(1).remove("a"), "");
  queue("a");
  EXPECT_EQ(reaches("x"), "bc") << "a new queue of that name is not bound";
  EXPECT_EQ(delete_exchange("y"), "");
  exchange("y", "fanout");
  EXPECT_EQ(reaches("x"), "b");
}

TEST_P(TopologyTest, AutoDeleteExchangesGoWithTheirLastBindingAndTakeTheirsAlong) {
  three_queues();
  const auto auto_delete = [&](const char* name) {
    EXPECT_EQ(peer(1).declare_exchange(name, "fanout", {}, true), "");
  };
  auto_delete("x");
  auto_delete("y");
  auto_delete("z");
  bind_exchange("x", "y");
  bind_exchange("y", "z");
  bind("z", "a");
  bind("z", "b");
  EXPECT_EQ(peer(1).remove("a"), "");
  EXPECT_TRUE(has_exchange("z"));
  EXPECT_EQ(unbind("z", "b"), "");
  for (const char* name : {"x", "y", "z"}) EXPECT_FALSE(has_exchange(name)) << name;
}

TEST_P(TopologyTest, AnAutoDeleteExchangeStaysUntilItHadABinding) {
  three_queues();
  EXPECT_EQ(peer(1).declare_exchange("x", "fanout", {}, true), "");
  exchange("y", "fanout");
  bind_exchange("y", "x");
  EXPECT_EQ(unbind("y", "x", "", true), "") << "a binding to it is no use of it";
  EXPECT_TRUE(has_exchange("x"));
  bind("x", "a");
  EXPECT_EQ(peer(1).remove("a"), "");
  EXPECT_FALSE(has_exchange("x"));
}

TEST_P(TopologyTest, AnExchangeInUseMayRefuseItsDeletion) {
  three_queues();
  exchange("x", "fanout");
  bind("x", "a");
  EXPECT_EQ(delete_exchange("x", true), "exchange 'x' in vhost '/' in use");
  disconnect(2);
  connect(2);
  EXPECT_EQ(unbind("x", "a"), "");
  EXPECT_EQ(delete_exchange("x", true), "");
  EXPECT_EQ(delete_exchange("x"), "") << "what is not there needs no deletion";
}

}  // namespace
}  // namespace polymq::engine
