// Promises of consumers, gets and the settlement of what they were given.
#include <gmock/gmock.h>

#include "amqp091/testing/broker_fixture.h"

namespace polymq::amqp091 {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using engine::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;

/// A client with a queue "q" on another shard, and one that publishes.
class Consuming : public testing::Test {
 protected:
  Consuming() { publisher.call(method::QueueDeclare{.queue = "q"}); }
  void publish(int count) {
    for (int i = 0; i < count; ++i) publisher.publish("q", std::to_string(++published));
  }
  /// How many are ready, and how many consumers.
  TestClient::Texts count(std::string_view queue = "q") {
    return publisher.call(method::QueueDeclare{.queue = queue, .passive = true});
  }
  TestClient::Texts consume(std::string_view tag, bool no_ack = false) {
    return client.call(method::BasicConsume{.queue = "q", .consumer_tag = tag, .no_ack = no_ack});
  }
  void declare_quorum(std::string_view queue, engine::Fields more = {}) {
    more.push_back({"x-queue-type", Value::string("quorum")});
    publisher.call(
        method::QueueDeclare{.queue = queue, .durable = true, .arguments = {encode_table(more)}});
  }

  Broker broker{2};
  ReadyClient client{broker, {}, 1};
  ReadyClient publisher{broker, {}, 0};
  int published = 0;
};

std::string deliver(std::string_view tag, int number, std::string_view body,
                    bool redelivered = false) {
  return "1 basic.deliver(" + std::string(tag) + "," + std::to_string(number) +
         (redelivered ? ",true,,q) [" : ",false,,q) [") + std::string(body) + "]";
}
std::string refused(std::string_view what) { return "1 channel.close(" + std::string(what) + ")"; }
std::string ended(std::string_view what) { return "0 connection.close(" + std::string(what) + ")"; }

// --- consume and cancel -------------------------------------------------------------------------
TEST_F(Consuming, ConsumeOkComesBeforeTheFirstDelivery) {
  publish(2);
  EXPECT_THAT(consume("c"),
              ElementsAre("1 basic.consume-ok(c)", deliver("c", 1, "1"), deliver("c", 2, "2")));
}

TEST_F(Consuming, WithNowaitThereAreOnlyDeliveries) {
  publish(1);
  EXPECT_THAT(client.call(method::BasicConsume{.queue = "q", .consumer_tag = "c", .nowait = true}),
              ElementsAre(deliver("c", 1, "1")));
}

TEST_F(Consuming, AnEmptyTagIsReplacedByAFreshOne) {
  EXPECT_THAT(consume(""),
              ElementsAre(MatchesRegex("1 basic.consume-ok.amq.ctag-[A-Za-z0-9_-]{22}.")));
}

TEST_F(Consuming, ATagIsUsedOnceAChannel) {
  consume("c");
  client.open(2);
  EXPECT_THAT(client.call_on(2, method::BasicConsume{.queue = "q", .consumer_tag = "c"}),
              ElementsAre("2 basic.consume-ok(c)"));
  EXPECT_THAT(consume("c"),
              ElementsAre(ended("530,NOT_ALLOWED - attempt to reuse consumer tag 'c',60,20")));
}

TEST_F(Consuming, ConsumersOfAChannelAreCounted) {
  broker.settings.max_consumers_per_channel = 1;
  consume("a");
  client.call(method::BasicCancel{.consumer_tag = "a"});
  EXPECT_THAT(consume("b"), ElementsAre("1 basic.consume-ok(b)"));
  EXPECT_THAT(consume("c"), ElementsAre(ended("530,NOT_ALLOWED - reached maximum (1) of consumers "
                                              "per channel,60,20")));
}

TEST_F(Consuming, AMissingQueueOrARefusedConsumerFreesItsTag) {
  EXPECT_THAT(client.call(method::BasicConsume{.queue = "none", .consumer_tag = "c"}),
              ElementsAre(refused("404,NOT_FOUND - no queue 'none' in vhost '/',60,20")));
  client.call(method::ChannelCloseOk{});
  client.open();
  EXPECT_THAT(client.call(method::BasicConsume{}),
              ElementsAre(refused("404,NOT_FOUND - no previously declared queue,60,20")));
}

TEST_F(Consuming, AnExclusiveConsumerIsTheOnlyOne) {
  EXPECT_THAT(client.call(method::BasicConsume{.queue = "q", .exclusive = true}), SizeIs(1));
  EXPECT_THAT(publisher.call(method::BasicConsume{.queue = "q"}),
              ElementsAre(refused("403,ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use,"
                                  "60,20")));
}

TEST_F(Consuming, ArgumentsAreChecked) {
  const std::string priority = encode_table({{"x-priority", Value::string("high")}});
  EXPECT_THAT(client.call(method::BasicConsume{.queue = "q", .arguments = {priority}}),
              ElementsAre(HasSubstr("1 channel.close(406,PRECONDITION_FAILED - invalid arg "
                                    "'x-priority' for queue 'q' in vhost '/': ")));
  const std::string offset = encode_table({{"x-stream-offset", Value::string("first")}});
  EXPECT_THAT(publisher.call(method::BasicConsume{.queue = "q", .arguments = {offset}}),
              ElementsAre(HasSubstr("1 channel.close(406,PRECONDITION_FAILED - invalid arg "
                                    "'x-stream-offset' for queue 'q' in vhost '/' of queue type "
                                    "rabbit_classic_queue,60,20)")));
}

TEST_F(Consuming, TheHigherPriorityIsServedFirst) {
  const std::string high = encode_table({{"x-priority", Value::integer(10)}});
  consume("low", true);
  client.call(method::BasicConsume{
      .queue = "q", .consumer_tag = "high", .no_ack = true, .arguments = {high}});
  publish(2);
  EXPECT_THAT(client.take(), ElementsAre(deliver("high", 1, "1"), deliver("high", 2, "2")));
}

TEST_F(Consuming, ACancelIsAnsweredAndLeavesWhatWasDelivered) {
  publish(1);
  consume("c");
  EXPECT_THAT(client.call(method::BasicCancel{.consumer_tag = "c"}),
              ElementsAre("1 basic.cancel-ok(c)"));
  publish(1);
  EXPECT_THAT(client.take(), IsEmpty());
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,1,0)"));
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 1}), IsEmpty());
  EXPECT_THAT(consume("c"), ElementsAre("1 basic.consume-ok(c)", deliver("c", 2, "2")));
}

TEST_F(Consuming, ACancelOfAnUnknownTagIsAnsweredToo) {
  EXPECT_THAT(client.call(method::BasicCancel{.consumer_tag = "none"}),
              ElementsAre("1 basic.cancel-ok(none)"));
  EXPECT_THAT(client.call(method::BasicCancel{.consumer_tag = "none", .nowait = true}), IsEmpty());
  consume("c");
  EXPECT_THAT(client.call(method::BasicCancel{.consumer_tag = "c", .nowait = true}), IsEmpty());
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,0,0)"));
}

TEST_F(Consuming, WithItsQueueAConsumerEndsAndItsTagIsFree) {
  consume("c");
  publisher.call(method::QueueDelete{.queue = "q"});
  EXPECT_THAT(client.take(), ElementsAre("1 basic.cancel(c,true)"));
  publisher.call(method::QueueDeclare{.queue = "q"});
  EXPECT_THAT(consume("c"), ElementsAre("1 basic.consume-ok(c)"));
  EXPECT_THAT(client.call(method::BasicCancelOk{.consumer_tag = "c"}),
              ElementsAre(ended("503,COMMAND_INVALID - unimplemented method,60,31")));
}

TEST_F(Consuming, WhoDidNotAskForNoticesHearsNothingOfTheEnd) {
  ReadyClient quiet(broker, {.capabilities = {}});
  quiet.call(method::BasicConsume{.queue = "q", .consumer_tag = "c"});
  publisher.call(method::QueueDelete{.queue = "q"});
  EXPECT_THAT(quiet.take(), IsEmpty());
  EXPECT_THAT(quiet.call(method::BasicCancel{.consumer_tag = "c"}),
              ElementsAre("1 basic.cancel-ok(c)"));
}

TEST_F(Consuming, ACancelThatMeetsTheQueuesEndIsAnsweredOnce) {
  consume("c");
  broker.cluster.hold(0, 1);
  publisher.call(method::QueueDelete{.queue = "q"});
  EXPECT_THAT(client.call(method::BasicCancel{.consumer_tag = "c"}), IsEmpty());
  broker.cluster.release();
  broker.run();
  EXPECT_THAT(client.take(), ElementsAre("1 basic.cancel-ok(c)"));
  publisher.take();
  publisher.call(method::QueueDeclare{.queue = "q"});
  consume("d");
  consume("e");
  publish(2);
  EXPECT_THAT(client.take(), ElementsAre(deliver("d", 1, "1"), deliver("e", 2, "2")));
}

// --- tags and acknowledgements ------------------------------------------------------------------
TEST_F(Consuming, TagsCountOverConsumersAndGets) {
  publish(1);
  client.call(method::BasicGet{.queue = "q", .no_ack = true});
  consume("c", true);
  publish(1);
  EXPECT_THAT(client.take(), ElementsAre(deliver("c", 2, "2")));
  client.call(method::BasicCancel{.consumer_tag = "c"});
  publish(1);
  EXPECT_THAT(client.call(method::BasicGet{.queue = "q"}),
              ElementsAre("1 basic.get-ok(3,false,,q,0) [3]"));
}

TEST_F(Consuming, AGetTellsHowManyAreLeft) {
  EXPECT_THAT(client.call(method::BasicGet{.queue = "q"}), ElementsAre("1 basic.get-empty()"));
  publish(3);
  EXPECT_THAT(client.call(method::BasicGet{.queue = "q"}),
              ElementsAre("1 basic.get-ok(1,false,,q,2) [1]"));
}

TEST_F(Consuming, AckNackAndRejectSettleOne) {
  publish(5);
  consume("c");
  client.call(method::BasicAck{.delivery_tag = 1});
  EXPECT_THAT(client.call(method::BasicNack{.delivery_tag = 2, .requeue = true}),
              ElementsAre(deliver("c", 6, "2", true)));
  client.call(method::BasicNack{.delivery_tag = 3, .requeue = false});
  EXPECT_THAT(client.call(method::BasicReject{.delivery_tag = 4, .requeue = true}),
              ElementsAre(deliver("c", 7, "4", true)));
  client.call(method::BasicReject{.delivery_tag = 5, .requeue = false});
  client.call(method::ChannelClose{});
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,2,0)"));
}

TEST_F(Consuming, MultipleSettlesAllUpToTheTagAndZeroAll) {
  publish(6);
  consume("c");
  client.call(method::BasicAck{.delivery_tag = 2});
  client.call(method::BasicAck{.delivery_tag = 3, .multiple = true});
  client.call(method::ChannelClose{});
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,3,0)"));
  client.open();
  consume("c");
  EXPECT_THAT(client.call(method::BasicNack{.multiple = true, .requeue = false}), IsEmpty());
  EXPECT_THAT(client.call(method::BasicAck{.multiple = true}), IsEmpty()) << "nothing is fine, too";
  client.call(method::ChannelClose{});
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,0,0)"));
}

TEST_F(Consuming, SettlingWhatIsNotOutstandingClosesTheChannel) {
  const std::pair<std::string, std::string_view> cases[] = {
      {method_frame(1, method::BasicAck{.delivery_tag = 0}), "0,60,80"},
      {method_frame(1, method::BasicAck{.delivery_tag = 3}), "3,60,80"},
      {method_frame(1, method::BasicAck{.delivery_tag = 3, .multiple = true}), "3,60,80"},
      {method_frame(1, method::BasicNack{.delivery_tag = 3}), "3,60,120"},
      {method_frame(1, method::BasicReject{.delivery_tag = 3}), "3,60,90"},
      {method_frame(1, method::BasicAck{.delivery_tag = 1}) +
           method_frame(1, method::BasicAck{.delivery_tag = 1}),
       "1,60,80"},
      {method_frame(1, method::BasicAck{.delivery_tag = 2}) +
           method_frame(1, method::BasicAck{.delivery_tag = 2, .multiple = true}),
       "2,60,80"},
      {method_frame(1, method::BasicAck{.delivery_tag = UINT64_MAX}),
       "18446744073709551615,60,80"}};
  publish(2);
  for (const auto& [frames, text] : cases) {
    ReadyClient wrong(broker);
    wrong.call(method::BasicConsume{.queue = "q", .consumer_tag = "c"});
    EXPECT_THAT(wrong.send(frames),
                ElementsAre(refused("406,PRECONDITION_FAILED - unknown delivery tag " +
                                    std::string(text))));
    publisher.call(method::QueuePurge{.queue = "q"});
    publish(2);
  }
}

TEST_F(Consuming, WithoutAcksThereIsNothingToSettle) {
  publish(1);
  consume("c", true);
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 1}),
              ElementsAre(refused("406,PRECONDITION_FAILED - unknown delivery tag 1,60,80")));
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,0,0)"));
}

TEST_F(Consuming, RecoverRequeuesEverythingUnsettled) {
  publish(3);
  client.call(method::BasicQos{.prefetch_count = 2});
  consume("c");
  client.call(method::BasicAck{.delivery_tag = 1});
  client.take();
  EXPECT_THAT(client.call(method::BasicRecover{.requeue = true}),
              testing::UnorderedElementsAre("1 basic.recover-ok()", deliver("c", 4, "2", true),
                                            deliver("c", 5, "3", true)));
  EXPECT_THAT(client.call(method::BasicRecoverAsync{.requeue = true}),
              ElementsAre(deliver("c", 6, "2", true), deliver("c", 7, "3", true)));
}

TEST_F(Consuming, RecoverWithoutRequeueIsNotImplemented) {
  EXPECT_THAT(client.call(method::BasicRecover{}),
              ElementsAre(ended("540,NOT_IMPLEMENTED - requeue=false,60,110")));
  EXPECT_THAT(publisher.call(method::BasicRecoverAsync{}),
              ElementsAre(ended("540,NOT_IMPLEMENTED - requeue=false,60,100")));
}

TEST_F(Consuming, WhatWasNeverWrittenIsNotRedelivered) {
  publish(1);
  client.reads = false;
  consume("c");
  EXPECT_FALSE(client.connection().output().empty());
  client.drop();
  EXPECT_THAT(publisher.call(method::BasicGet{.queue = "q"}),
              ElementsAre("1 basic.get-ok(1,false,,q,0) [1]"));
}

TEST_F(Consuming, WhatWasWrittenIsRedelivered) {
  publish(2);
  consume("c");
  client.drop();
  EXPECT_THAT(publisher.call(method::BasicGet{.queue = "q"}),
              ElementsAre("1 basic.get-ok(1,true,,q,1) [1]"));
}

// --- qos ----------------------------------------------------------------------------------------
TEST_F(Consuming, APrefetchHoldsForTheConsumersThatFollow) {
  publish(6);
  EXPECT_THAT(client.call(method::BasicQos{.prefetch_count = 1}), ElementsAre("1 basic.qos-ok()"));
  consume("one");
  client.call(method::BasicQos{.prefetch_count = 2});
  EXPECT_THAT(consume("two"), ElementsAre("1 basic.consume-ok(two)", deliver("two", 2, "2"),
                                          deliver("two", 3, "3")));
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 1}),
              ElementsAre(deliver("one", 4, "4")));
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 3, .multiple = true}),
              ElementsAre(deliver("two", 5, "5"), deliver("two", 6, "6")));
}

TEST_F(Consuming, WithoutAcksThePrefetchDoesNotCount) {
  publish(3);
  client.call(method::BasicQos{.prefetch_count = 1});
  EXPECT_THAT(consume("c", true), SizeIs(4));
}

TEST_F(Consuming, AGlobalPrefetchIsSharedByTheChannelsConsumersButNotByGets) {
  publish(6);
  client.call(method::BasicQos{.prefetch_count = 2, .global = true});
  client.call(method::BasicGet{.queue = "q"});
  consume("a");
  consume("b");
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,3,2)"));
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 1}), IsEmpty());
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 2}), SizeIs(1));
  EXPECT_THAT(client.call(method::BasicAck{.multiple = true}), SizeIs(2));
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,0,2)"));
}

TEST_F(Consuming, APerConsumerPrefetchLiftsTheGlobalOne) {
  publish(5);
  client.call(method::BasicQos{.prefetch_count = 1, .global = true});
  consume("c");
  EXPECT_THAT(client.call(method::BasicQos{.prefetch_count = 0}), SizeIs(5));
}

TEST_F(Consuming, APrefetchInOctetsIsNotImplemented) {
  EXPECT_THAT(client.call(method::BasicQos{.prefetch_size = 1}),
              ElementsAre(ended("540,NOT_IMPLEMENTED - prefetch_size!=0 (1),60,10")));
}

TEST_F(Consuming, ForPyAmqpAPrefetchHoldsForTheConsumersThatAreThere) {
  publish(3);
  ReadyClient celery(broker, {.product = "py-amqp"});
  celery.call(method::BasicQos{.prefetch_count = 1});
  celery.call(method::BasicConsume{.queue = "q", .consumer_tag = "c"});
  EXPECT_THAT(celery.call(method::BasicQos{.prefetch_count = 2}),
              ElementsAre("1 basic.qos-ok()", deliver("c", 2, "2")));
}

TEST_F(Consuming, TheOperatorsPrefetchHoldsUntilTheClientHasItsOwn) {
  broker.settings.default_prefetch = 1;
  ReadyClient fresh(broker);
  publish(3);
  EXPECT_THAT(fresh.call(method::BasicConsume{.queue = "q"}), SizeIs(2));
}

// --- quorum queues ------------------------------------------------------------------------------
engine::Fields headers_of(const Received& received) {
  return decode_table(headers(received.properties).bytes).value_or(engine::Fields{});
}

TEST_F(Consuming, AQuorumQueueTellsHowOftenAMessageWasHandedOut) {
  declare_quorum("quorum");
  publisher.publish("quorum", "m");
  client.call(method::BasicGet{.queue = "quorum"});
  EXPECT_THAT(headers_of(client.last.at(0)), IsEmpty());
  client.call(method::BasicNack{.delivery_tag = 1, .requeue = true});
  client.call(method::BasicGet{.queue = "quorum"});
  EXPECT_THAT(headers_of(client.last.at(0)),
              ElementsAre(engine::Field{"x-acquired-count", Value::integer(1)}));
  client.call(method::BasicReject{.delivery_tag = 2, .requeue = true});
  client.call(method::BasicGet{.queue = "quorum"});
  EXPECT_THAT(headers_of(client.last.at(0)),
              ElementsAre(engine::Field{"x-delivery-count", Value::integer(1)},
                          engine::Field{"x-acquired-count", Value::integer(2)}));
}

TEST_F(Consuming, AQuorumQueueHasNoGlobalPrefetch) {
  declare_quorum("quorum");
  client.call(method::BasicQos{.prefetch_count = 1, .global = true});
  EXPECT_THAT(
      client.call(method::BasicConsume{.queue = "quorum"}),
      ElementsAre(ended("540,NOT_IMPLEMENTED - queue 'quorum' in vhost '/' does not support "
                        "global qos,60,20")));
}

TEST_F(Consuming, NothingIsGotFromAQuorumQueueWithASingleActiveConsumer) {
  declare_quorum("single", {{"x-single-active-consumer", Value::boolean(true)}});
  EXPECT_THAT(client.call(method::BasicGet{.queue = "single"}),
              ElementsAre(refused("405,RESOURCE_LOCKED - cannot obtain access to locked queue "
                                  "'single' in vhost '/'. basic.get operations are not supported "
                                  "by quorum queues with single active consumer,60,70")));
}

// --- consumer timeouts --------------------------------------------------------------------------
TEST_F(Consuming, AConsumerThatDoesNotSettleInTimeIsCancelledAndTheChannelGoesOn) {
  broker.settings.consumer_timeout = 60s;
  publish(2);
  client.call(method::BasicQos{.prefetch_count = 1});
  consume("c");
  broker.pass(60s);
  EXPECT_THAT(client.take(), IsEmpty());
  broker.pass(2s);
  EXPECT_THAT(client.take(), ElementsAre("1 basic.cancel(c,true)"));
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 1}), IsEmpty()) << "too late, but known";
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,2,0)"));
  EXPECT_THAT(consume("c"), ElementsAre("1 basic.consume-ok(c)", deliver("c", 2, "1", true)));
}

TEST_F(Consuming, AClientThatCannotBeCancelledLosesItsChannel) {
  broker.settings.consumer_timeout = 60s;
  publish(1);
  ReadyClient old(broker, {.capabilities = {}});
  old.call(method::BasicConsume{.queue = "q"});
  broker.pass(62s);
  EXPECT_THAT(old.take(),
              ElementsAre(refused(
                  "406,PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. "
                  "Timeout value used: 60000 ms. This timeout value can be configured, see "
                  "consumers doc guide to learn more,0,0")));
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,1,0)"));
}

TEST_F(Consuming, ATimeoutOfItsOwnWinsAndGetsHaveNone) {
  broker.settings.consumer_timeout = 60s;
  publish(2);
  const std::string own = encode_table({{"x-consumer-timeout", Value::integer(600'000)}});
  client.call(method::BasicGet{.queue = "q"});
  client.call(method::BasicConsume{.queue = "q", .consumer_tag = "c", .arguments = {own}});
  client.take();
  broker.pass(599s);
  EXPECT_THAT(client.take(), IsEmpty());
  broker.pass(3s);
  EXPECT_THAT(client.take(), ElementsAre("1 basic.cancel(c,true)"));
}

TEST_F(Consuming, AnAckOfATransactionThatCameTooLateDoesNotSpoilIt) {
  broker.settings.consumer_timeout = 60s;
  publish(1);
  client.call(method::TxSelect{});
  consume("c");
  broker.pass(62s);
  EXPECT_THAT(client.take(), ElementsAre("1 basic.cancel(c,true)"));
  client.call(method::BasicAck{.delivery_tag = 1});
  EXPECT_THAT(client.call(method::TxCommit{}), ElementsAre("1 tx.commit-ok()"));
  EXPECT_THAT(count(), ElementsAre("1 queue.declare-ok(q,1,0)"));
}

}  // namespace
}  // namespace polymq::amqp091
