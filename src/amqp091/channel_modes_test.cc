// Promises of confirm and transaction mode.
#include <gmock/gmock.h>

#include "amqp091/testing/broker_fixture.h"

namespace polymq::amqp091 {
namespace {

using namespace std::string_view_literals;
using engine::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string refused(std::string_view what) {
  return "1 channel.close(406,PRECONDITION_FAILED - " + std::string(what) + ")";
}

/// A client with queues "q" and "full", which refuses what exceeds one message.
class Modes : public testing::Test {
 protected:
  Modes() {
    const std::string limit = encode_table(
        {{"x-max-length", Value::integer(1)}, {"x-overflow", Value::string("reject-publish")}});
    client.call(method::QueueDeclare{.queue = "q", .durable = true});
    client.call(method::QueueDeclare{.queue = "full", .arguments = {limit}});
    client.publish("full", "m");
  }
  std::string to(std::string_view queue, bool mandatory = false) {
    return publish_frames(1, {.routing_key = queue, .mandatory = mandatory}, "m");
  }
  TestClient::Texts count(std::string_view queue) {
    return other.call(method::QueueDeclare{.queue = queue, .passive = true});
  }

  Broker broker{2};
  ReadyClient client{broker, {}, 1};
  ReadyClient other{broker, {}, 0};
};

// --- confirms -----------------------------------------------------------------------------------
class Confirms : public Modes {
 protected:
  Confirms() { client.call(method::ConfirmSelect{}); }
};

TEST_F(Confirms, AndWhatReachedNothingAreCounted) {
  client.send(to("q"));
  client.send(to("full"));
  client.send(to("nowhere"));
  client.send(to("nowhere", true));
  engine::Vhost& vhost = *client.connection().client().vhost();
  EXPECT_EQ(vhost.confirmed, 3u) << "a nack is no confirm";
  const engine::Exchange& exchange = *client.connection().shard().topology().exchange(vhost, "");
  EXPECT_EQ(exchange.dropped_unroutable, 1u);
  EXPECT_EQ(exchange.returned_unroutable, 1u);
}

TEST_F(Confirms, AreSwitchedOnAnyNumberOfTimes) {
  EXPECT_THAT(client.call(method::ConfirmSelect{}), ElementsAre("1 confirm.select-ok()"));
  EXPECT_THAT(client.call(method::ConfirmSelect{.nowait = true}), IsEmpty());
  EXPECT_THAT(client.send(to("q")), ElementsAre("1 basic.ack(1,false)"));
}

TEST_F(Confirms, CountFromTheSelect) {
  client.open(2);
  client.send(publish_frames(2, {.routing_key = "q"}, "before"));
  client.call_on(2, method::ConfirmSelect{});
  EXPECT_THAT(client.send(publish_frames(2, {.routing_key = "q"}, "after")),
              ElementsAre("2 basic.ack(1,false)"));
}

TEST_F(Confirms, OfOneTurnAreFoldedIntoOneFrame) {
  EXPECT_THAT(client.send(to("q") + to("none") + to("q")), ElementsAre("1 basic.ack(3,true)"));
  EXPECT_THAT(client.send(to("q")), ElementsAre("1 basic.ack(4,false)"));
}

TEST_F(Confirms, AReturnComesBeforeItsConfirm) {
  EXPECT_THAT(client.send(to("none", true)),
              ElementsAre("1 basic.return(312,NO_ROUTE,,none) [m]", "1 basic.ack(1,false)"));
}

TEST_F(Confirms, ARefusalIsANackOfItsOwn) {
  EXPECT_THAT(client.send(to("q") + to("full") + to("q")),
              ElementsAre("1 basic.nack(2,false,false)", "1 basic.ack(3,true)"));
}

TEST_F(Confirms, ARefusalByOneOfSeveralQueuesIsANack) {
  client.call(method::QueueBind{.queue = "q", .exchange = "amq.fanout"});
  client.call(method::QueueBind{.queue = "full", .exchange = "amq.fanout"});
  EXPECT_THAT(client.publish({.exchange = "amq.fanout"}, "m"),
              ElementsAre("1 basic.nack(1,false,false)"));
  EXPECT_THAT(count("q"), ElementsAre("1 queue.declare-ok(q,1,0)"));
}

TEST_F(Confirms, APersistentMessageIsConfirmedWhenItIsStored) {
  // A store on each shard: the queue lives on one of them.
  broker.cluster.store(0).held = broker.cluster.store(1).held = true;
  Properties properties;
  properties.delivery_mode = kPersistent;
  EXPECT_THAT(client.publish("q", "kept", properties), IsEmpty());
  EXPECT_THAT(client.send(to("none")), ElementsAre("1 basic.ack(2,false)"))
      << "above an open one there is no multiple";
  broker.cluster.store(0).held = broker.cluster.store(1).held = false;
  broker.run();
  EXPECT_THAT(client.take(), ElementsAre("1 basic.ack(1,false)"));
}

TEST_F(Confirms, AnErrorIsNoConfirm) {
  EXPECT_THAT(client.send(to("q") + publish_frames(1, {.exchange = "none"}, "m")),
              ElementsAre(HasSubstr("1 channel.close(404")))
      << "the queue's answer comes after the channel's end";
  EXPECT_THAT(count("q"), ElementsAre("1 queue.declare-ok(q,1,0)"));
}

TEST_F(Confirms, AQueueDeletedMeanwhileHasTakenResponsibility) {
  other.call(method::QueueDeclare{.queue = "far"});
  broker.cluster.hold(1, 0);
  EXPECT_THAT(client.send(to("far")), IsEmpty());
  other.call(method::QueueDelete{.queue = "far"});
  broker.cluster.release();
  broker.run();
  EXPECT_THAT(client.take(), ElementsAre("1 basic.ack(1,false)"));
}

TEST_F(Modes, ConfirmsAndTransactionsExcludeEachOther) {
  client.call(method::ConfirmSelect{});
  EXPECT_THAT(client.call(method::TxSelect{}),
              ElementsAre(refused("cannot switch from confirm to tx mode,90,10")));
  other.call(method::TxSelect{});
  EXPECT_THAT(other.call(method::ConfirmSelect{}),
              ElementsAre(refused("cannot switch from tx to confirm mode,85,10")));
}

TEST_F(Modes, WithoutASelectThereIsNothingToCommit) {
  EXPECT_THAT(client.call(method::TxCommit{}),
              ElementsAre(refused("channel is not transactional,90,20")));
  EXPECT_THAT(other.call(method::TxRollback{}),
              ElementsAre(refused("channel is not transactional,90,30")));
}

// --- transactions -------------------------------------------------------------------------------
class Transactions : public Modes {
 protected:
  Transactions() { client.call(method::TxSelect{}); }
};

TEST_F(Transactions, PublishAtCommit) {
  EXPECT_THAT(client.send(to("q") + to("q")), IsEmpty());
  EXPECT_THAT(count("q"), ElementsAre("1 queue.declare-ok(q,0,0)"));
  EXPECT_THAT(client.call(method::TxCommit{}), ElementsAre("1 tx.commit-ok()"));
  EXPECT_THAT(count("q"), ElementsAre("1 queue.declare-ok(q,2,0)"));
  EXPECT_THAT(client.call(method::TxCommit{}), ElementsAre("1 tx.commit-ok()"));
  EXPECT_THAT(client.call(method::TxSelect{}), ElementsAre("1 tx.select-ok()"));
}

TEST_F(Transactions, PublishNothingAfterARollback) {
  const std::int64_t before = broker.cluster.message_bytes();
  client.send(to("q") + to("none", true));
  EXPECT_THAT(client.call(method::TxRollback{}), ElementsAre("1 tx.rollback-ok()"));
  EXPECT_EQ(broker.cluster.message_bytes(), before);
  EXPECT_THAT(client.call(method::TxCommit{}), ElementsAre("1 tx.commit-ok()"));
  EXPECT_THAT(count("q"), ElementsAre("1 queue.declare-ok(q,0,0)"));
}

TEST_F(Transactions, ReturnBeforeCommitOk) {
  EXPECT_THAT(client.send(to("none", true)), IsEmpty());
  EXPECT_THAT(client.call(method::TxCommit{}),
              ElementsAre("1 basic.return(312,NO_ROUTE,,none) [m]", "1 tx.commit-ok()"));
}

TEST_F(Transactions, SettleAtCommit) {
  other.publish("q", "one");
  other.publish("q", "two");
  client.call(method::BasicGet{.queue = "q"});
  client.call(method::BasicGet{.queue = "q"});
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 1}), IsEmpty());
  EXPECT_THAT(client.call(method::BasicReject{.delivery_tag = 2, .requeue = true}), IsEmpty());
  EXPECT_THAT(count("q"), ElementsAre("1 queue.declare-ok(q,0,0)"));
  EXPECT_THAT(client.call(method::TxCommit{}), ElementsAre("1 tx.commit-ok()"));
  EXPECT_THAT(other.call(method::BasicGet{.queue = "q", .no_ack = true}),
              ElementsAre("1 basic.get-ok(1,true,,q,0) [two]"));
}

TEST_F(Transactions, SettleNothingAfterARollbackAndMaySettleAgain) {
  other.publish("q", "one");
  client.call(method::BasicGet{.queue = "q"});
  client.call(method::BasicAck{.delivery_tag = 1});
  EXPECT_THAT(client.call(method::TxRollback{}), ElementsAre("1 tx.rollback-ok()"));
  EXPECT_THAT(client.call(method::BasicNack{.multiple = true, .requeue = true}), IsEmpty());
  EXPECT_THAT(client.call(method::TxCommit{}), ElementsAre("1 tx.commit-ok()"));
  EXPECT_THAT(count("q"), ElementsAre("1 queue.declare-ok(q,1,0)"));
}

TEST_F(Transactions, SettleATagOnce) {
  other.publish("q", "one");
  client.call(method::BasicGet{.queue = "q"});
  client.call(method::BasicAck{.delivery_tag = 1});
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 1}),
              ElementsAre(refused("unknown delivery tag 1,60,80")));
  EXPECT_THAT(count("q"), ElementsAre("1 queue.declare-ok(q,1,0)")) << "nothing was committed";
}

TEST_F(Transactions, ArePartOfTheirChannel) {
  const std::int64_t before = broker.cluster.message_bytes();
  other.publish("q", "one");
  client.call(method::BasicGet{.queue = "q"});
  client.call(method::BasicAck{.delivery_tag = 1});
  client.send(to("q") + to("q"));
  EXPECT_THAT(client.call(method::ChannelClose{}), ElementsAre("1 channel.close-ok()"));
  EXPECT_THAT(other.call(method::BasicGet{.queue = "q", .no_ack = true}),
              ElementsAre("1 basic.get-ok(1,true,,q,0) [one]"));
  EXPECT_EQ(broker.cluster.message_bytes(), before);
}

TEST_F(Transactions, FailAsAWholeWhenAQueueRefuses) {
  other.publish("q", "one");
  client.call(method::BasicGet{.queue = "q"});
  client.call(method::BasicAck{.delivery_tag = 1});
  client.send(to("q") + to("full"));
  EXPECT_THAT(client.call(method::TxCommit{}), ElementsAre(refused("partial tx completion,90,20")));
  EXPECT_THAT(count("q"), ElementsAre("1 queue.declare-ok(q,1,0)"));
}

TEST_F(Transactions, ErrorsSurfaceAtThePublish) {
  EXPECT_THAT(
      client.publish({.exchange = "none"}, "m"),
      ElementsAre("1 channel.close(404,NOT_FOUND - no exchange 'none' in vhost '/',60,40)"));
}

TEST_F(Transactions, WhatFollowsACommitWaitsForIt) {
  broker.cluster.store(0).held = broker.cluster.store(1).held = true;
  Properties properties;
  properties.delivery_mode = kPersistent;
  client.publish("q", "kept", properties);
  EXPECT_THAT(client.call(method::TxCommit{}), IsEmpty());
  EXPECT_THAT(client.call(method::BasicQos{}), IsEmpty());
  broker.cluster.store(0).held = broker.cluster.store(1).held = false;
  broker.run();
  EXPECT_THAT(client.take(), ElementsAre("1 tx.commit-ok()", "1 basic.qos-ok()"));
}

TEST_F(Transactions, ManyAcksAtOnce) {
  for (int i = 0; i < 4; ++i) other.publish("q", "m");
  for (int i = 0; i < 4; ++i) client.call(method::BasicGet{.queue = "q"});
  client.call(method::BasicAck{.delivery_tag = 2});
  client.call(method::BasicAck{.delivery_tag = 3, .multiple = true});
  EXPECT_THAT(client.call(method::TxCommit{}), ElementsAre("1 tx.commit-ok()"));
  client.call(method::ChannelClose{});
  EXPECT_THAT(count("q"), ElementsAre("1 queue.declare-ok(q,1,0)"));
}

}  // namespace
}  // namespace polymq::amqp091
