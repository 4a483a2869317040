// Promises of declarations, bindings and deletions as a client sees them: replies, codes and texts.
#include <gmock/gmock.h>

#include "amqp091/server_names.h"
#include "amqp091/testing/broker_fixture.h"

namespace polymq::amqp091 {
namespace {

using namespace std::string_view_literals;
using engine::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

/// The texts of a broker on two shards to a client on the second one, each on a channel of its own.
class Topology : public testing::Test {
 protected:
  template <class M>
  TestClient::Texts call(const M& method) {
    const TestClient::Texts texts = client.call(method);
    const bool closed = !texts.empty() && texts.back().starts_with("1 channel.close(");
    if (closed) {
      client.call(method::ChannelCloseOk{});
      client.open();
    }
    return texts;
  }
  /// Of an error that closes the channel.
  static std::string refusal(std::string_view what) {
    return "1 channel.close(" + std::string(what) + ")";
  }

  Broker broker{2};
  ReadyClient client{broker, {}, 1};
};

// --- exchanges ----------------------------------------------------------------------------------
TEST_F(Topology, AnExchangeIsDeclaredOnceAndThenTheSame) {
  const method::ExchangeDeclare declare{.exchange = "x", .type = "direct", .durable = true};
  EXPECT_THAT(call(declare), ElementsAre("1 exchange.declare-ok()"));
  EXPECT_THAT(call(declare), ElementsAre("1 exchange.declare-ok()"));
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "x", .type = "fanout", .durable = true}),
              ElementsAre(refusal("406,PRECONDITION_FAILED - inequivalent arg 'type' for exchange "
                                  "'x' in vhost '/': received 'fanout' but current is 'direct',"
                                  "40,10")));
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "x", .type = "direct"}),
              ElementsAre(refusal("406,PRECONDITION_FAILED - inequivalent arg 'durable' for "
                                  "exchange 'x' in vhost '/': received 'false' but current is "
                                  "'true',40,10")));
}

TEST_F(Topology, ExchangesThatCannotBeDeclared) {
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "x", .type = "none"}),
              ElementsAre(refusal("406,PRECONDITION_FAILED - unknown exchange type 'none',40,10")));
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "", .type = "direct"}),
              ElementsAre(refusal("403,ACCESS_REFUSED - operation not permitted on the default "
                                  "exchange,40,10")));
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "amq.x", .type = "direct"}),
              ElementsAre(refusal("403,ACCESS_REFUSED - exchange name 'amq.x' contains reserved "
                                  "prefix 'amq.*',40,10")));
  const std::string alternate =
      encode_table({{"alternate-exchange", Value::integer(1, engine::FieldType::kInt32)}});
  EXPECT_THAT(
      call(method::ExchangeDeclare{.exchange = "x", .type = "direct", .arguments = {alternate}}),
      ElementsAre(refusal("406,PRECONDITION_FAILED - invalid type 'signedint' for arg "
                          "'alternate-exchange' in exchange 'x' in vhost '/',40,10")));
}

TEST_F(Topology, APredeclaredExchangeMayBeDeclaredAsItIs) {
  EXPECT_THAT(
      call(method::ExchangeDeclare{.exchange = "amq.direct", .type = "direct", .durable = true}),
      ElementsAre("1 exchange.declare-ok()"));
}

TEST_F(Topology, LineBreaksInNamesAreDropped) {
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "x\r\n", .type = "direct"}),
              ElementsAre("1 exchange.declare-ok()"));
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "x", .passive = true}),
              ElementsAre("1 exchange.declare-ok()"));
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q\n"}), ElementsAre("1 queue.declare-ok(q,0,0)"));
  EXPECT_THAT(call(method::QueueBind{.queue = "\rq", .exchange = "\nx"}),
              ElementsAre("1 queue.bind-ok()"));
}

TEST_F(Topology, APassiveExchangeDeclareLooksAtTheNameOnly) {
  EXPECT_THAT(call(method::ExchangeDeclare{
                  .exchange = "amq.topic", .type = "fanout", .passive = true, .internal = true}),
              ElementsAre("1 exchange.declare-ok()"));
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "none", .type = "direct", .passive = true}),
              ElementsAre(refusal("404,NOT_FOUND - no exchange 'none' in vhost '/',40,10")));
}

TEST_F(Topology, ExchangesThatCannotBeDeleted) {
  EXPECT_THAT(call(method::ExchangeDelete{.exchange = ""}),
              ElementsAre(refusal("403,ACCESS_REFUSED - operation not permitted on the default "
                                  "exchange,40,20")));
  EXPECT_THAT(call(method::ExchangeDelete{.exchange = "amq.direct"}),
              ElementsAre(refusal("403,ACCESS_REFUSED - deletion of system exchange 'amq.direct' "
                                  "in vhost '/' not allowed,40,20")));
  call(method::ExchangeDeclare{.exchange = "x", .type = "fanout"});
  call(method::QueueDeclare{.queue = "q"});
  call(method::QueueBind{.queue = "q", .exchange = "x"});
  EXPECT_THAT(call(method::ExchangeDelete{.exchange = "x", .if_unused = true}),
              ElementsAre(refusal("406,PRECONDITION_FAILED - exchange 'x' in vhost '/' in use,"
                                  "40,20")));
  EXPECT_THAT(call(method::ExchangeDelete{.exchange = "x"}), ElementsAre("1 exchange.delete-ok()"));
  EXPECT_THAT(call(method::ExchangeDelete{.exchange = "x", .if_unused = true}),
              ElementsAre("1 exchange.delete-ok()"))
      << "what is not there is deleted";
}

// --- bindings -----------------------------------------------------------------------------------
TEST_F(Topology, BindingsAreMadeAndUnmadeAnyNumberOfTimes) {
  call(method::QueueDeclare{.queue = "q"});
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(call(method::QueueBind{.queue = "q", .exchange = "amq.direct", .routing_key = "k"}),
                ElementsAre("1 queue.bind-ok()"));
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(
        call(method::QueueUnbind{.queue = "q", .exchange = "amq.direct", .routing_key = "k"}),
        ElementsAre("1 queue.unbind-ok()"));
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(call(method::ExchangeBind{.destination = "amq.fanout", .source = "amq.topic"}),
                ElementsAre("1 exchange.bind-ok()"));
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(call(method::ExchangeUnbind{.destination = "amq.fanout", .source = "amq.topic"}),
                ElementsAre("1 exchange.unbind-ok()"));
  }
}

TEST_F(Topology, BindingsNeedBothEndsAndNotTheDefaultExchange) {
  call(method::QueueDeclare{.queue = "q"});
  EXPECT_THAT(call(method::QueueBind{.queue = "q", .exchange = "none"}),
              ElementsAre(refusal("404,NOT_FOUND - no exchange 'none' in vhost '/',50,20")));
  EXPECT_THAT(call(method::QueueBind{.queue = "none", .exchange = "amq.direct"}),
              ElementsAre(refusal("404,NOT_FOUND - no queue 'none' in vhost '/',50,20")));
  const std::string kDefault =
      "403,ACCESS_REFUSED - operation not permitted on the default exchange";
  EXPECT_THAT(call(method::QueueBind{.queue = "q"}), ElementsAre(refusal(kDefault + ",50,20")));
  EXPECT_THAT(call(method::QueueUnbind{.queue = "q"}), ElementsAre(refusal(kDefault + ",50,50")));
  EXPECT_THAT(call(method::ExchangeBind{.destination = "amq.fanout"}),
              ElementsAre(refusal(kDefault + ",40,30")));
  EXPECT_THAT(call(method::ExchangeUnbind{.source = "amq.fanout"}),
              ElementsAre(refusal(kDefault + ",40,40")));
  EXPECT_THAT(
      call(method::QueueBind{.queue = "amq.rabbitmq.reply-to", .exchange = "amq.direct"}),
      ElementsAre(refusal("403,ACCESS_REFUSED - cannot bind or unbind to a volatile (direct "
                          "reply-to) queue,50,20")));
}

TEST_F(Topology, AnEmptyQueueNameMeansTheOneDeclaredLast) {
  EXPECT_THAT(call(method::QueueBind{.exchange = "amq.direct"}),
              ElementsAre(refusal("404,NOT_FOUND - no previously declared queue,50,20")));
  call(method::QueueDeclare{.queue = "first"});
  call(method::QueueDeclare{.queue = "second"});
  EXPECT_THAT(call(method::QueueBind{.exchange = "amq.direct"}), ElementsAre("1 queue.bind-ok()"));
  client.publish({.exchange = "amq.direct", .routing_key = "second"}, "by the queue's name");
  EXPECT_THAT(call(method::QueueUnbind{.exchange = "amq.direct"}),
              ElementsAre("1 queue.unbind-ok()"));
  client.publish({.exchange = "amq.direct", .routing_key = "second"}, "lost");
  EXPECT_THAT(call(method::BasicGet{}),
              ElementsAre("1 basic.get-ok(1,false,amq.direct,second,0) [by the queue's name]"));
  call(method::QueueDeclare{.queue = "first", .passive = true});
  EXPECT_THAT(call(method::QueueDelete{}), ElementsAre("1 queue.delete-ok(0)"));
  EXPECT_THAT(call(method::QueueDeclare{.queue = "first", .passive = true}),
              ElementsAre(HasSubstr("404")));
}

// --- queues -------------------------------------------------------------------------------------
TEST_F(Topology, ADeclareTellsWhatIsInTheQueue) {
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q"}), ElementsAre("1 queue.declare-ok(q,0,0)"));
  client.publish("q", "m");
  call(method::BasicConsume{.queue = "q", .no_ack = true});
  client.publish("q", "m");
  client.open(2);
  EXPECT_THAT(client.call_on(2, method::QueueDeclare{.queue = "q"}),
              ElementsAre("2 queue.declare-ok(q,0,1)"));
}

TEST_F(Topology, ADeclareCountsWhatItsOwnChannelPublishedBefore) {
  client.call(method::QueueDeclare{.queue = "q"});
  EXPECT_THAT(client.send(publish_frames(1, {.routing_key = "q"}, "one") +
                          publish_frames(1, {.routing_key = "q"}, "two") +
                          method_frame(1, method::QueueDeclare{.queue = "q"})),
              ElementsAre("1 queue.declare-ok(q,2,0)"));
}

TEST_F(Topology, APassiveDeclareOfNoNameFindsNothing) {
  call(method::QueueDeclare{.queue = "last"});
  EXPECT_THAT(call(method::QueueDeclare{.passive = true}),
              ElementsAre(refusal("404,NOT_FOUND - no queue '' in vhost '/',50,10")));
}

TEST_F(Topology, WhatExistsIsComparedBeforeArgumentsAreChecked) {
  const std::string limit = encode_table({{"x-delivery-limit", Value::integer(5)}});
  const auto declare = [&](std::string_view arguments) {
    return method_frame(1, method::QueueDeclare{.queue = "q", .arguments = {arguments}});
  };
  EXPECT_THAT(client.send(declare("") + declare(limit)),
              ElementsAre("1 queue.declare-ok(q,0,0)", "1 queue.declare-ok(q,0,0)"));
  const std::string alternate = encode_table({{"alternate-exchange", Value::integer(1)}});
  call(method::ExchangeDeclare{.exchange = "x", .type = "fanout"});
  EXPECT_THAT(
      call(method::ExchangeDeclare{.exchange = "x", .type = "fanout", .arguments = {alternate}}),
      ElementsAre(HasSubstr("inequivalent arg 'alternate-exchange' for exchange 'x'")));
}

TEST_F(Topology, AServerNamedQueueHasAFreshName) {
  const auto first = call(method::QueueDeclare{});
  const auto second = call(method::QueueDeclare{});
  EXPECT_THAT(first,
              ElementsAre(MatchesRegex("1 queue.declare-ok.amq.gen-[A-Za-z0-9_-]{22},0,0.")));
  EXPECT_NE(first, second);
  const std::string prefix = encode_table({{"x-name-prefix", Value::string("mine")}});
  EXPECT_THAT(call(method::QueueDeclare{.arguments = {prefix}}),
              ElementsAre(MatchesRegex("1 queue.declare-ok.mine-[A-Za-z0-9_-]{22},0,0.")));
  const std::string quorum = encode_table({{"x-queue-type", Value::string("quorum")}});
  EXPECT_THAT(call(method::QueueDeclare{.durable = true, .arguments = {quorum}}),
              ElementsAre(refusal("406,PRECONDITION_FAILED - Cannot declare a server-named queue "
                                  "for type rabbit_quorum_queue,50,10")));
}

TEST_F(Topology, QueuesThatCannotBeDeclared) {
  EXPECT_THAT(
      call(method::QueueDeclare{.queue = "amq.q"}),
      ElementsAre(refusal("403,ACCESS_REFUSED - queue name 'amq.q' contains reserved prefix "
                          "'amq.*',50,10")));
  const std::string dlx =
      encode_table({{"x-dead-letter-exchange", Value::integer(1, engine::FieldType::kInt32)}});
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q", .arguments = {dlx}}),
              ElementsAre(refusal("406,PRECONDITION_FAILED - invalid type 'signedint' for arg "
                                  "'x-dead-letter-exchange' in queue 'q' in vhost '/',50,10")));
  const std::string expires = encode_table({{"x-expires", Value::integer(0)}});
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q", .arguments = {expires}}),
              ElementsAre(refusal("406,PRECONDITION_FAILED - invalid arg 'x-expires' for queue 'q' "
                                  "in vhost '/': {value_zero,0},50,10")));
}

TEST_F(Topology, ARedeclarationMustBeTheSame) {
  call(method::QueueDeclare{.queue = "q", .durable = true});
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q"}),
              ElementsAre(refusal("406,PRECONDITION_FAILED - inequivalent arg 'durable' for queue "
                                  "'q' in vhost '/': received 'false' but current is 'true',"
                                  "50,10")));
  const std::string ttl =
      encode_table({{"x-message-ttl", Value::integer(1, engine::FieldType::kInt32)}});
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q", .durable = true, .arguments = {ttl}}),
              ElementsAre(refusal("406,PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for "
                                  "queue 'q' in vhost '/': received the value '1' of type "
                                  "'signedint' but current is none,50,10")));
}

TEST_F(Topology, TransientQueuesCanBeForbidden) {
  broker.settings.permit_transient_nonexclusive = false;
  EXPECT_THAT(call(method::QueueDeclare{.queue = "mine", .exclusive = true}),
              ElementsAre("1 queue.declare-ok(mine,0,0)"));
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q"}),
              ElementsAre("0 connection.close(541,INTERNAL_ERROR - Feature "
                          "`transient_nonexcl_queues` is deprecated and not permitted,50,10)"));
}

TEST_F(Topology, AnExclusiveQueueIsItsConnectionsOnly) {
  call(method::QueueDeclare{.queue = "mine", .exclusive = true});
  call(method::QueueBind{.queue = "mine", .exchange = "amq.direct", .routing_key = "k"});
  const std::string locked =
      "405,RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'mine' in vhost '/'. "
      "It "
      "could be originally declared on another connection or the exclusive property value does not "
      "match that of the original declaration.";
  const std::pair<std::string, std::string_view> uses[] = {
      {method_frame(1, method::QueueDeclare{.queue = "mine", .exclusive = true}), "50,10"},
      {method_frame(1, method::QueueDeclare{.queue = "mine", .passive = true}), "50,10"},
      {method_frame(1, method::QueueBind{.queue = "mine", .exchange = "amq.direct"}), "50,20"},
      {method_frame(
           1, method::QueueUnbind{.queue = "mine", .exchange = "amq.direct", .routing_key = "k"}),
       "50,50"},
      {method_frame(1, method::QueuePurge{.queue = "mine"}), "50,30"},
      {method_frame(1, method::QueueDelete{.queue = "mine"}), "50,40"},
      {method_frame(1, method::BasicConsume{.queue = "mine"}), "60,20"},
      {method_frame(1, method::BasicGet{.queue = "mine"}), "60,70"}};
  for (const auto& [use, ids] : uses) {
    ReadyClient other(broker);
    const std::string text = "1 channel.close(" + locked + "," + std::string(ids) + ")";
    EXPECT_THAT(other.send(use), ElementsAre(text));
  }
  ReadyClient publisher(broker);
  publisher.publish("mine", "everybody may publish");
  EXPECT_THAT(call(method::BasicGet{.queue = "mine"}),
              ElementsAre("1 basic.get-ok(1,false,,mine,0) [everybody may publish]"));
}

TEST_F(Topology, DeletionKnowsItsConditions) {
  EXPECT_THAT(call(method::QueueDelete{.queue = "none"}), ElementsAre("1 queue.delete-ok(0)"));
  client.open(2);
  client.call_on(2, method::QueueDeclare{.queue = "q"});
  client.call_on(2, method::BasicConsume{.queue = "q", .consumer_tag = "c"});
  EXPECT_THAT(
      call(method::QueueDelete{.queue = "q", .if_unused = true}),
      ElementsAre(refusal("406,PRECONDITION_FAILED - queue 'q' in vhost '/' in use,50,40")));
  client.call_on(2, method::BasicCancel{.consumer_tag = "c"});
  client.publish("q", "m");
  EXPECT_THAT(call(method::QueueDelete{.queue = "q", .if_empty = true}),
              ElementsAre(refusal("406,PRECONDITION_FAILED - queue 'q' in vhost '/' not empty,"
                                  "50,40")));
  EXPECT_THAT(call(method::QueueDelete{.queue = "q", .if_unused = true}),
              ElementsAre("1 queue.delete-ok(1)"));
}

TEST_F(Topology, AQuorumQueueHasNoConditionalDeletion) {
  const std::string quorum = encode_table({{"x-queue-type", Value::string("quorum")}});
  call(method::QueueDeclare{.queue = "q", .durable = true, .arguments = {quorum}});
  EXPECT_THAT(call(method::QueueDelete{.queue = "q", .if_unused = true}),
              ElementsAre("0 connection.close(540,NOT_IMPLEMENTED - cannot delete queue 'q' in "
                          "vhost '/'. queue.delete operations with if-unused flag set are not "
                          "supported by quorum queues,50,40)"));
}

TEST_F(Topology, APurgeTakesWhatIsReady) {
  call(method::QueueDeclare{.queue = "q"});
  for (int i = 0; i < 3; ++i) client.publish("q", "m");
  call(method::BasicGet{.queue = "q"});
  EXPECT_THAT(call(method::QueuePurge{.queue = "q"}), ElementsAre("1 queue.purge-ok(2)"));
  EXPECT_THAT(call(method::QueuePurge{.queue = "none"}),
              ElementsAre(refusal("404,NOT_FOUND - no queue 'none' in vhost '/',50,30")));
}

// --- nowait and pipelining ----------------------------------------------------------------------
TEST_F(Topology, WithNowaitNothingIsAnsweredButErrors) {
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "x", .type = "fanout", .nowait = true}),
              IsEmpty());
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "x", .passive = true, .nowait = true}),
              IsEmpty());
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q", .nowait = true}), IsEmpty());
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q", .passive = true, .nowait = true}), IsEmpty());
  EXPECT_THAT(call(method::QueueBind{.queue = "q", .exchange = "x", .nowait = true}), IsEmpty());
  EXPECT_THAT(
      call(method::ExchangeBind{.destination = "amq.fanout", .source = "x", .nowait = true}),
      IsEmpty());
  client.publish({.exchange = "x"}, "m");
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q", .passive = true}),
              ElementsAre("1 queue.declare-ok(q,1,0)"));
  EXPECT_THAT(
      call(method::ExchangeUnbind{.destination = "amq.fanout", .source = "x", .nowait = true}),
      IsEmpty());
  EXPECT_THAT(call(method::QueuePurge{.queue = "q", .nowait = true}), IsEmpty());
  EXPECT_THAT(call(method::QueueDelete{.queue = "q", .nowait = true}), IsEmpty());
  EXPECT_THAT(call(method::ExchangeDelete{.exchange = "x", .nowait = true}), IsEmpty());
  EXPECT_THAT(call(method::QueueDeclare{.queue = "q", .passive = true, .nowait = true}),
              ElementsAre(HasSubstr("404")));
}

TEST_F(Topology, RepliesOfOneReadKeepTheirOrderAndEachSeesWhatCameBefore) {
  std::string all = method_frame(1, method::ExchangeDeclare{.exchange = "x", .type = "fanout"});
  TestClient::Texts expected = {"1 exchange.declare-ok()"};
  for (int i = 0; i < 300; ++i) {  // more than may be under way at a time
    const std::string name = "q" + std::to_string(i);
    all += method_frame(1, method::QueueDeclare{.queue = name}) +
           method_frame(1, method::QueueBind{.queue = name, .exchange = "x"});
    expected.push_back("1 queue.declare-ok(" + name + ",0,0)");
    expected.push_back("1 queue.bind-ok()");
  }
  all += publish_frames(1, {.exchange = "x"}, "m") +
         method_frame(1, method::QueueDeclare{.queue = "q299", .passive = true});
  expected.push_back("1 queue.declare-ok(q299,1,0)");
  EXPECT_EQ(client.send(all), expected);
}

TEST_F(Topology, AnotherChannelWaitsForTheOnesUnderWay) {
  client.open(2);
  EXPECT_THAT(client.send(method_frame(1, method::QueueDeclare{.queue = "q"}) +
                          method_frame(2, method::QueueDeclare{.queue = "q", .passive = true}) +
                          method_frame(1, method::QueueDeclare{.queue = "r"})),
              ElementsAre("1 queue.declare-ok(q,0,0)", "2 queue.declare-ok(q,0,0)",
                          "1 queue.declare-ok(r,0,0)"));
}

// --- permissions --------------------------------------------------------------------------------
class Permissions : public testing::Test {
 protected:
  Permissions() {
    auth::User app{.name = "app", .password = auth::PasswordHash::make("secret")};
    app.permissions = {{.vhost = "/",
                        .configure = *auth::permission_pattern("^c"),
                        .write = *auth::permission_pattern("^(cw|w|amq.topic$)"),
                        .read = *auth::permission_pattern("^(cr|r|amq.topic$)")}};
    app.topic_permissions = {{.vhost = "/",
                              .exchange = "amq.topic",
                              .write = *auth::permission_pattern("^out"),
                              .read = *auth::permission_pattern("^in")}};
    std::vector<auth::User> users = auth::default_users();
    users.push_back(app);
    broker.admission.set_users(users);
    ReadyClient owner(broker);
    for (const std::string_view queue : {"c", "w", "r", "n"}) {
      owner.call(method::QueueDeclare{.queue = queue});
    }
    owner.call(method::ExchangeDeclare{.exchange = "nx", .type = "fanout"});
  }
  TestClient::Texts said_to(const std::string& frames) {
    ReadyClient client(broker, {.user = "app", .password = "secret"}, 1);
    return client.send(frames);
  }
  template <class M>
  TestClient::Texts call(const M& method) {
    return said_to(method_frame(1, method));
  }
  static std::string refused(std::string_view what, std::string_view ids) {
    return "1 channel.close(403,ACCESS_REFUSED - " + std::string(what) +
           " in vhost '/' refused for user 'app'," + std::string(ids) + ")";
  }

  Broker broker{2};
};

TEST_F(Permissions, QueuesAskForTheRightOne) {
  EXPECT_THAT(call(method::QueueDeclare{.queue = "x"}),
              ElementsAre(refused("configure access to queue 'x'", "50,10")));
  EXPECT_THAT(call(method::QueueDelete{.queue = "r"}),
              ElementsAre(refused("configure access to queue 'r'", "50,40")));
  EXPECT_THAT(call(method::QueuePurge{.queue = "w"}),
              ElementsAre(refused("read access to queue 'w'", "50,30")));
  EXPECT_THAT(call(method::BasicGet{.queue = "w"}),
              ElementsAre(refused("read access to queue 'w'", "60,70")));
  EXPECT_THAT(call(method::BasicConsume{.queue = "w"}),
              ElementsAre(refused("read access to queue 'w'", "60,20")));
  EXPECT_THAT(call(method::QueueBind{.queue = "r", .exchange = "amq.topic", .routing_key = "in"}),
              ElementsAre(refused("write access to queue 'r'", "50,20")));
  EXPECT_THAT(call(method::QueueBind{.queue = "w", .exchange = "nx"}),
              ElementsAre(refused("read access to exchange 'nx'", "50,20")));
  EXPECT_THAT(call(method::QueueDeclare{.queue = "n", .passive = true}),
              ElementsAre(refused("configure access to queue 'n'", "50,10")));
  EXPECT_THAT(call(method::QueueDeclare{.queue = "w", .passive = true}),
              ElementsAre("1 queue.declare-ok(w,0,0)"));
}

TEST_F(Permissions, ExchangesAskForTheRightOne) {
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "x", .type = "direct"}),
              ElementsAre(refused("configure access to exchange 'x'", "40,10")));
  EXPECT_THAT(call(method::ExchangeDelete{.exchange = "nx"}),
              ElementsAre(refused("configure access to exchange 'nx'", "40,20")));
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "nx", .passive = true}),
              ElementsAre(refused("configure access to exchange 'nx'", "40,10")));
  EXPECT_THAT(call(method::ExchangeBind{.destination = "nx", .source = "amq.topic"}),
              ElementsAre(refused("write access to exchange 'nx'", "40,30")));
  EXPECT_THAT(said_to(publish_frames(1, {.exchange = "nx"}, "m")),
              ElementsAre(refused("write access to exchange 'nx'", "60,40")));
  EXPECT_THAT(said_to(publish_frames(1, {.routing_key = "w"}, "m")),
              ElementsAre(refused("write access to exchange 'amq.default'", "60,40")));
}

TEST_F(Permissions, AnAlternateAndADeadLetterExchangeAreWrittenTo) {
  const std::string alternate = encode_table({{"alternate-exchange", Value::string("nx")}});
  EXPECT_THAT(
      call(method::ExchangeDeclare{.exchange = "crx", .type = "fanout", .arguments = {alternate}}),
      ElementsAre(refused("write access to exchange 'nx'", "40,10")));
  EXPECT_THAT(
      call(method::ExchangeDeclare{.exchange = "cx", .type = "fanout", .arguments = {alternate}}),
      ElementsAre(refused("read access to exchange 'cx'", "40,10")));
  const std::string dlx = encode_table({{"x-dead-letter-exchange", Value::string("nx")}});
  EXPECT_THAT(call(method::QueueDeclare{.queue = "cr", .arguments = {dlx}}),
              ElementsAre(refused("write access to exchange 'nx'", "50,10")));
  EXPECT_THAT(call(method::QueueDeclare{.queue = "cq", .arguments = {dlx}}),
              ElementsAre(refused("read access to queue 'cq'", "50,10")));
}

TEST_F(Permissions, TopicsAskForTheirKeys) {
  EXPECT_THAT(call(method::QueueBind{.queue = "w", .exchange = "amq.topic", .routing_key = "in.a"}),
              ElementsAre("1 queue.bind-ok()"));
  EXPECT_THAT(call(method::QueueBind{.queue = "w", .exchange = "amq.topic", .routing_key = "out"}),
              ElementsAre(refused("read access to topic 'out' in exchange 'amq.topic'", "50,20")));
  EXPECT_THAT(said_to(publish_frames(1, {.exchange = "amq.topic", .routing_key = "out.a"}, "m")),
              IsEmpty());
  EXPECT_THAT(said_to(publish_frames(1, {.exchange = "amq.topic", .routing_key = "in"}, "m")),
              ElementsAre(refused("write access to topic 'in' in exchange 'amq.topic'", "60,40")));
  const std::string copies = encode_table({{"CC", Value::array({Value::string("elsewhere")})}});
  Properties properties;
  properties.headers = FieldTable{copies};
  EXPECT_THAT(
      said_to(publish_frames(1, {.exchange = "amq.topic", .routing_key = "out"}, "m",
                             encode(properties))),
      ElementsAre(refused("write access to topic 'elsewhere' in exchange 'amq.topic'", "60,40")));
}

TEST_F(Permissions, AllThatIsAllowedWorks) {
  EXPECT_THAT(call(method::QueueDeclare{.queue = "cnew"}),
              ElementsAre("1 queue.declare-ok(cnew,0,0)"));
  EXPECT_THAT(call(method::BasicGet{.queue = "r"}), ElementsAre("1 basic.get-empty()"));
  EXPECT_THAT(call(method::ExchangeDeclare{.exchange = "cx", .type = "topic"}),
              ElementsAre("1 exchange.declare-ok()"));
}

// --- names --------------------------------------------------------------------------------------
TEST(ServerNames, AreUrlSafeAndNeverTheSame) {
  const std::string name = generate_name("amq.ctag-");
  EXPECT_THAT(name, MatchesRegex("amq.ctag-[A-Za-z0-9_-]{22}"));
  EXPECT_NE(name, generate_name("amq.ctag-"));
}

}  // namespace
}  // namespace polymq::amqp091
