// Promises of the workloads, run against the relay in this process.
#include <gmock/gmock.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "cli/perf/message.h"
#include "cli/perf/relay/relay.h"
#include "cli/perf/report.h"
#include "cli/perf/topology.h"
#include "cli/perf/workloads/workloads.h"

namespace polymq::perf {
namespace {

using ::testing::HasSubstr;

class Perf : public ::testing::Test {
 protected:
  Perf() : relay_(Relay::listen({"127.0.0.1", 0}).value()), thread_([this] { relay_->run(); }) {
    options_.uri = "amqp://127.0.0.1:" + std::to_string(relay_->port());
    options_.json = true;  // keeps stdout for the tests' report
  }
  ~Perf() override {
    relay_->stop();
    thread_.join();
  }

  /// The only phase of a workload that must succeed.
  static Outcome only(Outcomes outcomes) {
    if (!outcomes) {
      ADD_FAILURE() << outcomes.error().text;
      return {};
    }
    EXPECT_EQ(outcomes->size(), 1u);
    return std::move(outcomes->front());
  }

  std::unique_ptr<Relay> relay_;
  std::thread thread_;
  Options options_;
};

TEST_F(Perf, EveryMessageSentIsReceivedOnceAndInOrder) {
  options_.pmessages = 20'000;
  options_.cmessages = 20'000;
  const Outcome outcome = only(run_load(options_));
  EXPECT_EQ(outcome.totals.sent, 20'000u);
  EXPECT_EQ(outcome.totals.received, 20'000u);
  EXPECT_EQ(outcome.totals.out_of_order, 0u);
  EXPECT_EQ(outcome.totals.latency.count(), 20'000u);
  EXPECT_GT(outcome.sent_rate, 0);
}

TEST_F(Perf, SeveralProducersAndConsumersShareThreads) {
  options_.producers = 3;
  options_.consumers = 2;
  options_.threads = 2;
  options_.pmessages = 4000;
  options_.qos = 100;
  options_.multi_ack_every = 10;
  const Outcome outcome = only(run_load(options_));  // ends when nothing comes any more
  EXPECT_EQ(outcome.totals.sent, 12'000u);
  EXPECT_EQ(outcome.totals.received, 12'000u);
}

TEST_F(Perf, ConfirmsAreCountedAndEndTheRun) {
  options_.consumers = 0;
  options_.confirm = 7;
  options_.pmessages = 5000;
  const Outcome outcome = only(run_load(options_));
  EXPECT_EQ(outcome.totals.confirmed, 5000u);
  EXPECT_EQ(outcome.totals.confirm_latency.count(), 5000u);
}

TEST_F(Perf, BodiesOfEverySizeGetThrough) {
  options_.pmessages = options_.cmessages = 50;
  for (const std::size_t size : {0u, 1u, 8u, 15u, 131'064u, 131'065u, 700'000u}) {
    options_.size = size;
    const Outcome outcome = only(run_load(options_));
    EXPECT_EQ(outcome.totals.received, 50u) << size;
    EXPECT_EQ(outcome.totals.latency.count(), size < Stamp::kTimeSize ? 0u : 50u) << size;
  }
}

TEST_F(Perf, ARateIsKept) {
  options_.rate = 2000;
  options_.time_seconds = 0.5;
  const Outcome outcome = only(run_load(options_));
  EXPECT_NEAR(static_cast<double>(outcome.totals.sent), 1000, 250);  // a busy machine wakes us late
  EXPECT_GE(outcome.seconds, 0.5);
}

TEST_F(Perf, ASlowConsumerIsHeldToItsRate) {
  options_.rate = 4000;
  options_.consumer_rate = 400;
  options_.time_seconds = 0.5;
  const Outcome outcome = only(run_load(options_));
  EXPECT_NEAR(static_cast<double>(outcome.totals.received), 200, 50);
  // The delay counts from when a message was meant to be sent.
  EXPECT_GT(outcome.totals.latency.percentile(1), 300u * 1000 * 1000);
}

TEST_F(Perf, FillsThenDrainsAndLeavesNothingBehind) {
  options_.producers = 3;
  options_.consumers = 2;
  options_.server_pid = getpid();
  const auto outcomes = run_fill_drain(options_, {.messages = 10'000});
  ASSERT_TRUE(outcomes) << outcomes.error().text;
  ASSERT_EQ(outcomes->size(), 2u);
  EXPECT_EQ((*outcomes)[0].totals.sent, 10'000u);
  EXPECT_EQ((*outcomes)[1].totals.received, 10'000u);
  ASSERT_TRUE((*outcomes)[0].server);
  EXPECT_GT((*outcomes)[0].server->peak_resident_bytes, 1'000'000u);

  auto client = open_client(options_, "test");
  ASSERT_TRUE(client);
  EXPECT_EQ(message_count(*client, queue_names(options_).front()).value(), 0u);
}

TEST_F(Perf, RequestsGetTheirReplies) {
  options_.pmessages = 200;
  for (const bool queue_per_request : {false, true}) {
    const RpcOptions rpc{.clients = 4, .queue_per_request = queue_per_request};
    const Outcome outcome = only(run_rpc(options_, rpc));
    EXPECT_EQ(outcome.totals.received, 800u);
    EXPECT_EQ(outcome.totals.latency.count(), 800u);
  }
}

TEST_F(Perf, DeclaresConnectionsAndIdleOnesAreCounted) {
  for (const std::uint64_t pipelined : {1, 10, 1000}) {
    const Outcome declares =
        only(run_declares(options_, {.count = 300, .pipelined = pipelined, .consume = true}));
    EXPECT_EQ(declares.totals.received, 300u);
  }
  EXPECT_EQ(only(run_connections(options_, {.count = 20, .channel = true})).totals.received, 20u);
  options_.time_seconds = 0.1;
  const Outcome idle = only(run_idle(options_, {.connections = 20}));
  EXPECT_GE(idle.seconds, 0.1);
}

TEST_F(Perf, WhatTheServerRefusesEndsTheRunWithItsReason) {
  options_.exchange = "amq.direct";
  options_.predeclared = true;
  options_.time_seconds = 10;
  const auto outcomes = run_load(options_);
  ASSERT_FALSE(outcomes);
  EXPECT_THAT(outcomes.error().text, HasSubstr("the server closed the connection: 540"));
}

TEST_F(Perf, AServerThatIsNotThereIsNamed) {
  options_.uri = "amqp://127.0.0.1:1";
  const auto outcomes = run_load(options_);
  ASSERT_FALSE(outcomes);
  EXPECT_THAT(outcomes.error().text, HasSubstr("cannot connect to 127.0.0.1 port 1"));
}

TEST_F(Perf, AProcessThatIsNotThereIsNamed) {
  options_.server_pid = 4'100'000;
  const auto outcomes = run_load(options_);
  ASSERT_FALSE(outcomes);
  EXPECT_THAT(outcomes.error().text, HasSubstr("--server-pid: no process"));
}

TEST_F(Perf, TheSummaryTellsPeopleAndMachinesTheSameNumbers) {
  options_.pmessages = options_.cmessages = 100;
  options_.server_pid = getpid();
  const Outcome outcome = only(run_load(options_));
  EXPECT_THAT(summary_text(outcome), HasSubstr("received        100 msg"));
  EXPECT_THAT(summary_text(outcome), HasSubstr("server memory"));
  const std::string json = summary_json("run", {outcome});
  EXPECT_THAT(json, HasSubstr("\"workload\":\"run\""));
  EXPECT_THAT(json, HasSubstr("\"received\":100,"));
  EXPECT_THAT(json, HasSubstr("\"resident_bytes_peak\":"));
}

}  // namespace
}  // namespace polymq::perf
