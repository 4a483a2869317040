// Promises of the handshake: who is let in, with which limits, and what everybody else is told.
#include <gmock/gmock.h>

#include "amqp091/testing/broker_fixture.h"

namespace polymq::amqp091 {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kTune = "0 connection.tune(2047,131072,60)";

// --- the protocol header ------------------------------------------------------------------------
TEST(Handshake, TheHeadersOfBothVersionsAreAnsweredWithStart) {
  for (const std::string_view header : {"AMQP\0\0\x09\x01"sv, "AMQP\1\1\0\x09"sv}) {
    Broker broker;
    TestClient client(broker);
    ASSERT_THAT(client.send(header), testing::SizeIs(1));
    EXPECT_THAT(client.last[0].text, testing::StartsWith("0 connection.start(0,9,{"));
    EXPECT_THAT(client.last[0].text, HasSubstr(",PLAIN AMQPLAIN RABBIT-CR-DEMO,en_US)"));
  }
}

TEST(Handshake, AStrangerIsToldTheProtocolThatIsSpokenHereAndLeft) {
  for (const std::string_view greeting : {"GET / HTTP/1.1\r\n"sv, "\x16\x03\x01\x02\0\x01"sv,
                                          "AMQP\3\1\0\0"sv, "AMQP\0\0\x09\x02"sv, "x"sv}) {
    Broker broker;
    TestClient client(broker);
    EXPECT_THAT(client.send(greeting), ElementsAre("AMQP 0-9-1")) << greeting;
    EXPECT_TRUE(client.closed());
  }
}

TEST(Handshake, AHeaderInPiecesIsWaitedFor) {
  Broker broker;
  TestClient client(broker);
  for (std::size_t i = 0; i + 1 < kProtocolHeader.size(); ++i) {
    EXPECT_THAT(client.send(kProtocolHeader.substr(i, 1)), IsEmpty());
  }
  EXPECT_THAT(client.send(kProtocolHeader.substr(7)), testing::SizeIs(1));
}

TEST(Handshake, WhoTakesTooLongIsCutOff) {
  Broker broker;
  TestClient silent(broker);
  TestClient slow(broker);
  slow.start();
  broker.pass(10s);
  EXPECT_FALSE(silent.closed());
  EXPECT_FALSE(slow.closed());
  broker.pass(500ms);
  EXPECT_TRUE(silent.closed());
  EXPECT_TRUE(slow.closed());
  EXPECT_THAT(slow.take(), IsEmpty());
}

TEST(Handshake, WhoIsInIsNotCutOff) {
  Broker broker;
  ReadyClient client(broker);
  broker.pass(1h);
  EXPECT_FALSE(client.closed());
}

// --- login --------------------------------------------------------------------------------------
constexpr std::string_view kRefusedPlain =
    "0 connection.close(403,ACCESS_REFUSED - Login was refused using authentication mechanism "
    "PLAIN. For details see the broker logfile.,0,0)";

TEST(Handshake, ARefusedLoginIsToldToThoseWhoListenAndHeldForThreeSeconds) {
  Broker broker;
  TestClient told(broker);
  TestClient untold(broker);
  EXPECT_THAT(told.start({.password = "wrong"}), ElementsAre(kRefusedPlain));
  EXPECT_THAT(untold.start({.user = "nobody", .capabilities = {}}), IsEmpty());
  broker.pass(2500ms);
  EXPECT_FALSE(told.closed());
  EXPECT_FALSE(untold.closed());
  broker.pass(500ms);
  EXPECT_TRUE(told.closed());
  EXPECT_TRUE(untold.closed());
}

TEST(Handshake, NothingIsHeardFromARefusedClientButItsCloseOk) {
  Broker broker;
  TestClient client(broker);
  client.start({.password = "wrong"});
  EXPECT_THAT(client.call(method::ConnectionTuneOk{.channel_max = 1, .frame_max = 4096}),
              IsEmpty());
  EXPECT_THAT(client.call(method::ConnectionOpen{.virtual_host = "/"}), IsEmpty());
  EXPECT_THAT(client.open(), IsEmpty());
  EXPECT_FALSE(client.closed());
  EXPECT_THAT(client.call(method::ConnectionCloseOk{}), IsEmpty());
  EXPECT_TRUE(client.closed());
}

TEST(Handshake, ALoopbackUserFromElsewhereIsRefused) {
  Broker broker;
  broker.admission.set_users(auth::default_users(), {"guest"});
  TestClient near(broker, 0, true);
  TestClient far(broker, 0, false);
  EXPECT_THAT(near.start(), ElementsAre(kTune));
  EXPECT_THAT(far.start(), ElementsAre(kRefusedPlain));
}

TEST(Handshake, WhatAClientTellsOfItselfIsKept) {
  Broker broker;
  TestClient client(broker);
  const Login login{.product = "a library"};
  client.start(login);
  EXPECT_EQ(client.connection().client_properties(), client_properties(login));
}

TEST(Handshake, AmqplainIsAFieldTable) {
  Broker broker;
  TestClient client(broker);
  client.send(kProtocolHeader);
  const std::string response = encode_table(
      {{"LOGIN", engine::Value::string("guest")}, {"PASSWORD", engine::Value::string("guest")}});
  EXPECT_THAT(
      client.call(method::ConnectionStartOk{.mechanism = "AMQPLAIN", .response = {response}}),
      ElementsAre(kTune));
}

TEST(Handshake, AChallengeIsAnsweredWithSecureOk) {
  Broker broker;
  TestClient client(broker);
  client.send(kProtocolHeader);
  EXPECT_THAT(
      client.call(method::ConnectionStartOk{.mechanism = "RABBIT-CR-DEMO", .response = {"guest"}}),
      ElementsAre("0 connection.secure(Please tell me your password)"));
  EXPECT_THAT(client.call(method::ConnectionSecureOk{{"My password is guest"}}),
              ElementsAre(kTune));
}

TEST(Handshake, AMechanismThatIsNotOfferedIsRefused) {
  Broker broker;
  TestClient client(broker);
  client.send(kProtocolHeader);
  EXPECT_THAT(client.call(method::ConnectionStartOk{.mechanism = "EXTERNAL"}),
              ElementsAre("0 connection.close(503,COMMAND_INVALID - unknown authentication "
                          "mechanism 'EXTERNAL',10,11)"));
  broker.pass(3s);
  EXPECT_TRUE(client.closed());
}

TEST(Handshake, AMalformedResponseIsASyntaxError) {
  Broker broker;
  TestClient client(broker);
  client.send(kProtocolHeader);
  EXPECT_THAT(
      client.call(method::ConnectionStartOk{.mechanism = "PLAIN", .response = {"guest\0guest"sv}}),
      ElementsAre("0 connection.close(502,SYNTAX_ERROR - response of mechanism PLAIN invalid,"
                  "10,11)"));
}

// --- tuning -------------------------------------------------------------------------------------
TestClient::Texts tuned(const Login& login, const Settings* settings = nullptr) {
  Broker broker;
  if (settings != nullptr) broker.settings = *settings;
  TestClient client(broker);
  client.start();
  return client.tune(login);
}

TEST(Handshake, TheServersLimitsAndSmallerOnesAreTaken) {
  EXPECT_THAT(tuned({}), IsEmpty());
  EXPECT_THAT(tuned({.channel_max = 1, .frame_max = 4096, .heartbeat = 1}), IsEmpty());
  EXPECT_THAT(tuned({.heartbeat = 65535}), IsEmpty());
}

TEST(Handshake, LargerLimitsThanOfferedAreRefused) {
  EXPECT_THAT(tuned({.frame_max = 4095}),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - negotiated frame_max = 4095 is "
                          "lower than the minimum allowed value (4096),10,31)"));
  EXPECT_THAT(tuned({.frame_max = 131073}),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - negotiated frame_max = 131073 is "
                          "higher than the maximum allowed value (131072),10,31)"));
  EXPECT_THAT(tuned({.frame_max = 0}),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - negotiated frame_max = 0 (no "
                          "limit) is higher than the maximum allowed value (131072),10,31)"));
  EXPECT_THAT(tuned({.channel_max = 2048}),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - negotiated channel_max = 2048 is "
                          "higher than the maximum allowed value (2047),10,31)"));
  EXPECT_THAT(tuned({.channel_max = 0}),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - negotiated channel_max = 0 (no "
                          "limit) is higher than the maximum allowed value (2047),10,31)"));
}

TEST(Handshake, WithoutAServersLimitTheClientMayHaveNone) {
  Settings unlimited;
  unlimited.sasl.mechanisms = {"PLAIN"};
  unlimited.frame_max = 0;
  unlimited.channel_max = 0;
  EXPECT_THAT(tuned({.channel_max = 0, .frame_max = 0}, &unlimited), IsEmpty());
  EXPECT_THAT(tuned({.channel_max = 65535, .frame_max = 1u << 30}, &unlimited), IsEmpty());
}

TEST(Handshake, NoMoreChannelsAreOpenThanAgreedWhateverTheirNumbers) {
  Broker broker;
  TestClient client(broker);
  client.log_in({.channel_max = 2});
  EXPECT_THAT(client.open(7), ElementsAre("7 channel.open-ok()"));
  EXPECT_THAT(client.open(65535), ElementsAre("65535 channel.open-ok()"));
  client.call_on(7, method::ChannelClose{});
  EXPECT_THAT(client.open(8), ElementsAre("8 channel.open-ok()"));
  EXPECT_THAT(client.open(9),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - number of channels opened (2) has "
                          "reached the negotiated channel_max (2),0,0)"));
}

TEST(Handshake, BeforeTuningFramesAreSmall) {
  Broker broker;
  TestClient client(broker);
  client.send(kProtocolHeader);
  const std::string large(8193, 'x');
  EXPECT_THAT(client.call(method::ConnectionStartOk{.mechanism = "PLAIN", .response = {large}}),
              ElementsAre(HasSubstr("connection.close(501,FRAME_ERROR - type 1, all octets = <<>>: "
                                    "{frame_too_large,8212,8184},0,0)")));
}

// --- open ---------------------------------------------------------------------------------------
TEST(Handshake, AMissingVhostIsNotOpened) {
  Broker broker;
  TestClient client(broker);
  EXPECT_THAT(client.log_in({.vhost = "elsewhere"}),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - vhost elsewhere not found,10,40)"));
  TestClient empty(broker);
  EXPECT_THAT(empty.log_in({.vhost = ""}),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - vhost  not found,10,40)"));
}

TEST(Handshake, AVhostIsOpenToItsUsersOnly) {
  Broker broker;
  auth::User stranger{.name = "stranger", .password = auth::PasswordHash::make("secret")};
  broker.admission.set_users({stranger});
  TestClient client(broker);
  EXPECT_THAT(client.log_in({.user = "stranger", .password = "secret"}),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - access to vhost '/' refused for "
                          "user 'stranger',10,40)"));
}

TEST(Handshake, WhatTheAdmissionRefusesIsToldAndNotCounted) {
  Broker broker;
  broker.admission.refuse_connection = "connection refused: node connection limit (1) is reached";
  TestClient client(broker);
  EXPECT_THAT(client.log_in(),
              ElementsAre("0 connection.close(530,NOT_ALLOWED - connection refused: node "
                          "connection limit (1) is reached,10,40)"));
  EXPECT_EQ(broker.admission.connections, 0);
}

TEST(Handshake, AConnectionIsCountedWhileItIsOpen) {
  Broker broker;
  ReadyClient one(broker);
  {
    ReadyClient two(broker);
    EXPECT_EQ(broker.admission.connections, 2);
    EXPECT_EQ(broker.admission.channels, 2);
  }
  EXPECT_EQ(broker.admission.connections, 1);
  EXPECT_EQ(broker.admission.channels, 1);
}

// --- order --------------------------------------------------------------------------------------
std::string unexpected(std::string_view state, std::string_view ids) {
  return "0 connection.close(504,CHANNEL_ERROR - unexpected method in connection state " +
         std::string(state) + "," + std::string(ids) + ")";
}

TEST(Handshake, EveryStepHasItsTurn) {
  Broker broker;
  TestClient starting(broker);
  starting.send(kProtocolHeader);
  EXPECT_THAT(starting.tune({}), ElementsAre(unexpected("starting", "10,31")));
  TestClient hasty(broker);
  hasty.send(kProtocolHeader);
  EXPECT_THAT(hasty.call(method::ConnectionSecureOk{}),
              ElementsAre(unexpected("starting", "10,21")));
  TestClient tuning(broker);
  tuning.start();
  EXPECT_THAT(tuning.call(method::ConnectionOpen{.virtual_host = "/"}),
              ElementsAre(unexpected("tuning", "10,40")));
  TestClient opening(broker);
  opening.start();
  opening.tune({});
  EXPECT_THAT(opening.tune({}), ElementsAre(unexpected("opening", "10,31")));
  ReadyClient running(broker);
  EXPECT_THAT(running.call(method::ConnectionOpen{.virtual_host = "/"}),
              ElementsAre(unexpected("running", "10,40")));
}

TEST(Handshake, ChannelsComeAfterTheConnection) {
  Broker broker;
  TestClient client(broker);
  client.start();
  EXPECT_THAT(client.open(), ElementsAre(HasSubstr("0 connection.close(505,UNEXPECTED_FRAME - ")));
  broker.pass(3s);
  EXPECT_TRUE(client.closed());
}

TEST(Handshake, ACloseInTheMiddleIsAnswered) {
  Broker broker;
  TestClient client(broker);
  client.start();
  EXPECT_THAT(client.call(method::ConnectionClose{}), ElementsAre("0 connection.close-ok()"));
  EXPECT_FALSE(client.closed());
  broker.pass(30s);
  EXPECT_TRUE(client.closed());
}

TEST(Handshake, AClientThatLeavesInAnyStepIsForgotten) {
  Broker broker;
  for (int step = 0; step < 4; ++step) {
    TestClient client(broker);
    if (step > 0) client.send(kProtocolHeader);
    if (step > 1) client.start();
    if (step > 2) client.tune({});
    client.drop();
    EXPECT_TRUE(client.forgotten()) << step;
  }
}

TEST(Handshake, EverythingMayComeInOneRead) {
  Broker broker;
  TestClient client(broker);
  const std::string properties = client_properties({});
  const std::string all =
      std::string(kProtocolHeader) +
      method_frame(0, method::ConnectionStartOk{.client_properties = {properties},
                                                .mechanism = "PLAIN",
                                                .response = {"\0guest\0guest"sv}}) +
      method_frame(0, method::ConnectionTuneOk{.channel_max = 5, .frame_max = 5000}) +
      method_frame(0, method::ConnectionOpen{.virtual_host = "/"}) +
      method_frame(1, method::ChannelOpen{});
  EXPECT_THAT(client.send(all), ElementsAre(HasSubstr("connection.start("), kTune,
                                            "0 connection.open-ok()", "1 channel.open-ok()"));
}

}  // namespace
}  // namespace polymq::amqp091
