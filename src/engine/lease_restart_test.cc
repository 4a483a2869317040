// Promises of leases that end by themselves, over a restart: what was out is out until its time is
// up, under the same tokens.
#include <gmock/gmock.h>

#include "engine/testing/receiver.h"
#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class LeaseRestartTest : public RestartsTest {
 protected:
  static constexpr ReceiveOptions kOne{.most = 1, .lease_ms = 1000};
  static constexpr ReceiveOptions kTwo{.most = 2, .lease_ms = 1000};
  static constexpr ReceiveOptions kTen{.most = 10, .lease_ms = 1000};

  void send(const std::string& body, const std::string& group, const std::string& to = "q") {
    EXPECT_EQ(peer(0).publish({.body = body,
                               .key = to,
                               .persistent = true,
                               .headers = {{"x-message-group", text(group)}}}),
              "ack");
  }
  /// More than is read at once, of one group.
  void send_pages() {
    for (int i = 0; i < 40; ++i) send(std::string(64 * 1024, 'x'), "x");
  }
  /// The next life begins that much later; all that is due by then has been done.
  void again(WallMs later = 0) {
    restart_after(later);
    cluster().pass(0);
  }
  /// Received, by a client that is not there any more.
  std::vector<Receiver::Item> receive(const ReceiveOptions& options = kTen) {
    Receiver receiver(peer(2));
    EXPECT_NE(receiver.receive("q", options), std::vector<std::string>{"no answer"});
    return receiver.items;
  }
  /// All that is ready, though it is more than one answer holds.
  std::vector<Receiver::Item> receive_all() {
    std::vector<Receiver::Item> all;
    for (auto some = receive(); !some.empty(); some = receive()) {
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  static std::vector<std::string> bodies(const std::vector<Receiver::Item>& items) {
    std::vector<std::string> bodies;
    for (const Receiver::Item& item : items) bodies.push_back(item.body);
    return bodies;
  }
  TokenEnd settle(const Receiver::Item& item, Settle how = Settle::kAck) {
    return Receiver(peer(2)).settle("q", item.token, Freshness::kCurrent, how);
  }
  TokenEnd extend(const Receiver::Item& item, std::int64_t lease_ms,
                  std::int64_t most_ms = 10'000) {
    return Receiver(peer(2)).extend("q", item.token, lease_ms, most_ms, Freshness::kCurrent);
  }
  std::uint64_t out() { return queue_at_home().unacked(); }
};
INSTANTIATE_TEST_SUITE_P(On, LeaseRestartTest, kShardCounts);

TEST_P(LeaseRestartTest, WhatIsOutStaysOutUntilItsTimeIsUpAndReturnsToItsPlace) {
  queue("q");
  publish({"1", "22", "333", "4444"});
  const auto before = receive(kTwo);
  again();
  EXPECT_EQ(out(), 2u);
  EXPECT_EQ(ready(), 2u);
  EXPECT_EQ(queue_at_home().ready_bytes(), 7u);
  cluster().pass(999);
  EXPECT_EQ(out(), 2u);
  cluster().pass(1);
  EXPECT_EQ(out(), 0u);
  const auto after = receive();
  ASSERT_THAT(bodies(after), ElementsAre("1", "22", "333", "4444"));
  EXPECT_EQ(after[0].token.acquired, 2u);
  EXPECT_EQ(after[0].first_received, before[0].first_received);
  EXPECT_EQ(after[2].token.acquired, 1u);
}

TEST_P(LeaseRestartTest, WhatIsOutGoesWhenItsQueueHasKeptItForLongEnough) {
  queue("q", {{"x-message-retention", number(2000)}});
  publish({"1", "2"});
  cluster().pass(600);
  publish({"3"});
  const auto items = receive({.most = 3, .lease_ms = 9000});
  again(600);
  cluster().pass(1399);
  EXPECT_EQ(out(), 3u);
  cluster().pass(1);
  EXPECT_EQ(out(), 1u);
  EXPECT_EQ(settle(items[0]), TokenEnd::kUnknown);
  cluster().pass(600);
  EXPECT_EQ(out(), 0u);
  again();
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(LeaseRestartTest, WhatIsOutGoesInTimeThoughAnOlderOneBehindItWentBefore) {
  queue("q", {{"x-message-retention", number(5000)}});
  queue("first", {{"x-receive-limit", number(1)},
                  {"x-dead-letter-exchange", text("")},
                  {"x-dead-letter-routing-key", text("q")}});
  publish({"old"}, "first");
  cluster().pass(2000);
  publish({"new"});
  Receiver(peer(2)).receive("first", {.lease_ms = 1000});
  cluster().pass(1000);
  const auto items = receive({.most = 2, .lease_ms = 60'000});
  ASSERT_THAT(bodies(items), ElementsAre("new", "old"));
  EXPECT_EQ(extend(items[0], 0), TokenEnd::kDone);
  again(5000);
  EXPECT_EQ(out(), 0u);
  EXPECT_THAT(bodies(receive({.lease_ms = 60'000})), ElementsAre("new"));
  cluster().pass(1999);
  EXPECT_EQ(out(), 1u);
  cluster().pass(1);
  EXPECT_EQ(out(), 0u);
}

TEST_P(LeaseRestartTest, TokensEndAndExtendLeasesAsBefore) {
  queue("q");
  publish({"1", "2", "3", "4"});
  const auto items = receive();
  again();
  EXPECT_EQ(settle(items[0]), TokenEnd::kDone);
  EXPECT_EQ(settle(items[0]), TokenEnd::kUnknown);
  EXPECT_EQ(extend(items[1], 5000), TokenEnd::kDone);
  EXPECT_EQ(extend(items[1], 5000, 4999), TokenEnd::kOverLimit) << "since it began";
  EXPECT_EQ(settle(items[2], Settle::kRequeue), TokenEnd::kDone);
  EXPECT_THAT(bodies(receive()), ElementsAre("3"));
  EXPECT_EQ(settle(items[2]), TokenEnd::kStale) << "it was handed out again";
  cluster().pass(1000);
  EXPECT_THAT(bodies(receive()), ElementsAre("3", "4"));
  EXPECT_EQ(out(), 3u);
}

TEST_P(LeaseRestartTest, ATokenIsGoodInEveryLaterLifeWhileItsLeaseLasts) {
  queue("q");
  publish({"1", "2"});
  const auto items = receive();
  again();
  again();
  EXPECT_EQ(settle(items[0]), TokenEnd::kDone);
  EXPECT_EQ(settle(items[1]), TokenEnd::kDone);
  again();
  EXPECT_EQ(ready() + out(), 0u);
}

TEST_P(LeaseRestartTest, WhatExtendsALeaseSurvives) {
  queue("q");
  publish({"1", "2", "3"});
  Receiver receiver(peer(2));
  const ReceiveOptions attempt{.most = 1, .lease_ms = 1000, .attempt = DeduplicationKey{1, 2}};
  EXPECT_THAT(receiver.receive("q", attempt), ElementsAre("1"));
  const auto items = receive();
  EXPECT_THAT(bodies(items), ElementsAre("2", "3"));
  EXPECT_EQ(extend(items[0], 3000), TokenEnd::kDone);
  cluster().pass(500);
  EXPECT_THAT(receiver.receive("q", attempt), ElementsAre("1")) << "it begins again";
  receiver.items.clear();
  again(1000);
  EXPECT_EQ(out(), 2u) << "3 has returned";
  cluster().pass(500);
  EXPECT_EQ(out(), 1u);
  cluster().pass(1500);
  EXPECT_THAT(bodies(receive()), ElementsAre("1", "2", "3"));
}

TEST_P(LeaseRestartTest, WhatIsReceivedWhileItComesStaysOut) {
  for (const Fields& arguments : {Fields{}, Fields{{"x-max-length", number(1)}}}) {
    queue("q", arguments);
    Receiver receiver(peer(2));
    const ReceiveOptions waits{.wait_ms = 1000, .lease_ms = 1000};
    EXPECT_THAT(receiver.receive("q", waits), ElementsAre("no answer"));
    publish({"1"});
    EXPECT_THAT(receiver.take(), ElementsAre("1"));
    again();
    EXPECT_EQ(out(), 1u);
    EXPECT_EQ(peer(1).remove("q"), "");
  }
}

TEST_P(LeaseRestartTest, ALeaseThatHasEndedIsNotRestored) {
  queue("q");
  publish({"1", "2", "3", "4"});
  {
    const auto items = receive({.most = 3, .lease_ms = 1000});
    EXPECT_EQ(settle(items[0], Settle::kRequeue), TokenEnd::kDone);
    EXPECT_EQ(settle(items[1]), TokenEnd::kDone);
  }
  Receiver unread(peer(2));
  unread.reads = false;
  EXPECT_THAT(unread.receive("q", kTwo), ElementsAre("1", "4"));
  life_->disconnect(2);
  again();
  EXPECT_EQ(out(), 1u);
  const auto items = receive();
  ASSERT_THAT(bodies(items), ElementsAre("1", "4"));
  EXPECT_EQ(items[0].token.acquired, 2u) << "what never reached a client does not count";
  EXPECT_EQ(items[1].token.acquired, 1u);
}

TEST_P(LeaseRestartTest, WhatRanOutMeanwhileHasFailed) {
  queue("dead");
  queue("q", {{"x-receive-limit", number(2)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  publish({"1", "2"});
  receive({.most = 1, .lease_ms = 100});
  cluster().pass(100);
  receive();
  again(1100);
  EXPECT_THAT(drain("dead"), ElementsAre("1"));
  const auto items = receive();
  ASSERT_THAT(bodies(items), ElementsAre("2"));
  EXPECT_EQ(items[0].token.acquired, 2u);
}

TEST_P(LeaseRestartTest, FailuresAreCountedOverRestarts) {
  queue("q", {{"x-queue-type", text("quorum")}, {"x-delivery-limit", number(2)}});
  publish({"1"});
  for (int failures = 1; failures <= 3; ++failures) {
    EXPECT_THAT(bodies(receive()), ElementsAre("1"));
    again(1000);
  }
  EXPECT_EQ(ready() + out(), 0u);
}

TEST_P(LeaseRestartTest, PrioritiesOfWhatIsNotOutAreKept) {
  queue("q", {{"x-max-priority", number(9)}});
  const auto send = [&](const char* body, std::uint8_t priority) {
    EXPECT_EQ(peer(0).publish({.body = body, .persistent = true, .priority = priority}), "ack");
  };
  send("1", 3);
  send("2", 9);
  send("3", 9);
  send("4", 3);
  send("5", 5);
  EXPECT_THAT(bodies(receive(kTwo)), ElementsAre("2", "3"));
  again();
  EXPECT_THAT(bodies(receive(kOne)), ElementsAre("5"));
  EXPECT_THAT(bodies(receive(kOne)), ElementsAre("1"));
  cluster().pass(1000);
  EXPECT_THAT(bodies(receive()), ElementsAre("2", "3", "5", "1", "4"));
}

TEST_P(LeaseRestartTest, WhatIsOutIsKnownBeforeAnybodyIsServed) {
  queue("q");
  publish({"1", "2"});
  const auto items = receive(kTwo);
  publish({"3"});
  restart_and_hold();
  Receiver receiver(peer(2));
  EXPECT_THAT(receiver.receive("q", kTen), ElementsAre("no answer"));
  const auto ends = std::make_shared<std::vector<TokenEnd>>();
  peer(2).session.settle_tokens(
      "q", {{items[0].token}, Freshness::kCurrent, Settle::kAck},
      [ends](EngineResult<std::vector<TokenEnd>> told) { *ends = *told; });
  cluster().run();
  EXPECT_THAT(*ends, IsEmpty());
  release();
  EXPECT_THAT(receiver.take(), ElementsAre("3"));
  EXPECT_THAT(*ends, ElementsAre(TokenEnd::kDone));
}

TEST_P(LeaseRestartTest, MoreThanAPageIsReadPageByPage) {
  queue("q");
  std::vector<std::string> large;
  for (char c = 'a'; c < 'k'; ++c) large.emplace_back(300'000, c);
  publish(large);
  const auto items = receive_all();
  ASSERT_THAT(items, SizeIs(10));
  for (std::size_t i = 0; i < 10; i += 3) EXPECT_EQ(settle(items[i]), TokenEnd::kDone);
  again();
  EXPECT_EQ(out(), 6u);
  EXPECT_GT(life_->reads(), 1u);
  cluster().pass(1000);
  EXPECT_THAT(bodies(receive_all()),
              ElementsAre(large[1], large[2], large[4], large[5], large[7], large[8]));
}

TEST_P(LeaseRestartTest, WhatCannotBeReadHurtsNothingElse) {
  queue("q");
  publish({"1", "2", "3", "4", "5"});
  receive({.most = 4, .lease_ms = 1000});
  for (auto& [id, kept] : kept_.queues) {
    for (auto& [position, message] : kept.messages) {
      message.damaged = message.body == "2" || message.body == "4";
    }
  }
  again();
  EXPECT_EQ(out(), 2u);
  EXPECT_EQ(ready(), 1u);
  cluster().pass(1000);
  EXPECT_THAT(drain(), ElementsAre("1", "3", "5"));
}

TEST_P(LeaseRestartTest, WhatIsOutCanBeDropped) {
  queue("q");
  publish({"1", "2", "3"});
  receive(kTwo);
  again();
  EXPECT_EQ(queue_at_home().purge(true), 3u);
  EXPECT_EQ(out() + ready(), 0u);
  cluster().run();
  again();
  EXPECT_EQ(out() + ready(), 0u);
}

TEST_P(LeaseRestartTest, APurgeLeavesWhatIsOut) {
  queue("q");
  publish({"1", "2", "3"});
  receive(kTwo);
  again();
  EXPECT_EQ(peer(1).purge("q"), "");
  again(1000);
  EXPECT_THAT(drain(), ElementsAre("1", "2"));
}

// --- groups -------------------------------------------------------------------------------------

TEST_P(LeaseRestartTest, ALockedGroupStaysLocked) {
  queue("q", {{"x-message-groups", text("exclusive")}});
  for (const char* body : {"a1", "a2", "b1"}) send(body, std::string(body, 1));
  const auto first = receive(kOne);
  EXPECT_THAT(bodies(first), ElementsAre("a1"));
  again();
  EXPECT_THAT(bodies(receive()), ElementsAre("b1"));
  EXPECT_EQ(settle(first[0]), TokenEnd::kDone);
  EXPECT_THAT(bodies(receive()), ElementsAre("a2"));
  cluster().pass(1000);
  EXPECT_THAT(bodies(receive()), ElementsAre("a2", "b1"));
}

TEST_P(LeaseRestartTest, AGroupIsInOrderThoughALaterMessageOfItReturnsFirst) {
  queue("q", {{"x-message-groups", text("exclusive")}});
  send_pages();
  for (const char* body : {"a1", "a2", "a3"}) send(body, "a");
  EXPECT_THAT(receive(kOne), SizeIs(1));
  const auto items = receive({.most = 3, .lease_ms = 3000});
  ASSERT_THAT(bodies(items), ElementsAre("a1", "a2", "a3"));
  EXPECT_EQ(settle(items[0], Settle::kRequeue), TokenEnd::kDone);
  again(1000);
  EXPECT_EQ(out(), 2u);
  EXPECT_THAT(receive(kOne), SizeIs(1));
  EXPECT_EQ(settle(items[1], Settle::kRequeue), TokenEnd::kDone);
  EXPECT_EQ(settle(items[2], Settle::kRequeue), TokenEnd::kDone);
  EXPECT_THAT(bodies(receive()), ElementsAre("a1", "a2", "a3")) << "though 1 is on disk";
}

TEST_P(LeaseRestartTest, WhatDiesOfALockedGroupDoesSoInOrder) {
  queue("dead", {{"x-message-groups", text("exclusive")}});
  queue("q", {{"x-message-groups", text("exclusive")},
              {"x-receive-limit", number(1)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  for (const char* body : {"1", "2", "3", "4"}) send(body, "g");
  send("5", "g");
  const auto items = receive({.most = 4, .lease_ms = 1000});
  ASSERT_THAT(items, SizeIs(4));
  EXPECT_EQ(extend(items[0], 3000), TokenEnd::kDone);
  EXPECT_EQ(extend(items[2], 2000), TokenEnd::kDone);
  cluster().pass(1000);
  EXPECT_EQ(ready("dead"), 0u) << "the first one is out";
  again(1000);
  EXPECT_THAT(receive(), IsEmpty());
  cluster().pass(1000);
  EXPECT_EQ(ready("dead"), 0u);
  cluster().pass(1000);
  EXPECT_THAT(bodies(receive()), ElementsAre("5"));
  EXPECT_THAT(drain("dead"), ElementsAre("1", "2", "3", "4"));
}

TEST_P(LeaseRestartTest, WhatRanOutMeanwhileOfALockedGroupDiesThoughNobodyAsks) {
  queue("dead");
  queue("q", {{"x-message-groups", text("exclusive")},
              {"x-receive-limit", number(1)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  for (const char* body : {"1", "2", "3"}) send(body, "g");
  receive(kTwo);
  again(1000);
  EXPECT_EQ(ready(), 1u);
  EXPECT_THAT(drain("dead"), ElementsAre("1", "2"));
}

TEST_P(LeaseRestartTest, WhatRanOutMeanwhileBehindALotDiesWhenItsGroupIsKnown) {
  queue("dead");
  queue("q", {{"x-message-groups", text("exclusive")},
              {"x-receive-limit", number(1)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  send_pages();
  for (const char* body : {"a1", "a2", "a3"}) send(body, "a");
  EXPECT_THAT(receive(kOne), SizeIs(1));
  EXPECT_THAT(bodies(receive(kTwo)), ElementsAre("a1", "a2"));
  again(1000);
  EXPECT_THAT(drain("dead"), SizeIs(1)) << "of the first group";
  EXPECT_THAT(receive(kOne), SizeIs(1));
  EXPECT_THAT(bodies(receive()), ElementsAre("a3"));
  EXPECT_THAT(drain("dead"), ElementsAre("a1", "a2"));
}

TEST_P(LeaseRestartTest, FairGroupsKnowWhatIsOut) {
  queue("q", {{"x-message-groups", text("fair")}});
  for (int i = 0; i < 60; ++i) send("a" + std::to_string(i), "a");
  const auto items = receive({.most = 32, .lease_ms = 1000});
  send("b", "b");
  again();
  EXPECT_EQ(out(), 32u);
  EXPECT_THAT(bodies(receive(kOne)), ElementsAre("b")) << "the other group has a lot already";
  EXPECT_EQ(settle(items[0]), TokenEnd::kDone);
  cluster().pass(1000);
  EXPECT_THAT(drain(), SizeIs(60));
}

}  // namespace
}  // namespace polymq::engine
