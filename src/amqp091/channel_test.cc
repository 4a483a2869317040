// Promises of a channel's life: opening, closing from either side, flow, and what follows errors.
#include "amqp091/channel.h"

#include <gmock/gmock.h>

#include "amqp091/testing/broker_fixture.h"

namespace polymq::amqp091 {
namespace {

using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kNoQueue =
    "1 channel.close(404,NOT_FOUND - no queue 'none' in vhost '/',60,70)";

TEST(Channel, ClosesOnRequestAndItsNumberIsFreeAtOnce) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(
      client.send(method_frame(1, method::ChannelClose{}) + method_frame(1, method::ChannelOpen{})),
      ElementsAre("1 channel.close-ok()", "1 channel.open-ok()"));
  EXPECT_EQ(broker.admission.channels, 1);
}

TEST(Channel, WhatItHeldIsBackWhenCloseOkArrives) {
  Broker broker(2);
  ReadyClient client(broker, {}, 1);
  ReadyClient other(broker, {}, 0);
  client.call(method::QueueDeclare{.queue = "q"});
  client.publish("q", "m");
  client.call(method::BasicGet{.queue = "q"});
  EXPECT_THAT(client.send(method_frame(1, method::ChannelClose{})),
              ElementsAre("1 channel.close-ok()"));
  EXPECT_THAT(other.call(method::BasicGet{.queue = "q", .no_ack = true}),
              ElementsAre("1 basic.get-ok(1,true,,q,0) [m]"));
}

TEST(Channel, AfterAnErrorOnlyCloseOkIsHeardAndOtherChannelsGoOn) {
  Broker broker;
  ReadyClient client(broker);
  client.open(2);
  EXPECT_THAT(client.call(method::BasicGet{.queue = "none"}), ElementsAre(kNoQueue));
  EXPECT_THAT(client.call(method::QueueDeclare{.queue = "q"}), IsEmpty());
  EXPECT_THAT(client.publish("q", "lost"), IsEmpty());
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 9}), IsEmpty());
  EXPECT_THAT(client.send(method_frame(1, MethodId{60, 99}, "")), IsEmpty());
  EXPECT_THAT(client.open(1), IsEmpty());
  EXPECT_THAT(client.call_on(2, method::QueueDeclare{.queue = "q"}),
              ElementsAre("2 queue.declare-ok(q,0,0)"));
  EXPECT_THAT(client.call(method::ChannelCloseOk{}), IsEmpty());
  EXPECT_EQ(broker.admission.channels, 1);
  EXPECT_THAT(client.open(1), ElementsAre("1 channel.open-ok()"));
}

TEST(Channel, CrossingClosesAreAnswered) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.send(method_frame(1, method::BasicGet{.queue = "none"}) +
                          method_frame(1, method::ChannelClose{})),
              ElementsAre(kNoQueue, "1 channel.close-ok()"));
  EXPECT_THAT(client.open(), ElementsAre("1 channel.open-ok()"));
  EXPECT_THAT(client.call(method::ChannelCloseOk{}),
              ElementsAre("0 connection.close(503,COMMAND_INVALID - unimplemented method,20,41)"));
}

TEST(Channel, CloseOkMayComeBeforeTheEngineHasLetGo) {
  Broker broker(2);
  ReadyClient owner(broker, {}, 0);
  ReadyClient client(broker, {}, 1);
  owner.call(method::QueueDeclare{.queue = "q"});
  client.publish("q", "m");
  client.call(method::BasicGet{.queue = "q"});
  broker.cluster.hold(1, 0);
  EXPECT_THAT(
      client.call(method::BasicAck{.delivery_tag = 7}),
      ElementsAre("1 channel.close(406,PRECONDITION_FAILED - unknown delivery tag 7,60,80)"));
  client.call(method::ChannelCloseOk{});
  EXPECT_THAT(client.open(), ElementsAre("1 channel.open-ok()"));
  EXPECT_THAT(client.call(method::BasicQos{}), ElementsAre("1 basic.qos-ok()"));
  broker.cluster.release();
  EXPECT_THAT(owner.call(method::BasicGet{.queue = "q", .no_ack = true}),
              ElementsAre("1 basic.get-ok(1,true,,q,0) [m]"));
}

TEST(Channel, ALateAckOnAChannelThatTheBrokerClosedIsHarmless) {
  Broker broker;
  ReadyClient client(broker);
  client.call(method::QueueDeclare{.queue = "q"});
  client.publish("q", "m");
  client.call(method::BasicGet{.queue = "q"});
  client.call(method::BasicGet{.queue = "none"});
  EXPECT_THAT(client.call(method::BasicAck{.delivery_tag = 1}), IsEmpty());
  client.call(method::ChannelCloseOk{});
  client.open();
  EXPECT_THAT(client.call(method::BasicGet{.queue = "q", .no_ack = true}),
              ElementsAre("1 basic.get-ok(1,true,,q,0) [m]"));
}

TEST(Channel, FlowOnIsConfirmedAndFlowOffIsNotImplemented) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.call(method::ChannelFlow{.active = true}),
              ElementsAre("1 channel.flow-ok(true)"));
  EXPECT_THAT(client.call(method::ChannelFlowOk{.active = true}), IsEmpty());
  EXPECT_THAT(client.call(method::ChannelFlow{.active = false}),
              ElementsAre("0 connection.close(540,NOT_IMPLEMENTED - active=false,20,20)"));
}

TEST(Channel, AccessIsAlwaysGrantedWithTicketOne) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.call(method::AccessRequest{.realm = "/data"}),
              ElementsAre("1 access.request-ok(1)"));
}

TEST(Channel, AUsersLimitOnChannelsIsToldByTheAdmission) {
  Broker broker;
  ReadyClient client(broker);
  broker.admission.refuse_channel =
      "number of channels opened for user 'guest' has reached the maximum allowed user limit of 1";
  EXPECT_THAT(client.open(2),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - number of channels opened for user "
                          "'guest' has reached the maximum allowed user limit of 1,20,10)"));
}

TEST(Channel, ManyChannelsWorkSideBySide) {
  Broker broker(3);
  ReadyClient client(broker, {}, 2);
  client.call(method::QueueDeclare{.queue = "q"});
  std::string all;
  for (std::uint16_t channel = 2; channel < 40; ++channel) {
    all += method_frame(channel, method::ChannelOpen{});
    all += publish_frames(channel, method::BasicPublish{.routing_key = "q"}, "m");
  }
  // Contents of several channels take turns, frame by frame.
  all += method_frame(2, method::BasicPublish{.routing_key = "q"}) +
         method_frame(3, method::BasicPublish{.routing_key = "q"}) + header_frame(2, 2) +
         header_frame(3, 2) + body_frame(2, "2") + body_frame(3, "3") + body_frame(2, "2") +
         body_frame(3, "3");
  client.send(all);
  EXPECT_THAT(client.call(method::QueuePurge{.queue = "q"}), ElementsAre("1 queue.purge-ok(40)"));
}

TEST(Channel, AnErrorOfAnotherMethodThanTheFailingOneIsNotBlamed) {
  Broker broker(2);
  ReadyClient client(broker, {}, 1);
  EXPECT_THAT(
      client.send(method_frame(1, method::ExchangeDeclare{.exchange = "x", .type = "direct"}) +
                  method_frame(1, method::QueueBind{.queue = "none", .exchange = "x"}) +
                  method_frame(1, method::QueueDeclare{.queue = "late"})),
      ElementsAre("1 exchange.declare-ok()",
                  "1 channel.close(404,NOT_FOUND - no queue 'none' in vhost '/',50,20)"));
}

}  // namespace
}  // namespace polymq::amqp091
