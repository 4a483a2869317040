// Promises of exchanges that hold much: messages leave memory when they are on disk, and are back
// when they are due, in order.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "engine/testing/numbered_bodies.h"
#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::Gt;
using testing::IsEmpty;
using testing::Lt;

constexpr std::int64_t kDay = 24 * 3600 * 1000;

/// Queue q is bound to exchange x, which delays.
class ExchangePagingTest : public RestartsTest {
 protected:
  ExchangePagingTest() {
    queue("q");
    exchange("x", "x-delayed-message", {{"x-delayed-type", text("fanout")}});
    bind("x", "q");
  }
  void send(int number, std::int64_t delay_ms, bool persistent = true) {
    peer(0).send({.body = large(number),
                  .exchange = "x",
                  .persistent = persistent,
                  .headers = {{"x-delay", Value::integer(delay_ms)}}});
  }
  void send_many(int first, int last, std::int64_t delay_ms = kDay) {
    for (int number = first; number <= last; ++number) {
      send(number, delay_ms);
      if (number % 10 == 0) cluster().run();
    }
    cluster().run();
  }
  void remove_exchange(const std::string& name) {
    peer(1).session.delete_exchange({peer(1).vhost(), name, false},
                                    [](const auto& result) { EXPECT_TRUE(result.has_value()); });
    cluster().run();
  }
  std::vector<std::uint64_t> windows() {
    std::vector<std::uint64_t> all;
    for (ShardIndex i = 0; i < cluster().size(); ++i) {
      all.push_back(cluster().shard(i).home().paging_window());
    }
    return all;
  }
  /// Of the exchange's log.
  std::map<std::uint64_t, KeptMessages::Message>& on_disk() {
    Topology& topology = cluster().shard(0).topology();
    return kept_.queues.at(topology.exchange(*topology.vhost("/"), "x")->id).messages;
  }
};
INSTANTIATE_TEST_SUITE_P(On, ExchangePagingTest, kShardCounts);

TEST_P(ExchangePagingTest, ABigBacklogLeavesMemoryAndComesInOrderWhenItIsDue) {
  send_many(1, 300);  // 19 MiB
  EXPECT_THAT(cluster().message_bytes(), Lt(6 * kMega));
  EXPECT_THAT(cluster().message_bytes(), Gt(3 * kMega)) << "the first ones are at hand";
  cluster().pass(kDay - 2000);
  EXPECT_EQ(life_->reads(), 0u);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  cluster().pass(2000);
  EXPECT_EQ(numbers(peer(2).take()), from_to(1, 300));
  EXPECT_EQ(kept_.messages(), 0u);
  EXPECT_EQ(cluster().message_bytes(), 0);
}

TEST_P(ExchangePagingTest, NothingIsReadTwice) {
  send_many(1, 300);
  cluster().pass(kDay);
  EXPECT_EQ(ready(), 300u);
  EXPECT_THAT(life_->bytes_asked(), Lt(300 * kLarge));
}

TEST_P(ExchangePagingTest, OrderIsThatOfDueTimesNotOfArrival) {
  std::vector<std::pair<std::int64_t, int>> expected;
  for (int number = 1; number <= 300; ++number) {
    const std::int64_t delay = 5000 + number * 37 % 101 * 100;
    send(number, delay, number % 9 != 0);
    expected.emplace_back(delay, number);
    if (number % 10 == 0) cluster().run();
  }
  cluster().run();
  EXPECT_THAT(cluster().message_bytes(), Lt(8 * kMega));
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  std::vector<int> came;
  for (int i = 0; i < 200; ++i) {
    cluster().pass(100);
    for (const int number : numbers(peer(2).take())) came.push_back(number);
    EXPECT_THAT(cluster().message_bytes(), Lt(10 * kMega));
  }
  ASSERT_EQ(came.size(), 300u);
  for (std::size_t i = 0; i < came.size(); ++i) EXPECT_EQ(came[i], expected[i].second) << i;
}

TEST_P(ExchangePagingTest, NothingGoesBeforeItIsDurable) {
  life_->hold_commits(true);
  send_many(1, 200);
  EXPECT_THAT(cluster().message_bytes(), Gt(12 * kMega));
  life_->hold_commits(false);
  EXPECT_THAT(cluster().message_bytes(), Lt(6 * kMega));
  cluster().pass(kDay);
  EXPECT_EQ(numbers(drain()), from_to(1, 200));
}

TEST_P(ExchangePagingTest, TransientOnesStayInMemoryAndInPlace) {
  for (int number = 1; number <= 300; ++number) {
    send(number, kDay, number % 10 != 0);
    if (number % 20 == 0) cluster().run();
  }
  cluster().run();
  EXPECT_THAT(cluster().message_bytes(), Lt(8 * kMega));
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  cluster().pass(kDay);
  EXPECT_EQ(numbers(peer(2).take()), from_to(1, 300));
}

TEST_P(ExchangePagingTest, AfterARestartNothingIsInMemoryBeforeItIsDueSoon) {
  send_many(1, 100, kDay);
  send_many(101, 110, 60'000);
  restart();
  cluster().run();
  EXPECT_THAT(cluster().message_bytes(), Lt(kMega / 16));
  cluster().pass(59'500);
  EXPECT_EQ(ready(), 0u);
  EXPECT_THAT(cluster().message_bytes(), Gt(9 * static_cast<std::int64_t>(kLarge)));
  EXPECT_THAT(cluster().message_bytes(), Lt(kMega));
  cluster().pass(500);
  EXPECT_EQ(numbers(drain()), from_to(101, 110));
  cluster().pass(kDay);
  EXPECT_EQ(numbers(drain()), from_to(1, 100));
}

TEST_P(ExchangePagingTest, LaterOnesWaitForOneThatIsBeingRead) {
  send_many(1, 10, 5000);
  restart();
  cluster().run();
  life_->hold_reads(true);
  send(11, 5500, false);
  cluster().run();
  cluster().pass(6000);
  EXPECT_EQ(ready(), 0u);
  release();
  EXPECT_EQ(numbers(drain()), from_to(1, 11));
}

TEST_P(ExchangePagingTest, NoMoreIsReadThanCanGoOn) {
  send_many(1, 300);
  life_->hold_commits(true);
  cluster().pass(kDay);
  EXPECT_THAT(cluster().message_bytes(), Lt(10 * kMega)) << "where it goes nothing is safe yet";
  life_->hold_commits(false);
  EXPECT_EQ(numbers(drain()), from_to(1, 300));
}

TEST_P(ExchangePagingTest, WhatGoesWithItsExchangeWhileItIsReadIsGone) {
  send_many(1, 200, 5000);
  life_->hold_reads(true);
  cluster().pass(5000);
  EXPECT_THAT(life_->reads(), Gt(0u));
  remove_exchange("x");
  release();
  drain();
  EXPECT_EQ(kept_.messages(), 0u);
  EXPECT_EQ(cluster().message_bytes(), 0);
}

TEST_P(ExchangePagingTest, DamageCostsJustThatMessage) {
  send_many(1, 200);
  for (auto& [position, message] : on_disk()) message.damaged = position == 150;
  cluster().pass(kDay);
  std::vector<int> expected = from_to(1, 149);
  for (const int number : from_to(151, 200)) expected.push_back(number);
  EXPECT_EQ(numbers(drain()), expected);
}

TEST_P(ExchangePagingTest, WhatCouldNotBeStoredIsRefusedAndTheRestComes) {
  send_many(1, 200);
  const std::int64_t before = cluster().message_bytes();
  kept_.given_up = true;
  send(201, kDay);
  cluster().run();
  kept_.given_up = false;
  peer(0).on_publishes_settled();
  EXPECT_EQ(peer(0).confirms.rbegin()->second, "nack");
  EXPECT_EQ(cluster().message_bytes(), before);
  cluster().pass(kDay);
  EXPECT_EQ(numbers(drain()), from_to(1, 200));
}

TEST_P(ExchangePagingTest, MemoryIsSharedWithOthersThatHaveMessagesOnDisk) {
  const std::vector<std::uint64_t> alone = windows();
  for (int i = 0; i < 96; ++i) {
    const std::string name = "x" + std::to_string(i);
    exchange(name, "x-delayed-message", {{"x-delayed-type", text("fanout")}});
    peer(0).send({.body = "1",
                  .exchange = name,
                  .persistent = true,
                  .headers = {{"x-delay", Value::integer(kDay)}}});
  }
  cluster().run();
  restart();
  cluster().run();
  EXPECT_NE(windows(), alone);
  for (int i = 0; i < 48; ++i) remove_exchange("x" + std::to_string(i));
  cluster().pass(kDay);
  EXPECT_EQ(windows(), alone);
}

}  // namespace
}  // namespace polymq::engine
