// Promises of basic.publish: contents in frames, what is refused and how, and what is returned.
#include <gmock/gmock.h>

#include "amqp091/testing/broker_fixture.h"

namespace polymq::amqp091 {
namespace {

using namespace std::string_view_literals;
using engine::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A client with a queue "q", and one that looks at it.
class Publishing : public testing::Test {
 protected:
  Publishing() { client.call(method::QueueDeclare{.queue = "q"}); }
  /// What a publish with these properties is answered with.
  TestClient::Texts publish(const Properties& properties, std::string_view body = "m") {
    return client.publish("q", body, properties);
  }
  /// An error that closes the channel, blamed on basic.publish.
  static std::string refused(std::string_view what) {
    return "1 channel.close(" + std::string(what) + ",60,40)";
  }
  static std::string ended(std::string_view what) {
    return "0 connection.close(" + std::string(what) + ")";
  }
  TestClient::Texts get() { return other.call(method::BasicGet{.queue = "q", .no_ack = true}); }
  const Received& got() { return other.last.at(0); }

  Broker broker{2};
  ReadyClient client{broker, {}, 1};
  ReadyClient other{broker, {}, 0};
};

constexpr method::BasicPublish kToQueue{.routing_key = "q"};

// --- contents -----------------------------------------------------------------------------------
TEST_F(Publishing, PropertiesAndBodyArriveAsTheyWereSent) {
  const std::string headers = encode_table({{"z", Value::integer(1)}, {"a", Value::string("x")}});
  Properties properties;
  properties.content_type = "text/plain";
  properties.headers = FieldTable{headers};
  properties.delivery_mode = 1;
  properties.priority = 0;
  properties.expiration = "60000";
  properties.timestamp = 12345;
  properties.cluster_id = "odd";
  publish(properties, "\0\xCE body"sv);
  get();
  EXPECT_EQ(got().properties, encode(properties));
  EXPECT_EQ(got().body, "\0\xCE body"sv);
}

TEST_F(Publishing, AnEmptyBodyHasNoFrame) {
  publish({}, "");
  EXPECT_THAT(get(), ElementsAre("1 basic.get-ok(1,false,,q,0)"));
  EXPECT_THAT(got().body_frames, IsEmpty());
}

TEST_F(Publishing, ABodyOfAnySizeInAnyFramesIsOne) {
  for (const std::size_t size : {1u, 4088u, 4089u, 65536u, 65537u, 300'000u}) {
    for (const std::size_t frame : {100'000u, 4088u, 777u}) {
      std::string body(size, 'x');
      for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 7 + i / 256);
      std::string bytes = method_frame(1, kToQueue) + header_frame(1, size);
      for (std::size_t at = 0; at < size; at += frame) {
        bytes += body_frame(1, std::string_view(body).substr(at, frame));
      }
      EXPECT_THAT(client.send(bytes), IsEmpty());
      get();
      ASSERT_EQ(got().body, body) << size << " in frames of " << frame;
    }
  }
}

TEST_F(Publishing, DeliveriesAreCutToTheReadersFrameMax) {
  ReadyClient reader(broker, {.frame_max = 4096});
  for (const std::size_t size : {4088u, 4089u, 9000u}) {
    publish({}, std::string(size, 'x'));
    reader.call(method::BasicGet{.queue = "q", .no_ack = true});
    std::vector<std::size_t> frames(size / 4088, 4096);
    if (size % 4088 != 0) frames.push_back(size % 4088 + 8);
    EXPECT_EQ(reader.last.at(0).body_frames, frames);
  }
}

TEST_F(Publishing, OtherFramesThanTheContentsAreUnexpected) {
  const std::string publish = method_frame(1, kToQueue);
  const std::string no_header = ended(
      "505,UNEXPECTED_FRAME - expected content header for class 60, got non content header "
      "frame instead,60,40");
  const std::string no_body = ended(
      "505,UNEXPECTED_FRAME - expected content body, got non content body frame instead,"
      "60,40");
  const std::string no_method =
      ended("505,UNEXPECTED_FRAME - expected method frame, got non method frame instead,0,0");
  const std::pair<std::string, std::string> cases[] = {
      {publish + method_frame(1, method::BasicQos{}), no_header},
      {publish + publish, no_header},
      {publish + body_frame(1, "x"), no_header},
      {publish + header_frame(1, 2) + method_frame(1, method::BasicQos{}), no_body},
      {publish + header_frame(1, 2) + header_frame(1, 2), no_body},
      {publish + header_frame(1, 2) + body_frame(1, "x") + publish, no_body},
      {publish + header_frame(1, 200'000) + body_frame(1, "x") + publish, no_body},
      {header_frame(1, 2), no_method},
      {body_frame(1, "x"), no_method},
      {body_frame(1, ""), no_method},
      {publish + header_frame(1, 0) + body_frame(1, ""), no_method},
      {publish + header_frame(1, 0, kNoProperties, 50),
       ended("505,UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 "
             "instead,60,40")},
      {publish + header_frame(1, 0, kNoProperties, 60, 1),
       ended("505,UNEXPECTED_FRAME - expected content header for class 60, got non content "
             "header frame instead,60,40")}};
  for (const auto& [frames, answer] : cases) {
    ReadyClient wrong(broker);
    EXPECT_THAT(wrong.send(frames), ElementsAre(answer));
  }
}

TEST_F(Publishing, MoreBodyThanAnnouncedIsAFrameError) {
  EXPECT_THAT(client.send(method_frame(1, kToQueue) + header_frame(1, 5) + body_frame(1, "12345") +
                          method_frame(1, kToQueue) + header_frame(1, 5) + body_frame(1, "1234") +
                          body_frame(1, "56")),
              ElementsAre(ended("501,FRAME_ERROR - content body frame exceeds remaining content "
                                "size,60,40")));
  EXPECT_THAT(get(), ElementsAre(HasSubstr("[12345]")));
}

TEST_F(Publishing, ABodyBeyondTheCeilingIsRefusedByItsHeader) {
  EXPECT_THAT(client.send(method_frame(1, kToQueue) + header_frame(1, (512u << 20) + 1)),
              ElementsAre(ended("501,FRAME_ERROR - content body size 536870913 exceeds maximum "
                                "allowed size 536870912,60,40")));
}

TEST_F(Publishing, AnAnnouncedSizeReservesNoMemory) {
  const std::int64_t before = broker.cluster.message_bytes();
  client.send(method_frame(1, kToQueue) + header_frame(1, 100u << 20) + body_frame(1, "x"));
  EXPECT_LT(broker.cluster.message_bytes() - before, 1000);
}

TEST_F(Publishing, ATooLargeMessageIsReadAndThenRefused) {
  broker.settings.max_message_size = 1000;
  EXPECT_THAT(publish({}, std::string(1000, 'x')), IsEmpty());
  EXPECT_THAT(client.send(method_frame(1, kToQueue) + header_frame(1, 1001) +
                          body_frame(1, std::string(1000, 'x'))),
              IsEmpty());
  EXPECT_THAT(client.send(body_frame(1, "y")),
              ElementsAre(refused("406,PRECONDITION_FAILED - message size 1001 is larger than "
                                  "configured max size 1000")));
  EXPECT_THAT(get(), ElementsAre(HasSubstr("[1000 octets]")));
  EXPECT_THAT(get(), ElementsAre("1 basic.get-empty()"));
}

TEST_F(Publishing, AnUndecodableHeaderFrameIsAnInternalErrorOfNoMethod) {
  const std::string wrong[] = {std::string("\x80\0"sv),    // a content type that is not there
                               std::string("\0\1"sv),      // flags that go on
                               std::string("\0\0more"sv),  // more than announced
                               std::string("\x20\0\0\0\0\3\1a?"sv)};  // a header of no type
  for (const std::string& properties : wrong) {
    ReadyClient client_of_its_own(broker);
    EXPECT_THAT(client_of_its_own.send(method_frame(1, kToQueue) + header_frame(1, 1, properties)),
                ElementsAre(ended("541,INTERNAL_ERROR,0,0")));
  }
}

TEST_F(Publishing, AHeaderBeyondItsLimitIsRefused) {
  broker.settings.max_header_size = 100;
  Properties properties;
  const std::string type(200, 't');
  properties.type = type;
  EXPECT_THAT(publish(properties), ElementsAre(ended("501,FRAME_ERROR - content header is larger "
                                                     "than the configured maximum,60,40")));
}

// --- where to -----------------------------------------------------------------------------------
TEST_F(Publishing, ExchangesThatTakeNothing) {
  EXPECT_THAT(client.publish({.exchange = "none"}, "m"),
              ElementsAre(refused("404,NOT_FOUND - no exchange 'none' in vhost '/'")));
  client.call(method::ChannelCloseOk{});
  client.open();
  EXPECT_THAT(client.publish({.exchange = "amq.rabbitmq.trace"}, "m"),
              ElementsAre(refused("403,ACCESS_REFUSED - cannot publish to internal exchange "
                                  "'amq.rabbitmq.trace' in vhost '/'")));
}

TEST_F(Publishing, ADeletedExchangeIsNotRemembered) {
  client.call(method::ExchangeDeclare{.exchange = "x", .type = "fanout"});
  EXPECT_THAT(client.publish({.exchange = "x"}, "m"), IsEmpty());
  other.call(method::ExchangeDelete{.exchange = "x"});
  EXPECT_THAT(client.publish({.exchange = "x"}, "m"),
              ElementsAre(refused("404,NOT_FOUND - no exchange 'x' in vhost '/'")));
}

TEST_F(Publishing, AnUnknownKeyIsNoError) {
  EXPECT_THAT(client.publish("none", "m"), IsEmpty());
  EXPECT_THAT(client.call(method::BasicQos{}), ElementsAre("1 basic.qos-ok()"));
}

TEST_F(Publishing, ImmediateIsNotImplemented) {
  EXPECT_THAT(client.publish({.routing_key = "q", .immediate = true}, "m"),
              ElementsAre(ended("540,NOT_IMPLEMENTED - immediate=true,60,40")));
}

// --- returns ------------------------------------------------------------------------------------
TEST_F(Publishing, AMandatoryMessageThatReachesNoQueueComesBackWhole) {
  Properties properties;
  properties.message_id = "7";
  EXPECT_THAT(client.publish({.exchange = "amq.direct", .routing_key = "k", .mandatory = true},
                             std::string(70, 'm'), properties),
              ElementsAre("1 basic.return(312,NO_ROUTE,amq.direct,k) [70 octets]"));
  EXPECT_EQ(client.last.at(0).properties, encode(properties));
  EXPECT_EQ(client.last.at(0).body, std::string(70, 'm'));
}

TEST_F(Publishing, AMandatoryMessageThatReachesAQueueDoesNotComeBack) {
  EXPECT_THAT(client.publish({.routing_key = "q", .mandatory = true}, "m"), IsEmpty());
  const std::string alternate = encode_table({{"alternate-exchange", Value::string("amq.fanout")}});
  client.call(method::ExchangeDeclare{.exchange = "x", .type = "direct", .arguments = {alternate}});
  EXPECT_THAT(client.publish({.exchange = "x", .mandatory = true}, "m"),
              ElementsAre("1 basic.return(312,NO_ROUTE,x,) [m]"));
  client.call(method::QueueBind{.queue = "q", .exchange = "amq.fanout"});
  EXPECT_THAT(client.publish({.exchange = "x", .mandatory = true}, "m"), IsEmpty());
}

// --- properties with a meaning ------------------------------------------------------------------
TEST_F(Publishing, AnExpirationIsMillisecondsOfAtMostTenYears) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"abc", "no_integer"},
      {"", "no_integer"},
      {"1x", "{leftover_string,\"x\"}"},
      {"1 ", "{leftover_string,\" \"}"},
      {"-1", "{value_negative,-1}"},
      {"315360000001", "{value_too_large,315360000001}"},
      {"99999999999999999999", "{value_too_large,99999999999999999999}"}};
  for (const auto& [text, why] : cases) {
    ReadyClient wrong(broker);
    Properties properties;
    properties.expiration = text;
    EXPECT_THAT(wrong.publish("q", "m", properties),
                ElementsAre(refused("406,PRECONDITION_FAILED - invalid expiration '" +
                                    std::string(text) + "': " + std::string(why))));
  }
  Properties properties;
  properties.expiration = "315360000000";
  EXPECT_THAT(publish(properties), IsEmpty());
  EXPECT_THAT(get(), ElementsAre(HasSubstr("[m]")));
}

TEST_F(Publishing, AMessageExpiresWithItsTime) {
  Properties properties;
  properties.expiration = "1000";
  publish(properties, "short");
  broker.pass(std::chrono::milliseconds(999));
  EXPECT_THAT(other.call(method::QueueDeclare{.queue = "q", .passive = true}),
              ElementsAre("1 queue.declare-ok(q,1,0)"));
  broker.pass(std::chrono::milliseconds(1));
  EXPECT_THAT(get(), ElementsAre("1 basic.get-empty()"));
}

TEST_F(Publishing, AUserIdIsTheUsersOwn) {
  Properties properties;
  properties.user_id = "guest";
  EXPECT_THAT(publish(properties), IsEmpty());
  properties.user_id = "other";
  EXPECT_THAT(publish(properties),
              ElementsAre(refused("406,PRECONDITION_FAILED - user_id property set to 'other' but "
                                  "authenticated user was 'guest'")));
}

TEST_F(Publishing, AnImpersonatorMayUseAnyUserId) {
  auth::User guest = auth::default_users().front();
  guest.tags = {"impersonator"};
  broker.admission.set_users({guest});
  ReadyClient impersonator(broker);
  Properties properties;
  properties.user_id = "other";
  EXPECT_THAT(impersonator.publish("q", "m", properties), IsEmpty());
}

TEST_F(Publishing, CopiesGoToTheKeysOfBothHeadersAndBccIsNotShown) {
  client.call(method::QueueDeclare{.queue = "seen"});
  client.call(method::QueueDeclare{.queue = "hidden"});
  const Value seen = Value::array({Value::string("seen"), Value::string("seen")});
  const std::string headers =
      encode_table({{"CC", seen}, {"BCC", Value::array({Value::string("hidden")})}});
  const std::string shown = encode_table({{"CC", seen}});
  Properties properties;
  properties.headers = FieldTable{headers};
  publish(properties);
  for (const std::string_view queue : {"q", "seen", "hidden"}) {
    EXPECT_THAT(other.call(method::BasicGet{.queue = queue, .no_ack = true}),
                ElementsAre(HasSubstr("basic.get-ok")));
    properties.headers = FieldTable{shown};
    EXPECT_EQ(got().properties, encode(properties)) << queue;
    EXPECT_THAT(got().text, HasSubstr(",q,0) [m]")) << "the routing key stays";
  }
}

TEST_F(Publishing, CopiesAreArrays) {
  for (const std::string name : {"CC", "BCC"}) {
    ReadyClient wrong(broker);
    const std::string headers = encode_table({{name, Value::string("q")}});
    Properties properties;
    properties.headers = FieldTable{headers};
    EXPECT_THAT(wrong.publish("q", "m", properties),
                ElementsAre(refused("406,PRECONDITION_FAILED - invalid message: "
                                    "{unacceptable_type_in_header,\"" +
                                    name + "\",longstr}")));
  }
}

TEST_F(Publishing, WhatIsWrongWithTheExchangeIsSaidBeforeWhatIsWrongWithTheMessage) {
  Properties properties;
  properties.expiration = "abc";
  EXPECT_THAT(client.publish({.exchange = "none"}, "m", properties),
              ElementsAre(refused("404,NOT_FOUND - no exchange 'none' in vhost '/'")));
}

TEST_F(Publishing, ARefusedMessageLeavesNoMemoryBehind) {
  const std::int64_t before = broker.cluster.message_bytes();
  Properties properties;
  properties.expiration = "abc";
  publish(properties, std::string(70'000, 'x'));
  client.call(method::ChannelCloseOk{});
  client.open();
  client.publish({.exchange = "none"}, std::string(70'000, 'x'));
  EXPECT_EQ(broker.cluster.message_bytes(), before);
}

}  // namespace
}  // namespace polymq::amqp091
