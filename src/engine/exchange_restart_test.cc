// Promises of what exchanges hold and remember, and of ids that queues have seen, over a restart.
#include <gmock/gmock.h>

#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Fields kDelayedFanout = {{"x-delayed-type", Value::string("fanout")}};
const Fields kSeesIds = {{"x-message-deduplication", Value::boolean(true)},
                         {"x-cache-size", Value::integer(3)}};

Fields id(const std::string& text) { return {{"x-deduplication-header", Value::string(text)}}; }
Fields delay(std::int64_t ms) { return {{"x-delay", Value::integer(ms)}}; }

class ExchangeRestartTest : public RestartsTest {
 protected:
  std::string publish_to(const std::string& exchange, const std::string& body, Fields headers,
                         bool persistent = true) {
    return peer(0).publish({.body = body,
                            .exchange = exchange,
                            .persistent = persistent,
                            .headers = std::move(headers)});
  }
  std::optional<bool> commit(const std::vector<Post>& posts) {
    const auto done = start_commit(posts);
    cluster().run();
    return *done;
  }
  /// A transaction of peer 0 begins to end. nullopt: it is not answered.
  std::shared_ptr<std::optional<bool>> start_commit(const std::vector<Post>& posts) {
    Channeled& from = peer(0);
    Shard& shard = from.connection.client.shard();
    std::vector<Session::TransactionPublish> publishes;
    for (const Post& post : posts) {
      Exchange& exchange =
          *shard.topology().exchange(*from.connection.client.vhost(), post.exchange);
      Session::TransactionPublish publish{make_message(post, shard.meter()), {}};
      for (const Target* target : from.session.route(exchange, *publish.message)) {
        publish.targets.emplace_back(target->home, target->id);
      }
      publishes.push_back(std::move(publish));
    }
    const auto done = std::make_shared<std::optional<bool>>();
    from.session.commit(std::move(publishes), {}, [done](bool ok) { *done = ok; });
    return done;
  }
  void sees_ids(const std::string& name) {
    exchange(name, "fanout", kSeesIds);
    bind(name, "q");
  }
};
INSTANTIATE_TEST_SUITE_P(On, ExchangeRestartTest, kShardCounts);

// --- holding ------------------------------------------------------------------------------------

TEST_P(ExchangeRestartTest, AHeldMessageComesWhenItIsDueAndOnce) {
  queue("q");
  exchange("x", "x-delayed-message", kDelayedFanout);
  bind("x", "q");
  EXPECT_EQ(publish_to("x", "late", delay(5000)), "ack");
  EXPECT_EQ(publish_to("x", "early", delay(2000)), "ack");
  EXPECT_EQ(publish_to("x", "transient", delay(1000), false), "ack");
  restart();
  EXPECT_EQ(ready(), 0u);
  cluster().pass(2000);
  EXPECT_EQ(ready(), 1u);
  restart();
  cluster().pass(5000);
  EXPECT_THAT(drain(), ElementsAre("early", "late"));
  restart();
  cluster().pass(5000);
  EXPECT_EQ(ready(), 0u);
}

TEST_P(ExchangeRestartTest, AHeldMessageIsConfirmedWhenItIsDurable) {
  exchange("x", "x-delayed-message", kDelayedFanout);
  life_->hold_commits(true);
  EXPECT_EQ(publish_to("x", "1", delay(5000)), "");
  life_->hold_commits(false);
  peer(0).on_publishes_settled();
  EXPECT_EQ(peer(0).confirms[1], "ack");
}

TEST_P(ExchangeRestartTest, WhatAnExchangeHoldsGoesWithIt) {
  exchange("x", "x-delayed-message", kDelayedFanout);
  EXPECT_EQ(publish_to("x", "1", delay(5000)), "ack");
  restart();
  EXPECT_EQ(kept_.messages(), 1u);
  delete_everything(cluster());
  EXPECT_EQ(kept_.messages(), 0u);
}

// --- ids ----------------------------------------------------------------------------------------

TEST_P(ExchangeRestartTest, AnExchangeKnowsTheIdsOfEarlierLives) {
  queue("q");
  sees_ids("x");
  EXPECT_EQ(publish_to("x", "1", id("a")), "ack");
  EXPECT_THAT(drain(), ElementsAre("1"));
  restart();
  EXPECT_EQ(publish_to("x", "2", id("a")), "ack");
  EXPECT_EQ(publish_to("x", "3", id("b")), "ack");
  EXPECT_THAT(drain(), ElementsAre("3"));
}

TEST_P(ExchangeRestartTest, AQueueKnowsTheIdsOfEarlierLives) {
  queue("q", kSeesIds);
  EXPECT_EQ(publish_to("", "1", id("a")), "ack");
  EXPECT_THAT(drain(), ElementsAre("1"));
  restart();
  EXPECT_EQ(publish_to("", "2", id("a")), "ack");
  EXPECT_EQ(publish_to("", "3", id("b")), "ack");
  EXPECT_THAT(drain(), ElementsAre("3"));
}

TEST_P(ExchangeRestartTest, NoMoreIdsAreKeptThanAreKnown) {
  queue("q", kSeesIds);
  for (const char* each : {"a", "b", "c", "d", "e"}) publish_to("", each, id(each));
  EXPECT_EQ(drain().size(), 5u);
  EXPECT_EQ(kept_.messages(), 3u);
  restart();
  EXPECT_EQ(publish_to("", "again", id("e")), "ack");
  EXPECT_EQ(publish_to("", "again", id("a")), "ack");
  EXPECT_THAT(drain(), ElementsAre("again")) << "a was forgotten before";
}

TEST_P(ExchangeRestartTest, ADuplicateIsConfirmedWithItsOriginal) {
  queue("q", kSeesIds);
  queue("r");
  exchange("x", "fanout", kSeesIds);
  bind("x", "r");
  for (const std::string exchange : {"", "x"}) {
    life_->hold_commits(true);
    EXPECT_EQ(publish_to(exchange, "1", id("a")), "");
    EXPECT_EQ(publish_to(exchange, "2", id("a")), "") << "a crash would lose both";
    life_->hold_commits(false);
    peer(0).on_publishes_settled();
    EXPECT_EQ(peer(0).confirms.rbegin()->second, "ack");
  }
  EXPECT_THAT(drain(), ElementsAre("1"));
  EXPECT_THAT(drain("r"), ElementsAre("1"));
  EXPECT_EQ(publish_to("x", "3", id("a")), "ack") << "all is durable";
}

TEST_P(ExchangeRestartTest, NothingIsDecidedBeforeTheIdsWereRead) {
  queue("q", kSeesIds);
  EXPECT_EQ(publish_to("", "1", id("a")), "ack");
  restart_and_hold();
  EXPECT_EQ(publish_to("", "2", id("a")), "");
  EXPECT_EQ(publish_to("", "3", id("b")), "");
  release();
  peer(0).on_publishes_settled();
  EXPECT_EQ(peer(0).confirms[1], "ack");
  EXPECT_EQ(peer(0).confirms[2], "ack");
  EXPECT_THAT(drain(), ElementsAre("1", "3"));
}

// --- history ------------------------------------------------------------------------------------

TEST_P(ExchangeRestartTest, AHistoryIsThereForLaterBindings) {
  exchange("x", "x-recent-history", {{"x-recent-history-length", Value::integer(2)}});
  for (const char* body : {"1", "2", "3"}) EXPECT_EQ(publish_to("x", body, {}), "ack");
  EXPECT_EQ(publish_to("x", "transient", {}, false), "ack");
  restart();
  queue("q");
  bind("x", "q");
  EXPECT_THAT(drain(), ElementsAre("3")) << "the transient one had taken a place";
  EXPECT_EQ(publish_to("x", "4", {}), "ack");
  restart();
  queue("r");
  bind("x", "r");
  EXPECT_THAT(drain("r"), ElementsAre("3", "4"));
}

TEST_P(ExchangeRestartTest, ABindingDuringATransactionGetsItsMessagesOnce) {
  queue("q");
  exchange("x", "x-recent-history");
  const auto done = start_commit({{.body = "1", .exchange = "x", .persistent = true},
                                  {.body = "2", .exchange = "x", .persistent = true}});
  // It begins when the messages have just got there.
  Channeled& binder = peer(1);
  binder.session.inspect_queue("q", [&binder](const EngineResult<QueueState>&) {
    binder.session.change_binding({.vhost = binder.vhost(),
                                   .source = "x",
                                   .destination = "q",
                                   .to_exchange = false,
                                   .key = "",
                                   .add = true},
                                  [](const EngineResult<void>& result) { EXPECT_TRUE(result); });
  });
  cluster().run();
  EXPECT_EQ(*done, true);
  EXPECT_THAT(drain(), ElementsAre("1", "2"));
}

// --- units --------------------------------------------------------------------------------------

TEST_P(ExchangeRestartTest, ADeadLetterPassesAnExchangeWithStateWhole) {
  queue("q", {{"x-dead-letter-exchange", Value::string("x")}});
  queue("dead");
  exchange("x", "fanout", kSeesIds);
  bind("x", "dead");
  publish({"1", "2"});
  EXPECT_EQ(peer(2).consume("q"), "");
  peer(2).settle_all(Settle::kDiscard);
  EXPECT_EQ(ready("dead"), 2u);
  restart();
  EXPECT_EQ(ready(), 0u);
  EXPECT_THAT(drain("dead"), ElementsAre("1", "2"));
}

TEST_P(ExchangeRestartTest, ARefusalBehindAnExchangeIsToldAndItsIdForgotten) {
  queue("q",
        {{"x-max-length", Value::integer(1)}, {"x-overflow", Value::string("reject-publish")}});
  sees_ids("x");
  EXPECT_EQ(publish_to("x", "1", id("a")), "ack");
  EXPECT_EQ(publish_to("x", "2", id("b")), "nack");
  const std::uint64_t original =
      peer(0).send({.body = "3", .exchange = "x", .persistent = true, .headers = id("c")});
  const std::uint64_t duplicate =
      peer(2).send({.body = "3", .exchange = "x", .persistent = true, .headers = id("c")});
  cluster().run();
  peer(0).on_publishes_settled();
  peer(2).on_publishes_settled();
  EXPECT_EQ(peer(0).confirms[original], "nack");
  EXPECT_EQ(peer(2).confirms[duplicate], "nack") << "neither is anywhere";
  restart();
  EXPECT_THAT(drain(), ElementsAre("1"));
  EXPECT_EQ(publish_to("x", "2 again", id("b")), "ack");
  EXPECT_THAT(drain(), ElementsAre("2 again"));
}

TEST_P(ExchangeRestartTest, ATransactionHearsOfARefusalBehindAnExchange) {
  queue("q",
        {{"x-max-length", Value::integer(1)}, {"x-overflow", Value::string("reject-publish")}});
  sees_ids("x");
  const auto post = [](const std::string& body) {
    return Post{.body = body, .exchange = "x", .persistent = true, .headers = id(body)};
  };
  EXPECT_EQ(commit({post("1")}), true);
  EXPECT_EQ(commit({post("2")}), false);
  restart();
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_P(ExchangeRestartTest, ATransactionLargerThanTheWindowPassesAnExchange) {
  queue("q");
  sees_ids("x");
  std::vector<Post> posts;
  std::vector<std::string> bodies;
  for (int i = 0; i < 100; ++i) {
    bodies.push_back(std::to_string(i) + std::string(64 * 1024, '.'));
    posts.push_back({.body = bodies.back(),
                     .exchange = "x",
                     .persistent = true,
                     .headers = id(std::to_string(i))});
  }
  EXPECT_EQ(commit(posts), true);
  EXPECT_GT(life_->reads(), 0u) << "some of it had left memory";
  EXPECT_EQ(drain(), bodies);
}

TEST_P(ExchangeRestartTest, ATransactionKeepsItsOrderBehindAnExchange) {
  queue("q");
  sees_ids("x");
  std::vector<Post> posts;
  for (const char* body : {"1", "2", "3", "4"}) {
    const bool persistent = posts.size() % 2 == 0;
    posts.push_back({.body = body, .exchange = "x", .persistent = persistent, .headers = id(body)});
  }
  EXPECT_EQ(commit(posts), true);
  EXPECT_THAT(drain(), ElementsAre("1", "2", "3", "4"));
}

TEST_P(ExchangeRestartTest, WhatMovesIsHandedOutWhenItHasArrivedForGood) {
  queue("q", {{"x-dead-letter-exchange", Value::string("")},
              {"x-dead-letter-routing-key", Value::string("dead")}});
  queue("dead");
  publish({"1"});
  EXPECT_EQ(peer(2).consume("dead"), "");
  EXPECT_EQ(peer(2).consume("q"), "");
  ASSERT_THAT(peer(2).deliveries, testing::SizeIs(1));
  life_->hold_commits(true);
  peer(2).settle_all(Settle::kDiscard);
  EXPECT_THAT(peer(2).take(), IsEmpty()) << "a crash would bring it back to where it was";
  life_->hold_commits(false);
  EXPECT_THAT(peer(2).take(), ElementsAre("1"));
}

TEST_P(ExchangeRestartTest, WhatAnExchangeHandsOnDoesNotReachAQueueTwice) {
  queue("q");
  queue("dead");
  exchange("x", "x-recent-history");
  EXPECT_EQ(peer(1).declare_exchange("both", "fanout", {}, false, true), "");
  bind("both", "dead");
  bind("both", "x", true);
  bind("x", "dead");
  queue("source", {{"x-dead-letter-exchange", Value::string("both")}});
  publish({"1"}, "source");
  EXPECT_EQ(peer(2).consume("source"), "");
  peer(2).settle_all(Settle::kDiscard);
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
}

}  // namespace
}  // namespace polymq::engine
