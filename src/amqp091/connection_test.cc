// Promises of a connection: its frames, its heartbeats, its errors and its end.
#include "amqp091/connection.h"

#include <gmock/gmock.h>

#include "amqp091/channel.h"
#include "amqp091/testing/broker_fixture.h"

namespace polymq::amqp091 {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Connection, ASessionFromHelloToGoodbye) {
  Broker broker;
  TestClient client(broker);
  EXPECT_THAT(client.log_in(), ElementsAre("0 connection.open-ok()"));
  EXPECT_THAT(client.open(), ElementsAre("1 channel.open-ok()"));
  EXPECT_THAT(client.call(method::QueueDeclare{.queue = "q"}),
              ElementsAre("1 queue.declare-ok(q,0,0)"));
  EXPECT_THAT(client.publish("q", "hello"), IsEmpty());
  EXPECT_THAT(client.call(method::BasicGet{.queue = "q"}),
              ElementsAre("1 basic.get-ok(1,false,,q,0) [hello]"));
  EXPECT_THAT(client.call(method::ConnectionClose{}), ElementsAre("0 connection.close-ok()"));
}

// --- input in pieces ----------------------------------------------------------------------------
std::string busy_session() {
  const std::string properties = client_properties({});
  std::string bytes(kProtocolHeader);
  bytes += method_frame(0, method::ConnectionStartOk{.client_properties = {properties},
                                                     .mechanism = "PLAIN",
                                                     .response = {"\0guest\0guest"sv}});
  bytes += method_frame(0, method::ConnectionTuneOk{.channel_max = 9, .frame_max = 4096});
  bytes += method_frame(0, method::ConnectionOpen{.virtual_host = "/"});
  bytes += method_frame(3, method::ChannelOpen{});
  bytes += method_frame(3, method::QueueDeclare{.queue = "q"});
  bytes += method_frame(3, method::QueueBind{.exchange = "amq.topic", .routing_key = "a.#"});
  bytes += method_frame(3, method::ConfirmSelect{});
  bytes += method_frame(3, method::BasicPublish{.exchange = "amq.topic", .routing_key = "a.b"});
  bytes += header_frame(3, 6) + body_frame(3, "hello") + body_frame(3, "") + body_frame(3, "!");
  bytes += method_frame(3, method::BasicGet{.queue = "q"});
  bytes += std::string(kHeartbeatFrame);
  bytes += method_frame(3, method::BasicAck{.delivery_tag = 1});
  bytes += method_frame(3, method::QueueDelete{.queue = "q"});
  bytes += method_frame(3, method::BasicGet{.queue = "q"});
  bytes += method_frame(3, method::BasicQos{});
  bytes += method_frame(3, method::ChannelCloseOk{});
  bytes += method_frame(3, method::ChannelOpen{});
  bytes += method_frame(0, method::ConnectionClose{});
  return bytes;
}

TestClient::Texts said_to(const std::vector<std::string_view>& reads) {
  Broker broker;
  TestClient client(broker, 1);
  TestClient::Texts all;
  for (const std::string_view read : reads) {
    for (const std::string& text : client.send(read)) all.push_back(text);
  }
  return all;
}

TEST(Connection, TheAnswersAreTheSameWhereverTheInputIsCut) {
  const std::string session = busy_session();
  const TestClient::Texts whole = said_to({session});
  ASSERT_THAT(
      whole, ElementsAre(HasSubstr("connection.start"), HasSubstr("connection.tune"),
                         "0 connection.open-ok()", "3 channel.open-ok()",
                         "3 queue.declare-ok(q,0,0)", "3 queue.bind-ok()", "3 confirm.select-ok()",
                         "3 basic.get-ok(1,false,amq.topic,a.b,0) [hello!]", "3 basic.ack(1,false)",
                         "3 queue.delete-ok(0)",
                         "3 channel.close(404,NOT_FOUND - no queue 'q' in vhost '/',60,70)",
                         "3 channel.open-ok()", "0 connection.close-ok()"));
  // The confirm's place among the other answers depends on where turns end.
  const auto sorted = [](TestClient::Texts texts) {
    std::sort(texts.begin(), texts.end());
    return texts;
  };
  for (std::size_t cut = 1; cut < session.size(); ++cut) {
    const std::string_view view(session);
    ASSERT_EQ(sorted(said_to({view.substr(0, cut), view.substr(cut)})), sorted(whole)) << cut;
  }
  std::vector<std::string_view> octets;
  for (const char& octet : session) octets.emplace_back(&octet, 1);
  EXPECT_EQ(sorted(said_to(octets)), sorted(whole));
}

TEST(Connection, WhatASocketTakesAtATimeDoesNotMatter) {
  Broker broker;
  ReadyClient client(broker);
  client.octets_a_write = 3;
  client.call(method::QueueDeclare{.queue = "q"});
  client.publish("q", std::string(300, 'x'));
  EXPECT_THAT(client.call(method::BasicConsume{.queue = "q", .consumer_tag = "c", .no_ack = true}),
              ElementsAre("1 basic.consume-ok(c)", "1 basic.deliver(c,1,false,,q) [300 octets]"));
}

// --- wrong frames -------------------------------------------------------------------------------
TEST(Connection, AnUnknownFrameIsAnErrorThatLeavesTimeForCloseOk) {
  for (const auto& [frame, shown] :
       {std::pair{any_frame(7, 0, "abc"), "type 7, all octets = <<\"abc\">>: unknown_frame"},
        std::pair{any_frame(8, 0, "x"), "type 8, all octets = <<\"x\">>: unknown_frame"},
        std::pair{any_frame(1, 1, "ab"), "type 1, all octets = <<\"ab\">>: unknown_frame"}}) {
    Broker broker;
    ReadyClient client(broker);
    EXPECT_THAT(client.send(frame), ElementsAre("0 connection.close(501,FRAME_ERROR - " +
                                                std::string(shown) + ",0,0)"));
    EXPECT_FALSE(client.closed());
    client.call(method::ConnectionCloseOk{});
    EXPECT_TRUE(client.closed());
  }
}

TEST(Connection, FramesOnAWrongChannelAreUnexpected) {
  for (const std::string& frame : {any_frame(8, 1, ""), header_frame(0, 1), body_frame(0, "x")}) {
    Broker broker;
    ReadyClient client(broker);
    EXPECT_THAT(client.send(frame),
                ElementsAre(HasSubstr("0 connection.close(505,UNEXPECTED_FRAME - type ")));
  }
}

TEST(Connection, AfterAWrongEndNothingIsHeardAndTheSocketClosesInThreeSeconds) {
  Broker broker;
  ReadyClient client(broker);
  std::string frame = method_frame(1, method::ChannelOpen{});
  frame.back() = 'x';
  EXPECT_THAT(client.send(frame),
              ElementsAre("0 connection.close(501,FRAME_ERROR - type 1, all octets = "
                          "<<0,20,0,10,0>>: {invalid_frame_end_marker,120},0,0)"));
  client.call(method::ConnectionCloseOk{});
  broker.pass(2500ms);
  EXPECT_FALSE(client.closed());
  broker.pass(500ms);
  EXPECT_TRUE(client.closed());
}

TEST(Connection, AFrameAboveTheLimitIsRefusedBeforeItHasArrived) {
  Broker broker;
  ReadyClient client(broker, {.frame_max = 4096});
  EXPECT_THAT(client.send(body_frame(1, std::string(4097, 'x')).substr(0, 7)),
              ElementsAre("0 connection.close(501,FRAME_ERROR - type 3, all octets = <<>>: "
                          "{frame_too_large,4097,4088},0,0)"));
  broker.pass(3s);
  EXPECT_TRUE(client.closed());
}

TEST(Connection, APayloadOfExactlyFrameMaxIsTakenForClientsThatCountWrongly) {
  Broker broker;
  ReadyClient client(broker, {.frame_max = 4096});
  client.call(method::QueueDeclare{.queue = "q"});
  client.publish("q", std::string(4096, 'x'));
  EXPECT_THAT(client.call(method::BasicGet{.queue = "q"}),
              ElementsAre("1 basic.get-ok(1,false,,q,0) [4096 octets]"));
  EXPECT_THAT(client.last[0].body_frames, ElementsAre(4096, 16));
}

// --- wrong methods ------------------------------------------------------------------------------
std::string closed_with(std::string_view what) {
  return "0 connection.close(" + std::string(what) + ")";
}

TEST(Connection, AChannelMustBeOpenedFirst) {
  const std::pair<std::string, std::string_view> cases[] = {
      {method_frame(2, method::QueueDeclare{.queue = "q"}), "50,10"},
      {method_frame(2, method::ChannelClose{}), "20,40"},
      {header_frame(2, 0), "0,0"},
      {body_frame(2, "x"), "0,0"}};
  for (const auto& [frame, ids] : cases) {
    Broker broker;
    ReadyClient client(broker);
    EXPECT_THAT(client.send(frame),
                ElementsAre(closed_with("504,CHANNEL_ERROR - expected 'channel.open'," +
                                        std::string(ids))));
  }
}

TEST(Connection, ALateChannelCloseOkIsForgiven) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.call_on(2, method::ChannelCloseOk{}), IsEmpty());
  EXPECT_THAT(client.open(2), ElementsAre("2 channel.open-ok()"));
}

TEST(Connection, AChannelIsOpenedOnce) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.open(),
              ElementsAre(closed_with("504,CHANNEL_ERROR - second 'channel.open' seen,20,10")));
}

TEST(Connection, MethodsOfChannelsDoNotBelongOnChannelZero) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.call_on(0, method::QueueDeclare{.queue = "q"}),
              ElementsAre(closed_with(
                  "504,CHANNEL_ERROR - unexpected method in connection state running,50,10")));
}

TEST(Connection, MethodsThatNoClientSendsAreUnimplemented) {
  const std::pair<std::string, std::string_view> cases[] = {
      {method_frame(0, method::ConnectionStart{}), "10,10"},
      {method_frame(0, method::ConnectionBlocked{}), "10,60"},
      {method_frame(1, method::ConnectionClose{}), "10,50"},
      {method_frame(1, method::BasicGetEmpty{}), "60,72"},
      {method_frame(1, method::BasicDeliver{}), "60,60"},
      {method_frame(1, method::QueueDeclareOk{}), "50,11"},
      {method_frame(1, method::ChannelCloseOk{}), "20,41"}};
  for (const auto& [frame, ids] : cases) {
    Broker broker;
    ReadyClient client(broker);
    EXPECT_THAT(
        client.send(frame),
        ElementsAre(closed_with("503,COMMAND_INVALID - unimplemented method," + std::string(ids))));
    client.call(method::ConnectionCloseOk{});
    EXPECT_TRUE(client.closed());
  }
}

TEST(Connection, AnUnknownMethodEndsTheConnection) {
  for (const std::uint16_t channel : {std::uint16_t{0}, std::uint16_t{1}}) {
    Broker broker;
    ReadyClient client(broker);
    EXPECT_THAT(client.send(method_frame(channel, MethodId{10, 99}, "")),
                ElementsAre(closed_with("503,COMMAND_INVALID - unknown method,10,99")));
  }
}

TEST(Connection, ArgumentsOfAWrongLengthAreAFrameError) {
  const std::pair<std::string, std::string_view> cases[] = {
      {method_frame(0, method::ConnectionClose::kId, "\0"sv), "<<0>>,10,50"},
      {method_frame(0, method::ConnectionCloseOk::kId, "more"), "<<109,111,114,101>>,10,51"},
      {method_frame(1, method::BasicAck::kId, "\0\0\0"sv), "<<0,0,0>>,60,80"},
      {method_frame(1, method::QueueDeclare::kId, ""), "<<>>,50,10"},
      {method_frame(1, method::BasicPublish::kId, "\0\0\xFFx"sv), "<<0,0,255,120>>,60,40"}};
  for (const auto& [frame, what] : cases) {
    Broker broker;
    ReadyClient client(broker);
    EXPECT_THAT(client.send(frame),
                ElementsAre(closed_with("501,FRAME_ERROR - cannot decode " + std::string(what))));
  }
}

TEST(Connection, ShortStringsAreUtf8) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.call(method::QueueDeclare{.queue = "\xFF"}),
              ElementsAre(closed_with("501,FRAME_ERROR - Malformed UTF-8 in shortstr,0,0")));
  TestClient other(broker);
  other.send(kProtocolHeader);
  EXPECT_THAT(other.call(method::ConnectionStartOk{.mechanism = "\xFF"}),
              ElementsAre(closed_with("501,FRAME_ERROR - Malformed UTF-8 in shortstr,0,0")));
}

TEST(Connection, AnUndecodableTableIsASyntaxError) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.call(method::QueueDeclare{.queue = "q", .arguments = {"\1a?"}}),
              ElementsAre(closed_with("502,SYNTAX_ERROR - undecodable field table,50,10")));
  broker.pass(3s);
  EXPECT_TRUE(client.closed());
}

TEST(Connection, AnExplanationIsCutToWhatAShortStringHolds) {
  Broker broker;
  ReadyClient client(broker);
  const std::string name(250, 'n');
  client.call(method::QueueDelete{.queue = name});
  EXPECT_THAT(
      client.call(method::BasicGet{.queue = name}),
      ElementsAre("1 channel.close(404,NOT_FOUND - no queue '" +
                  std::string(252 - "NOT_FOUND - no queue '"sv.size(), 'n') + "...,60,70)"));
}

TEST(Connection, CountsWhatItReceivesAndSends) {
  Broker broker{1};
  ReadyClient client(broker);
  const std::uint64_t received = client.connection().received_total();
  const std::uint64_t sent = client.connection().sent_total();
  const std::string declare = method_frame(1, method::QueueDeclare{.queue = "q"});
  client.send(declare.substr(0, 5));
  EXPECT_EQ(client.connection().received_total(), received) << "not handled yet";
  client.send(declare.substr(5));
  EXPECT_EQ(client.connection().received_total(), received + declare.size());
  EXPECT_EQ(client.connection().sent_total(),
            sent + method_frame(1, method::QueueDeclareOk{.queue = "q"}).size());
}

TEST(Connection, AChannelCountsItsMessagesByWhatHappenedToThem) {
  Broker broker{1};
  ReadyClient client(broker);
  client.call(method::QueueDeclare{.queue = "q"});
  client.call(method::ConfirmSelect{});
  for (int i = 0; i < 4; ++i) client.publish("q", "m");
  client.publish("nowhere", "dropped");
  client.publish(method::BasicPublish{.routing_key = "nowhere", .mandatory = true}, "returned");
  client.call(method::BasicGet{.queue = "q"});
  client.call(method::BasicNack{.delivery_tag = 1, .requeue = true});
  client.call(method::BasicGet{.queue = "q"});
  client.call(method::BasicAck{.delivery_tag = 2});
  client.call(method::BasicGet{.queue = "q", .no_ack = true});
  client.call(method::BasicConsume{.queue = "q", .consumer_tag = "c"});
  client.call(method::BasicConsume{.queue = "q", .consumer_tag = "d", .no_ack = true});
  client.call(method::BasicGet{.queue = "q"});
  ChannelCounters all;
  client.connection().for_each_channel([&](const Channel& channel) { all = channel.counters(); });
  EXPECT_EQ(all, (ChannelCounters{.publish = 6,
                                  .confirm = 6,
                                  .return_unroutable = 1,
                                  .drop_unroutable = 1,
                                  .deliver = 2,
                                  .get = 2,
                                  .get_no_ack = 1,
                                  .get_empty = 1,
                                  .redeliver = 1,
                                  .ack = 1}));
}

// --- closing ------------------------------------------------------------------------------------
TEST(Connection, AtCloseOkExclusiveQueuesAreGoneAndLeasesAreBack) {
  Broker broker(3);
  ReadyClient leaving(broker, {}, 1);
  ReadyClient staying(broker, {}, 2);
  leaving.call(method::QueueDeclare{.queue = "mine", .exclusive = true});
  leaving.call(method::QueueDeclare{.queue = "ours"});
  leaving.publish("ours", "m");
  leaving.call(method::BasicGet{.queue = "ours"});
  EXPECT_THAT(leaving.call(method::ConnectionClose{}), ElementsAre("0 connection.close-ok()"));
  EXPECT_THAT(staying.call(method::QueueDeclare{.queue = "mine"}),
              ElementsAre("1 queue.declare-ok(mine,0,0)"));
  EXPECT_THAT(staying.call(method::BasicGet{.queue = "ours"}),
              ElementsAre("1 basic.get-ok(1,true,,ours,0) [m]"));
}

TEST(Connection, AfterCloseOkTheClientHasThirtySecondsOrOneHeartbeatToGo) {
  Broker broker;
  ReadyClient slow(broker, {.heartbeat = 0});
  ReadyClient quick(broker, {.heartbeat = 5});
  slow.call(method::ConnectionClose{});
  quick.call(method::ConnectionClose{});
  broker.pass(4750ms);
  EXPECT_FALSE(quick.closed());
  broker.pass(250ms);
  EXPECT_TRUE(quick.closed());
  broker.pass(24750ms);
  EXPECT_FALSE(slow.closed());
  broker.pass(250ms);
  EXPECT_TRUE(slow.closed());
}

TEST(Connection, AfterItsCloseAClientIsNotHeard) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.send(method_frame(0, method::ConnectionClose{}) +
                          method_frame(1, method::QueueDeclare{.queue = "q"}) +
                          std::string(kHeartbeatFrame)),
              ElementsAre("0 connection.close-ok()"));
  EXPECT_THAT(client.call(method::QueueDeclare{.queue = "q"}), IsEmpty());
  ReadyClient other(broker);
  EXPECT_THAT(other.call(method::QueueDeclare{.queue = "q", .passive = true}),
              ElementsAre(HasSubstr("404")));
}

TEST(Connection, AfterTheBrokersCloseOnlyCloseAndCloseOkAreHeard) {
  Broker broker;
  ReadyClient client(broker);
  client.call(method::BasicQos{.prefetch_size = 1});
  EXPECT_THAT(client.call(method::QueueDeclare{.queue = "q"}), IsEmpty());
  EXPECT_THAT(client.publish("q", "m"), IsEmpty());
  EXPECT_THAT(client.send(any_frame(7, 0, "abc")), IsEmpty());
  EXPECT_THAT(client.call(method::ConnectionClose{}), ElementsAre("0 connection.close-ok()"));
  EXPECT_FALSE(client.closed());
  EXPECT_THAT(client.call(method::ConnectionCloseOk{}), IsEmpty());
  EXPECT_TRUE(client.closed());
}

TEST(Connection, ABrokersCloseWithoutAnswerEndsWithThePatience) {
  Broker broker;
  ReadyClient client(broker, {.heartbeat = 60});
  client.call(method::BasicQos{.prefetch_size = 1});
  broker.pass(29750ms);
  EXPECT_FALSE(client.closed());
  broker.pass(250ms);
  EXPECT_TRUE(client.closed());
}

TEST(Connection, AStrayCloseOkIsUnexpected) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.call(method::ConnectionCloseOk{}),
              ElementsAre(closed_with(
                  "504,CHANNEL_ERROR - unexpected method in connection state running,10,51")));
}

TEST(Connection, TheOperatorSaysWhy) {
  Broker broker;
  ReadyClient client(broker);
  client.connection().force_close("broker forced connection closure with reason 'shutdown'");
  broker.run();
  EXPECT_THAT(client.take(),
              ElementsAre(closed_with("320,CONNECTION_FORCED - broker forced connection closure "
                                      "with reason 'shutdown',0,0")));
}

TEST(Connection, TheOperatorIsObeyedWhileAnAnswerIsAwaited) {
  Broker broker(2);
  ReadyClient owner(broker, {}, 0);
  ReadyClient client(broker, {}, 1);
  owner.call(method::QueueDeclare{.queue = "q"});
  broker.cluster.hold(1, 0);
  EXPECT_THAT(client.call(method::BasicGet{.queue = "q"}), IsEmpty());
  client.connection().force_close("enough");
  broker.run();
  EXPECT_THAT(client.take(), ElementsAre(closed_with("320,CONNECTION_FORCED - enough,0,0")));
  client.call(method::ConnectionCloseOk{});
  EXPECT_TRUE(client.closed()) << "close-ok was not heard";
  broker.cluster.release();
}

TEST(Connection, AFailureAheadOfAnAwaitedAnswerDoesNotMakeItDeaf) {
  Broker broker(2);
  ReadyClient client(broker, {}, 1);
  client.call(method::QueueDeclare{.queue = "q"});
  EXPECT_THAT(
      client.send(method_frame(1, method::QueueBind{.queue = "q", .exchange = "none"}) +
                  method_frame(1, method::QueueDeclare{.queue = "q"})),
      ElementsAre("1 channel.close(404,NOT_FOUND - no exchange 'none' in vhost '/',50,20)"));
  EXPECT_THAT(client.call(method::ChannelCloseOk{}), IsEmpty());
  EXPECT_THAT(client.open(), ElementsAre("1 channel.open-ok()"));
}

TEST(Connection, WithItsVhostAConnectionEnds) {
  Broker broker;
  broker.cluster.administer(engine::AddVhost{"other", "", {}});
  ReadyClient inside(broker, {.vhost = "other"});
  ReadyClient outside(broker);
  broker.cluster.administer(engine::RemoveVhost{"other"});
  broker.run();
  EXPECT_THAT(inside.take(),
              ElementsAre(closed_with("320,CONNECTION_FORCED - vhost 'other' is deleted,0,0")));
  EXPECT_THAT(outside.take(), IsEmpty());
}

TEST(Connection, AClientThatDisappearsLeavesNothing) {
  Broker broker(3);
  {
    ReadyClient client(broker, {}, 2);
    client.call(method::QueueDeclare{.queue = "mine", .exclusive = true});
    client.call(method::QueueDeclare{.queue = "ours"});
    for (int i = 0; i < 5; ++i) client.publish("ours", "m");
    client.call(method::BasicConsume{.queue = "ours"});
    client.reads = false;
    client.send(method_frame(1, method::BasicPublish{.routing_key = "mine"}) +
                header_frame(1, 100000) + body_frame(1, "unfinished"));
    client.drop();
    EXPECT_TRUE(client.forgotten());
  }
  ReadyClient other(broker);
  EXPECT_THAT(other.call(method::QueueDeclare{.queue = "mine", .passive = true}),
              ElementsAre(HasSubstr("404")));
  other.open(2);
  EXPECT_THAT(other.call_on(2, method::QueueDeclare{.queue = "ours", .passive = true}),
              ElementsAre("2 queue.declare-ok(ours,5,0)"));
}

// --- secrets and permissions ---------------------------------------------------------------------
TEST(Connection, ASecretIsReplacedByOneThatIsRight) {
  Broker broker;
  ReadyClient client(broker);
  EXPECT_THAT(client.call(method::ConnectionUpdateSecret{.new_secret = {"guest"}}),
              ElementsAre("0 connection.update-secret-ok()"));
  EXPECT_THAT(client.call(method::ConnectionUpdateSecret{.new_secret = {"wrong"}}),
              ElementsAre(closed_with(
                  "530,NOT_ALLOWED - New secret was refused by one of the backends,10,70")));
}

TEST(Connection, AVerdictOnAPermissionEndsWithTheDirectoryItCameFrom) {
  Broker broker;
  ReadyClient client(broker);
  client.call(method::QueueDeclare{.queue = "q"});
  auth::User guest = auth::default_users().front();
  guest.permissions = {{.vhost = "/"}};
  broker.admission.set_users({guest});
  EXPECT_THAT(client.call(method::BasicGet{.queue = "q"}),
              ElementsAre("1 channel.close(403,ACCESS_REFUSED - read access to queue 'q' in vhost "
                          "'/' refused for user 'guest',60,70)"));
}

}  // namespace
}  // namespace polymq::amqp091
