// Promises of a connection over time and under pressure: heartbeats, alarms, peers that do not
// read.
#include <gmock/gmock.h>

#include "amqp091/testing/broker_fixture.h"

namespace polymq::amqp091 {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// --- heartbeats ---------------------------------------------------------------------------------
TEST(ConnectionPressure, HeartbeatsFillTheSilenceEveryHalfInterval) {
  Broker broker;
  ReadyClient client(broker, {.heartbeat = 4});
  broker.pass(1750ms);
  EXPECT_THAT(client.take(), IsEmpty());
  broker.pass(250ms);
  EXPECT_THAT(client.take(), ElementsAre("0 heartbeat"));
  broker.pass(1s);
  client.call(method::QueueDeclare{.queue = "q"});
  broker.pass(1750ms);
  EXPECT_THAT(client.take(), IsEmpty()) << "the answer counted as a sign of life";
  broker.pass(250ms);
  EXPECT_THAT(client.take(), ElementsAre("0 heartbeat"));
}

TEST(ConnectionPressure, ASilentPeerIsLeftAfterTwoToThreeIntervalsWithoutAWord) {
  Broker broker;
  ReadyClient client(broker, {.heartbeat = 4});
  broker.pass(8s);
  client.take();
  EXPECT_FALSE(client.closed());
  broker.pass(4s);
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(client.forgotten());
  EXPECT_THAT(client.take(), testing::Each("0 heartbeat"));
}

TEST(ConnectionPressure, AnyOctetIsASignOfLife) {
  Broker broker;
  ReadyClient client(broker, {.heartbeat = 1});
  const std::string frame = body_frame(1, std::string(20, 'x'));
  for (std::size_t i = 0; i < 7; ++i) {
    broker.pass(2s);
    client.send(frame.substr(i, 1));
  }
  EXPECT_FALSE(client.closed());
}

TEST(ConnectionPressure, WithoutAnIntervalNobodySaysAnything) {
  Broker broker;
  ReadyClient client(broker, {.heartbeat = 0});
  broker.pass(10min);
  EXPECT_THAT(client.take(), IsEmpty());
  EXPECT_FALSE(client.closed());
}

// --- pressure -----------------------------------------------------------------------------------
engine::ClusterOptions little_memory() {
  engine::ClusterOptions options;
  options.memory_limit = 100'000;
  return options;
}

/// Takes more than that; the client is blocked on the way.
void fill_memory(Broker& broker, TestClient& client) {
  client.call(method::QueueDeclare{.queue = "hog"});
  for (int i = 0; i < 20; ++i) client.publish("hog", std::string(10'000, 'x'));
  broker.pass(500ms);
  client.take();
}

TEST(ConnectionPressure, APublisherIsBlockedUntilThereIsMemoryAgain) {
  Broker broker(2, little_memory());
  ReadyClient client(broker);
  ReadyClient other(broker, {}, 1);
  ReadyClient filler(broker);
  fill_memory(broker, filler);
  other.call(method::QueueDeclare{.queue = "q"});
  EXPECT_THAT(other.publish("q", "one"), ElementsAre("0 connection.blocked(low on memory)"));
  EXPECT_THAT(other.publish("q", "two"), IsEmpty());
  EXPECT_THAT(client.call(method::QueueDeclare{.queue = "q", .passive = true}),
              ElementsAre("1 queue.declare-ok(q,1,0)"))
      << "the second is not read, and who does not publish is served";
  EXPECT_THAT(client.call(method::QueuePurge{.queue = "hog"}), SizeIs(1));
  broker.pass(500ms);
  EXPECT_THAT(other.take(), ElementsAre("0 connection.unblocked()"));
  EXPECT_THAT(client.call(method::QueueDeclare{.queue = "q", .passive = true}),
              ElementsAre("1 queue.declare-ok(q,2,0)"));
}

TEST(ConnectionPressure, WhoDidNotAskForNoticesIsBlockedSilently) {
  Broker broker(2, little_memory());
  ReadyClient client(broker);
  ReadyClient quiet(broker, {.capabilities = {}});
  ReadyClient filler(broker);
  fill_memory(broker, filler);
  EXPECT_THAT(quiet.publish("nowhere", "one"), IsEmpty());
  EXPECT_TRUE(quiet.connection().blocked());
  client.call(method::QueuePurge{.queue = "hog"});
  broker.pass(500ms);
  EXPECT_FALSE(quiet.connection().blocked());
  EXPECT_THAT(quiet.take(), IsEmpty());
}

TEST(ConnectionPressure, ABlockedPeerIsNotMissedButHearsHeartbeats) {
  Broker broker(2, little_memory());
  ReadyClient client(broker);
  ReadyClient blocked(broker, {.heartbeat = 2});
  fill_memory(broker, client);
  blocked.publish("nowhere", "one");
  broker.pass(20s);
  EXPECT_FALSE(blocked.closed());
  EXPECT_THAT(blocked.take(), testing::Contains("0 heartbeat"));
}

TEST(ConnectionPressure, ABlockedPublisherCanBeClosed) {
  Broker broker(2, little_memory());
  ReadyClient client(broker);
  ReadyClient blocked(broker);
  fill_memory(broker, client);
  blocked.publish("nowhere", "one");
  blocked.connection().force_close("enough");
  broker.run();
  EXPECT_THAT(blocked.take(),
              ElementsAre("0 connection.close(320,CONNECTION_FORCED - enough,0,0)"));
  blocked.call(method::ConnectionCloseOk{});
  EXPECT_TRUE(blocked.closed());
}

TEST(ConnectionPressure, WhoDoesNotReadIsNotHeardAndLosesNothing) {
  Broker broker;
  broker.settings.output_buffer_limit = 1000;
  ReadyClient client(broker);
  client.reads = false;
  for (int i = 0; i < 500; ++i) client.call(method::BasicQos{});
  EXPECT_LE(client.connection().output().size(), 1000u + 12);
  client.reads = true;
  client.connection().end_of_input();
  client.output_ready();
  broker.run();
  EXPECT_THAT(client.take(), SizeIs(500));
}

}  // namespace
}  // namespace polymq::amqp091
