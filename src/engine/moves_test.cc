// Promises of orders to move messages between queues: where they go, how fast, and that none is
// lost or doubled, over a restart, too.
#include "engine/moves.h"

#include <gmock/gmock.h>

#include "engine/testing/receiver.h"
#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class MovesTest : public RestartsTest {
 protected:
  /// A queue whose refused messages go to "dead".
  void source(const std::string& name, Fields more = {}) {
    more.push_back({"x-dead-letter-exchange", text("")});
    more.push_back({"x-dead-letter-routing-key", text("dead")});
    queue(name, std::move(more));
  }
  /// A queue that lives on that peer's shard.
  void queue(const std::string& name, Fields arguments = {}, std::size_t on = 1) {
    EXPECT_EQ(peer(on).declare({.name = name, .durable = true, .arguments = std::move(arguments)}),
              "");
  }
  void send(const std::string& to, const std::vector<std::string>& bodies) { publish(bodies, to); }
  /// They end up in "dead".
  void refuse(const std::string& queue, const std::vector<std::string>& bodies) {
    send(queue, bodies);
    for (const std::string& body : bodies) {
      EXPECT_EQ(peer(2).get(queue, false), body);
      refuse_got();
    }
  }
  void refuse_got() {
    const GotMessage got = *peer(2).got;
    peer(2).session.settle(got.consumer, got.lease, got.lease, Settle::kDiscard);
    peer(2).session.flush();
    cluster().run();
  }
  void order(MoveOrder order, const std::string& from = "dead") {
    order.id = "order " + std::to_string(++orders_);
    order.messages = static_cast<std::int64_t>(ready(from));
    peer(1).session.change_queue({.vhost = peer(1).vhost(),
                                  .queue = from,
                                  .set = {{std::string(kMoveOrderArgument), to_value(order)}}},
                                 [](const EngineResult<void>& result) { EXPECT_TRUE(result); });
    cluster().run();
  }
  MoveOrder outcome(const std::string& from = "dead") {
    const Vhost& vhost = *cluster().shard(2).topology().vhost("/");
    return move_order_of(*vhost.queues.at(from)->arguments).value_or(MoveOrder{});
  }
  MoveProgressed progress(bool cancel = false) {
    const auto answer = std::make_shared<MoveProgressed>();
    peer(2).session.inspect_move("dead", cancel,
                                 [answer](const EngineResult<MoveProgressed>& result) {
                                   ASSERT_TRUE(result);
                                   *answer = *result;
                                 });
    cluster().run();
    return *answer;
  }

 private:
  int orders_ = 0;
};
INSTANTIATE_TEST_SUITE_P(On, MovesTest, kShardCounts);

/// Control, the source and the destination have shards of their own.
using MovesAcrossThree = MovesTest;
INSTANTIATE_TEST_SUITE_P(On, MovesAcrossThree, testing::Values(3));

// What fills the memory cannot leave it, and the message that is read to be moved is larger than
// what may come beside that.
TEST_P(MovesTest, WhatIsReadToBeMovedStaysUntilItMoves) {
  constexpr std::size_t kMega = 1024 * 1024;
  for (const bool groups : {false, true}) {
    queue("q", groups ? Fields{{"x-message-groups", text("exclusive")}}
                      : Fields{{"x-max-priority", number(9)}});
    queue("to");
    const auto send_one = [&](const std::string& group, std::size_t size, bool last) {
      EXPECT_EQ(peer(0).publish({.body = std::string(size, 'x'),
                                 .key = "q",
                                 .persistent = last,
                                 .priority = static_cast<std::uint8_t>(last ? 9 : 0),
                                 .headers = {{"x-message-group", text(group)}}}),
                "ack");
    };
    for (int i = 0; i < 4; ++i) send_one("a", 3 * kMega, false);
    EXPECT_EQ(Receiver(peer(2)).receive("q", {.most = 1, .lease_ms = 1000}).size(), 1u);
    for (int i = 0; i < 2; ++i) send_one("b", 5 * kMega, true);
    EXPECT_NE(queue_at_home("q").paged_out(), 0u);
    order({.destination = "to"}, "q");
    EXPECT_EQ(ready("to"), groups ? 2u : 5u) << "the first group is locked";
    cluster().pass(1000);
    for (const char* name : {"q", "to"}) EXPECT_EQ(peer(1).remove(name), "");
  }
}

std::vector<std::string> numbers(int first, int last) {
  std::vector<std::string> bodies;
  for (int i = first; i <= last; ++i) bodies.push_back(std::to_string(i));
  return bodies;
}

TEST_P(MovesTest, AllThatIsThereGoesToTheDestinationInOrder) {
  queue("from", {}, 0);
  queue("to", {}, 2);
  send("from", numbers(1, 2000));
  order({.destination = "to"}, "from");
  EXPECT_EQ(ready("from"), 0u);
  EXPECT_EQ(drain("to"), numbers(1, 2000));
  EXPECT_EQ(outcome("from").state, MoveState::kCompleted);
  EXPECT_EQ(outcome("from").moved, 2000);
}

TEST_P(MovesTest, WithoutADestinationEachGoesBackToWhereItDied) {
  queue("dead");
  source("a");
  source("b");
  refuse("a", {"1", "2"});
  refuse("b", {"3"});
  refuse("a", {"4"});
  EXPECT_EQ(ready("dead"), 4u);
  order({});
  EXPECT_THAT(drain("a"), ElementsAre("1", "2", "4"));
  EXPECT_THAT(drain("b"), ElementsAre("3"));
  EXPECT_EQ(outcome().state, MoveState::kCompleted);
}

TEST_P(MovesTest, WhatNobodySentThereMakesItFailAndStays) {
  queue("dead");
  send("dead", {"1", "2"});
  order({});
  EXPECT_EQ(outcome().state, MoveState::kFailed);
  EXPECT_EQ(outcome().failure, MoveFailure::kNoSource);
  EXPECT_THAT(drain("dead"), ElementsAre("1", "2"));
}

TEST_P(MovesTest, ADestinationThatIsGoneMakesItFail) {
  queue("dead");
  source("a");
  refuse("a", {"1"});
  peer(1).remove("a");
  order({});
  EXPECT_EQ(outcome().failure, MoveFailure::kNoDestination);
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
}

TEST_P(MovesTest, NothingGoesBackToAQueueWhoseDeadLettersGoElsewhere) {
  queue("dead");
  source("a");
  refuse("a", {"1"});
  peer(1).session.change_queue({.vhost = peer(1).vhost(),
                                .queue = "a",
                                .set = {{"x-dead-letter-routing-key", text("other")}}},
                               [](const EngineResult<void>& result) { EXPECT_TRUE(result); });
  cluster().run();
  order({});
  EXPECT_EQ(outcome().failure, MoveFailure::kNoDestination);
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
}

TEST_P(MovesTest, WhatADestinationRefusesStays) {
  queue("from");
  queue("to", {{"x-max-length", number(2)}, {"x-overflow", text("reject-publish")}}, 1);
  send("from", {"1", "2", "3", "4"});
  order({.destination = "to"}, "from");
  EXPECT_EQ(outcome("from").failure, MoveFailure::kRefused);
  EXPECT_EQ(outcome("from").moved, 2);
  restart();
  EXPECT_THAT(drain("to"), ElementsAre("1", "2"));
  EXPECT_THAT(drain("from"), ElementsAre("3", "4"));
}

// The home of what moves may not have heard of that yet.
TEST_P(MovesAcrossThree, WhatMayRefuseSinceJustNowDoesNot) {
  queue("from", {}, 1);
  queue("to", {}, 2);
  send("from", {"1", "2"});
  order({.destination = "to", .rate = 1}, "from");
  EXPECT_EQ(ready("to"), 1u);
  cluster().hold(0, 1);
  peer(2).session.change_queue(
      {.vhost = peer(2).vhost(),
       .queue = "to",
       .set = {{"x-max-length", number(1)}, {"x-overflow", text("reject-publish")}}},
      [](const EngineResult<void>& result) { EXPECT_TRUE(result); });
  cluster().run();
  cluster().pass(1000);
  cluster().release();
  EXPECT_EQ(outcome("from").state, MoveState::kCompleted);
  restart();
  EXPECT_THAT(drain("to"), ElementsAre("1", "2")) << "it had left its queue for good";
  EXPECT_EQ(ready("from"), 0u);
}

TEST_P(MovesTest, WhatComesMeanwhileStays) {
  queue("from");
  queue("to");
  send("from", {"1", "2"});
  order({.destination = "to", .rate = 1}, "from");
  send("from", {"3"});
  cluster().pass(5000);
  EXPECT_EQ(outcome("from").state, MoveState::kCompleted);
  EXPECT_THAT(drain("from"), ElementsAre("3"));
  EXPECT_THAT(drain("to"), ElementsAre("1", "2"));
}

TEST_P(MovesTest, OfLockedGroupsEachKeepsItsOrderAndIsFreeAfterwards) {
  const Fields grouped{{"x-message-groups", text("exclusive")}};
  queue("from", grouped, 1);
  queue("to", grouped, 2);
  const auto send_grouped = [&](const std::string& body, const std::string& group) {
    peer(0).publish({.body = body,
                     .key = "from",
                     .persistent = true,
                     .headers = {{"x-message-group", text(group)}}});
  };
  for (const char* body : {"1", "2", "3"}) {
    send_grouped(std::string("a") + body, "a");
    send_grouped(std::string("b") + body, "b");
  }
  order({.destination = "to"}, "from");
  EXPECT_EQ(outcome("from").moved, 6);
  const std::vector<std::string> moved = drain("to");
  std::vector<std::string> of_a;
  std::vector<std::string> of_b;
  for (const std::string& body : moved) (body[0] == 'a' ? of_a : of_b).push_back(body);
  EXPECT_THAT(of_a, ElementsAre("a1", "a2", "a3"));
  EXPECT_THAT(of_b, ElementsAre("b1", "b2", "b3"));
  send_grouped("a4", "a");
  EXPECT_THAT(drain("from"), ElementsAre("a4"));
}

TEST_P(MovesTest, IntoItselfItEnds) {
  queue("from");
  send("from", {"1", "2"});
  order({.destination = "from"}, "from");
  EXPECT_EQ(outcome("from").moved, 2);
  EXPECT_THAT(drain("from"), ElementsAre("1", "2"));
}

TEST_P(MovesTest, ARateIsKept) {
  queue("from");
  queue("to");
  send("from", numbers(1, 100));
  order({.destination = "to", .rate = 10}, "from");
  EXPECT_EQ(ready("to"), 1u);
  for (int second = 1; second <= 9; ++second) {
    cluster().pass(1000);
    EXPECT_EQ(ready("to"), 10u * static_cast<unsigned>(second) + 1);
  }
  EXPECT_EQ(outcome("from").state, MoveState::kRunning);
  cluster().pass(1000);
  EXPECT_EQ(outcome("from").state, MoveState::kCompleted);
}

TEST_P(MovesTest, CanBeCancelled) {
  queue("dead");
  queue("to");
  send("dead", numbers(1, 10));
  order({.destination = "to", .rate = 1});
  cluster().pass(2000);
  EXPECT_TRUE(progress().running);
  EXPECT_EQ(progress(true).moved, 3u);
  EXPECT_FALSE(progress().running);
  EXPECT_EQ(outcome().state, MoveState::kCancelled);
  EXPECT_EQ(outcome().moved, 3);
  cluster().pass(5000);
  EXPECT_EQ(ready("dead"), 7u);
}

TEST_P(MovesTest, GoesOnAfterARestart) {
  queue("dead", {}, 1);
  queue("to", {}, 2);
  send("dead", numbers(1, 20));
  order({.destination = "to", .rate = 1});
  cluster().pass(4000);
  restart();
  EXPECT_EQ(progress().moved, 5u) << "what is not there any more";
  cluster().pass(60'000);
  EXPECT_EQ(outcome().state, MoveState::kCompleted);
  EXPECT_EQ(outcome().moved, 20);
  EXPECT_EQ(drain("to"), numbers(1, 20));
  restart();
  EXPECT_EQ(ready("dead"), 0u);
  EXPECT_FALSE(progress().running) << "what has ended does not begin again";
}

TEST_P(MovesTest, AnOrderIsNotDeclaredAndNotCompared) {
  queue("dead");
  queue("to");
  send("dead", {"1"});
  order({.destination = "to"});
  EXPECT_EQ(peer(1).declare({.name = "dead", .durable = true, .arguments = {}}), "");
  EXPECT_THAT(peer(2).declare({.name = "new",
                               .durable = true,
                               .arguments = {{std::string(kMoveOrderArgument),
                                              to_value(MoveOrder{.id = "x"})}}}),
              HasSubstr("not for declarations"));
}

TEST_P(MovesTest, ALetterWithoutADeadLetterQueueStaysIfItsQueueSaysSo) {
  source("a", {{"x-dead-letter-unroutable", text("keep")}});
  refuse("a", {"1"});
  EXPECT_EQ(ready("a"), 1u);
  restart();
  queue("dead");
  EXPECT_EQ(peer(2).get("a", false), "1");
  refuse_got();
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
  EXPECT_EQ(ready("a"), 0u);
}

TEST_P(MovesTest, ALoopOfDeadLetterQueuesLosesNothingIfTheySaySo) {
  queue("a", {{"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("b")},
              {"x-dead-letter-unroutable", text("keep")}});
  queue("b", {{"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("a")},
              {"x-dead-letter-unroutable", text("keep")}});
  send("a", {"1"});
  for (const char* name : {"a", "b", "a", "b", "a"}) {
    EXPECT_EQ(ready(name), 1u);
    EXPECT_EQ(peer(2).get(name, false), "1");
    refuse_got();
  }
  EXPECT_EQ(ready("b"), 1u);
}

TEST(MoveOrder, IsReadBackAsItWasWritten) {
  const MoveOrder all{.id = "1",
                      .destination = "to",
                      .rate = 5,
                      .messages = 7,
                      .given = 1234,
                      .state = MoveState::kFailed,
                      .failure = MoveFailure::kRefused,
                      .moved = 3};
  EXPECT_EQ(move_order_of(to_value(all)), all);
  EXPECT_EQ(move_order_of(to_value(MoveOrder{.id = ""})), MoveOrder{.id = ""});
}

TEST(MoveOrder, AnythingElseIsRefused) {
  const auto with = [](const std::string& name, Value value) {
    Fields table = *to_value(MoveOrder{.id = "1"}).as_table();
    std::erase_if(table, [&](const Field& field) { return field.name == name; });
    table.push_back({name, std::move(value)});
    return move_order_of(Value::table(std::move(table)));
  };
  EXPECT_TRUE(with("moved", number(1)));
  EXPECT_FALSE(with("id", number(1)));
  EXPECT_FALSE(with("destination", number(1)));
  EXPECT_FALSE(with("rate", number(-1)));
  EXPECT_FALSE(with("rate", text("fast")));
  EXPECT_FALSE(with("state", number(4)));
  EXPECT_FALSE(with("failure", number(4)));
  EXPECT_FALSE(move_order_of(text("no table")));
  EXPECT_FALSE(move_order_of(Value::table({})));
}

}  // namespace
}  // namespace polymq::engine
