// Promises of leases that end by themselves, and of delays, over a restart.
#include <gmock/gmock.h>

#include "engine/testing/receiver.h"
#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReceiveRestartTest : public RestartsTest {
 protected:
  static constexpr ReceiveOptions kTen{.most = 10, .wait_ms = 1000, .lease_ms = 1000};

  /// Of all that is in the queue, whose leases have ended then.
  std::vector<LeaseToken> tokens() {
    std::vector<LeaseToken> tokens;
    for (Receiver receiver(peer(2));;) {
      if (receiver.receive("q", {.most = 10, .lease_ms = 1000}).empty()) break;
      for (const Receiver::Item& item : receiver.items) tokens.push_back(item.token);
    }
    cluster().pass(1000);
    return tokens;
  }
  TokenEnd erase(const LeaseToken& token, Freshness freshness = Freshness::kAny) {
    return Receiver(peer(2)).settle("q", token, freshness);
  }
};
INSTANTIATE_TEST_SUITE_P(On, ReceiveRestartTest, kShardCounts);

TEST_P(ReceiveRestartTest, WhatWasDeletedByTokenDoesNotComeBack) {
  queue("q");
  publish({"1", "2"});
  Receiver receiver(peer(2));
  receiver.receive("q", kTen);
  EXPECT_EQ(receiver.settle("q", receiver.items[0].token), TokenEnd::kDone);
  receiver.items.clear();
  restart_after(1000);
  cluster().pass(0);
  EXPECT_THAT(drain(), ElementsAre("2"));
}

TEST_P(ReceiveRestartTest, ADeleteIsAnsweredWhenItIsDurable) {
  queue("q");
  publish({"1"});
  Receiver receiver(peer(2));
  receiver.receive("q", kTen);
  life_->hold_commits(true);
  const auto answer = std::make_shared<std::vector<TokenEnd>>();
  peer(2).session.settle_tokens("q", {{receiver.items[0].token}, Freshness::kAny, Settle::kAck},
                                [answer](EngineResult<std::vector<TokenEnd>> ends) {
                                  ASSERT_TRUE(ends);
                                  *answer = *ends;
                                });
  cluster().run();
  EXPECT_THAT(*answer, IsEmpty());
  life_->hold_commits(false);
  EXPECT_THAT(*answer, ElementsAre(TokenEnd::kDone));
}

TEST_P(ReceiveRestartTest, ATokenIsGoodForItsMessageInALaterLife) {
  queue("q");
  publish({"1", "2", "3"});
  Receiver receiver(peer(2));
  receiver.receive("q", kTen);
  const LeaseToken second = receiver.items[1].token;
  cluster().pass(1000);
  restart();
  EXPECT_EQ(Receiver(peer(2)).settle("q", second), TokenEnd::kDone) << "though it is on disk only";
  EXPECT_THAT(Receiver(peer(2)).receive("q", kTen), ElementsAre("1", "3"));
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(Receiver(peer(2)).settle("q", second), TokenEnd::kUnknown);
  cluster().pass(1000);
  restart();
  EXPECT_THAT(drain(), ElementsAre("1", "3"));
}

TEST_P(ReceiveRestartTest, ATokenIsGoodForWhatWasReadBack) {
  queue("q");
  publish({"1", "2", "3"});
  const auto before = tokens();
  restart();
  Receiver receiver(peer(2));
  EXPECT_THAT(receiver.receive("q", {.lease_ms = 1000}), ElementsAre("1"));
  EXPECT_EQ(erase(before[1]), TokenEnd::kDone);
  EXPECT_EQ(erase(before[1]), TokenEnd::kUnknown);
  EXPECT_EQ(erase(before[2], Freshness::kCurrent), TokenEnd::kStale);
  EXPECT_THAT(drain(), ElementsAre("3"));
}

// --- what is deleted without being read ---------------------------------------------------------

TEST_P(ReceiveRestartTest, WhatIsDeletedOnDiskCountsNoMoreAndOnlyOnce) {
  queue("q");
  publish({"1", "2", "3"});
  const auto before = tokens();
  restart();
  EXPECT_EQ(erase(before[1]), TokenEnd::kDone);
  EXPECT_EQ(ready(), 2u);
  EXPECT_EQ(erase(before[1]), TokenEnd::kUnknown);
  EXPECT_EQ(erase(before[0], Freshness::kLatest), TokenEnd::kStale);
  EXPECT_EQ(ready(), 2u);
  restart();
  EXPECT_EQ(ready(), 2u);
  EXPECT_THAT(drain(), ElementsAre("1", "3"));
  EXPECT_EQ(queue_at_home().ready_bytes(), 0u);
}

TEST_P(ReceiveRestartTest, AllMayBeDeletedOnDisk) {
  queue("q");
  publish({"1", "2"});
  const auto before = tokens();
  restart();
  for (const LeaseToken& token : before) EXPECT_EQ(erase(token), TokenEnd::kDone);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(queue_at_home().ready_bytes(), 0u);
  EXPECT_EQ(peer(1).purge("q"), "");
  EXPECT_EQ(life_->reads(), 0u);
  publish({"3"});
  EXPECT_THAT(drain(), ElementsAre("3"));
}

TEST_P(ReceiveRestartTest, WhatIsDeletedWhileItIsReadDoesNotCome) {
  queue("q");
  publish({"1", "2", "3"});
  const auto before = tokens();
  restart_and_hold();
  Receiver receiver(peer(2));
  EXPECT_THAT(receiver.receive("q", kTen), ElementsAre("no answer"));
  EXPECT_EQ(erase(before[0]), TokenEnd::kDone);
  EXPECT_EQ(erase(before[2]), TokenEnd::kDone);
  EXPECT_EQ(ready(), 1u);
  release();
  EXPECT_THAT(receiver.take(), ElementsAre("2"));
  EXPECT_EQ(ready(), 0u);
}

TEST_P(ReceiveRestartTest, WhatIsDeletedOnDiskAmongPrioritiesIsFoundByItsLevel) {
  queue("q", {{"x-max-priority", number(3)}});
  for (const char* body : {"1", "2", "3", "4"}) {
    const auto priority = static_cast<std::uint8_t>((body[0] - '0') % 3);
    EXPECT_EQ(peer(0).publish({.body = body, .persistent = true, .priority = priority}), "ack");
  }
  const auto before = tokens();  // of 2, 1, 4, 3
  ASSERT_EQ(before.size(), 4u);
  restart();
  EXPECT_EQ(erase(before[1]), TokenEnd::kDone);
  EXPECT_EQ(erase(before[3]), TokenEnd::kDone);
  EXPECT_EQ(erase(before[3]), TokenEnd::kUnknown);
  EXPECT_EQ(ready(), 2u);
  EXPECT_THAT(drain(), ElementsAre("2", "4"));
}

TEST_P(ReceiveRestartTest, WhatWasReadAndDeletedCountsOnceThoughOthersAreOnDisk) {
  for (const Fields& arguments : {Fields{}, Fields{{"x-message-groups", text("fair")}}}) {
    queue("q", arguments);
    const std::string large(64 * 1024, 'x');
    for (int i = 0; i < 40; ++i) {
      EXPECT_EQ(peer(0).publish({.body = large,
                                 .key = "q",
                                 .persistent = true,
                                 .headers = {{"x-message-group", text(std::to_string(i % 3))}}}),
                "ack");
    }
    const auto before = tokens();
    ASSERT_EQ(before.size(), 40u);
    restart();
    Receiver receiver(peer(2));
    receiver.receive("q", {.lease_ms = 1000});
    EXPECT_EQ(ready(), 39u);
    for (const std::size_t i : {3, 38, 39}) {
      EXPECT_EQ(erase(before[i]), TokenEnd::kDone) << i;
      EXPECT_EQ(erase(before[i]), TokenEnd::kUnknown) << i;
    }
    EXPECT_EQ(ready(), 36u);
    cluster().pass(1000);
    EXPECT_EQ(drain().size(), 37u);
    EXPECT_EQ(ready(), 0u);
    EXPECT_EQ(peer(1).remove("q"), "");
  }
}

// --- tokens of earlier lives --------------------------------------------------------------------

TEST_P(ReceiveRestartTest, ATokenIsNotGoodForAnotherMessageThatHasItsMessagesPlace) {
  queue("q");
  peer(0).publish({.body = "lost", .persistent = false});
  Receiver before(peer(2));
  EXPECT_THAT(before.receive("q", kTen), ElementsAre("lost"));
  const LeaseToken token = before.items[0].token;
  before.items.clear();
  restart();
  publish({"1"});
  Receiver after(peer(2));
  EXPECT_EQ(after.settle("q", token), TokenEnd::kUnknown);
  EXPECT_THAT(after.receive("q", kTen), ElementsAre("1"));
  EXPECT_EQ(after.items[0].token.position, token.position);
  after.items.clear();
  cluster().pass(1000);
  restart();
  EXPECT_EQ(erase(token), TokenEnd::kStale) << "of two lives before";
  EXPECT_EQ(Receiver(peer(2)).receive("q", kTen).size(), 1u);
  cluster().pass(1000);
  EXPECT_EQ(erase(token), TokenEnd::kStale) << "it is in memory";
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_P(ReceiveRestartTest, ATokenIsGoodForOneMoreLife) {
  queue("q");
  publish({"1", "2"});
  const auto before = tokens();
  restart();
  EXPECT_EQ(erase(before[0]), TokenEnd::kDone);
  restart();
  EXPECT_EQ(erase(before[1]), TokenEnd::kStale);
  EXPECT_THAT(drain(), ElementsAre("2"));
}

TEST_P(ReceiveRestartTest, WhatWasDeletedInThisLifeIsKnownToBeGone) {
  queue("q");
  const std::string large(3'000'000, 'x');  // some of it stays on disk
  publish({large, large, large, large, large});
  restart();
  Receiver receiver(peer(2));
  receiver.receive("q", {.lease_ms = 1000});
  const LeaseToken token = receiver.items.at(0).token;
  EXPECT_EQ(receiver.settle("q", token, Freshness::kCurrent), TokenEnd::kDone);
  EXPECT_EQ(receiver.settle("q", token, Freshness::kCurrent), TokenEnd::kUnknown);
  EXPECT_EQ(receiver.settle("q", token), TokenEnd::kUnknown);
}

TEST_P(ReceiveRestartTest, HowOftenAMessageWasHandedOutIsKnownAfterItsLeaseEnded) {
  queue("q");
  publish({"1"});
  {
    Receiver receiver(peer(2));
    receiver.receive("q", {.lease_ms = 100});
    cluster().pass(100);
  }
  restart();
  Receiver receiver(peer(2));
  EXPECT_THAT(receiver.receive("q", kTen), ElementsAre("1"));
  EXPECT_EQ(receiver.items[0].token.acquired, 2u);
}

TEST_P(ReceiveRestartTest, AnUnendedPollWaitsForWhatIsReadFromTheStore) {
  queue("q");
  publish({"1"});
  restart_and_hold();
  Receiver receiver(peer(2));
  EXPECT_THAT(receiver.receive("q", {.most = 10, .lease_ms = 1000}), ElementsAre("no answer"));
  release();
  EXPECT_THAT(receiver.take(), ElementsAre("1"));
}

TEST_P(ReceiveRestartTest, ADelayGoesOnWhereItWas) {
  queue("q");
  EXPECT_EQ(peer(0).publish({.body = "1", .persistent = true, .delay_ms = 1000}), "ack");
  EXPECT_EQ(peer(0).publish({.body = "2", .persistent = true, .delay_ms = 3000}), "ack");
  publish({"3"});
  restart_after(1500);
  EXPECT_THAT(drain(), ElementsAre("1", "3"));
  EXPECT_EQ(peer(0).look("q")->delayed, 1u);
  EXPECT_EQ(ready(), 0u);
  cluster().pass(1500);
  EXPECT_THAT(drain(), ElementsAre("2"));
}

// Read back after a restart before they are due, behind one that is.
class PurgeOfReadBackTest : public ReceiveRestartTest {
 protected:
  void SetUp() override {
    queue("q");
    publish({"first"});
    EXPECT_EQ(peer(0).publish({.body = "later", .persistent = true, .delay_ms = 3000}), "ack");
    restart_after(1000);
    Receiver receiver(peer(2));
    EXPECT_THAT(receiver.receive("q", {.most = 1, .lease_ms = 60'000}), ElementsAre("first"));
    EXPECT_EQ(receiver.settle("q", receiver.items[0].token), TokenEnd::kDone);
    EXPECT_EQ(peer(0).look("q")->delayed, 1u);
  }
};
INSTANTIATE_TEST_SUITE_P(On, PurgeOfReadBackTest, kShardCounts);

TEST_P(PurgeOfReadBackTest, WhatIsDelayedStays) {
  EXPECT_EQ(peer(0).purge("q"), "");
  EXPECT_EQ(peer(0).count, 0u);
  cluster().pass(2000);
  EXPECT_EQ(ready(), 1u);
  restart_after(3000);
  EXPECT_THAT(drain(), ElementsAre("later"));
}

TEST_P(PurgeOfReadBackTest, WhatWasDelayedAndIsOutStays) {
  cluster().pass(2000);
  Receiver receiver(peer(2));
  EXPECT_THAT(receiver.receive("q", {.most = 1, .lease_ms = 60'000}), ElementsAre("later"));
  EXPECT_EQ(peer(0).purge("q"), "");
  EXPECT_EQ(peer(0).count, 0u);
  const LeaseToken token = receiver.items[0].token;
  receiver.items.clear();
  restart_after(3000);
  EXPECT_EQ(peer(0).look("q")->leased, 1u);
  EXPECT_EQ(Receiver(peer(2)).settle("q", token), TokenEnd::kDone);
}

TEST_P(PurgeOfReadBackTest, WhatWasDelayedAndCameBackIsThereOnce) {
  cluster().pass(2000);
  EXPECT_EQ(ready(), 1u);
  EXPECT_EQ(peer(0).purge("q"), "");
  EXPECT_EQ(peer(0).count, 1u);
  EXPECT_EQ(ready(), 0u);
  publish({"new"});
  EXPECT_THAT(drain(), ElementsAre("new"));
  restart_after(3000);
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(ReceiveRestartTest, WhatCouldNotGoElsewhereIsNotOutAnyMore) {
  queue("q", {{"x-receive-limit", Value::integer(1)},
              {"x-dead-letter-exchange", Value::string("")},
              {"x-dead-letter-routing-key", Value::string("nowhere")},
              {"x-dead-letter-unroutable", Value::string("keep")}});
  publish({"1"});
  Receiver receiver(peer(2));
  receiver.receive("q", {.most = 1, .lease_ms = 3'600'000});
  cluster().pass(1000);
  EXPECT_EQ(receiver.extend("q", receiver.items[0].token, 0), TokenEnd::kDone);
  receiver.items.clear();
  EXPECT_EQ(ready(), 1u);
  restart_after(1000);
  EXPECT_EQ(ready(), 1u);
  EXPECT_THAT(drain(), ElementsAre("1"));
}

TEST_P(ReceiveRestartTest, ADelayedMessageWhoseCommitFailsIsGone) {
  queue("q");
  kept_.given_up = true;
  EXPECT_EQ(peer(0).publish({.body = "1", .persistent = true, .delay_ms = 1000}), "nack");
  EXPECT_EQ(peer(0).look("q")->delayed, 0u);
  life_.reset();
  kept_.given_up = false;
  restart();
}

TEST_P(ReceiveRestartTest, ATokenWhoseTimeIsUpIsNoCurrentOneInALaterLife) {
  queue("q");
  publish({"1"});
  Receiver before(peer(2));
  before.receive("q", kTen);
  const LeaseToken token = before.items[0].token;
  before.items.clear();
  restart_after(1000);
  cluster().pass(0);
  Receiver after(peer(2));
  EXPECT_THAT(after.receive("q", kTen), ElementsAre("1"));
  EXPECT_EQ(after.settle("q", token, Freshness::kCurrent), TokenEnd::kStale);
  EXPECT_EQ(after.settle("q", after.items[0].token, Freshness::kCurrent), TokenEnd::kDone);
}

TEST_P(ReceiveRestartTest, WhatDiesOfALockedGroupDoesSoInOrder) {
  queue("dead", {{"x-message-groups", text("exclusive")}});
  queue("q", {{"x-message-groups", text("exclusive")},
              {"x-receive-limit", number(1)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")},
              {"x-dead-letter-unroutable", text("keep")}});
  for (const char* body : {"1", "2", "3", "4"}) {
    peer(0).publish({.body = body,
                     .key = "q",
                     .persistent = true,
                     .headers = {{"x-message-group", text("g")}}});
  }
  Receiver receiver(peer(2));
  EXPECT_THAT(receiver.receive("q", kTen), ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(receiver.extend("q", receiver.items[0].token, 5000), TokenEnd::kDone);
  cluster().pass(1000);
  EXPECT_EQ(ready("dead"), 0u) << "the first one is still out";
  cluster().pass(5000);
  EXPECT_THAT(drain("dead"), ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(ready("q"), 0u);
}

TEST_P(ReceiveRestartTest, WhatWasToDieBehindAnotherOneOfItsGroupDoesSo) {
  queue("dead");
  queue("q", {{"x-message-groups", text("exclusive")},
              {"x-receive-limit", number(1)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  for (const char* body : {"1", "2"}) {
    peer(0).publish({.body = body,
                     .key = "q",
                     .persistent = true,
                     .headers = {{"x-message-group", text("g")}}});
  }
  Receiver receiver(peer(2));
  EXPECT_THAT(receiver.receive("q", kTen), ElementsAre("1", "2"));
  EXPECT_EQ(receiver.extend("q", receiver.items[0].token, 50'000), TokenEnd::kDone);
  cluster().pass(1000);
  EXPECT_EQ(receiver.settle("q", receiver.items[0].token, Freshness::kCurrent, Settle::kUnwritten),
            TokenEnd::kDone);
  receiver.items.clear();
  restart();
  Receiver after(peer(2));
  EXPECT_THAT(after.receive("q", {.most = 10, .lease_ms = 1000}), ElementsAre("1"));
  cluster().pass(1000);
  EXPECT_THAT(drain("dead"), ElementsAre("1", "2")) << "in order, and neither came once more";
}

TEST_P(ReceiveRestartTest, ADeadLetterGoesOnGettingOlder) {
  queue("dead", {{"x-message-retention", number(5000)}});
  queue("q", {{"x-receive-limit", number(1)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  publish({"1"});
  cluster().pass(2000);
  Receiver(peer(2)).receive("q", kTen);
  cluster().pass(1000);
  EXPECT_EQ(ready("dead"), 1u);
  restart_after(3000);
  cluster().pass(1999);
  EXPECT_EQ(ready("dead"), 1u);
  cluster().pass(1);
  EXPECT_EQ(ready("dead"), 0u);
}

}  // namespace
}  // namespace polymq::engine
