// Promises of queues with many delayed messages: they leave memory, and come when they are due.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

#include "engine/testing/numbered_bodies.h"
#include "engine/testing/receiver.h"
#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Gt;
using testing::IsEmpty;
using testing::Lt;

constexpr int kMany = 300;  // 19 MiB
constexpr std::int64_t kDelay = 10'000;

class DelayedPagingTest : public RestartsTest {
 protected:
  void publish_delayed(int first, int last, std::int64_t delay = kDelay,
                       std::optional<std::uint8_t> priority = {}) {
    for (int number = first; number <= last; ++number) {
      peer(0).send(
          {.body = large(number), .persistent = true, .priority = priority, .delay_ms = delay});
      if (number % 10 == 0) cluster().run();
    }
    cluster().run();
  }
  void publish_large(int first, int last) {
    for (int number = first; number <= last; ++number) {
      peer(0).send({.body = large(number), .persistent = true});
      if (number % 10 == 0) cluster().run();
    }
    cluster().run();
  }
  std::uint64_t delayed() { return queue_at_home().delayed(); }
  std::uint64_t paged_out() { return queue_at_home().paged_out(); }
  /// Somebody looks at it, so that it is read through, and all that is not due waits.
  void look_at() {
    Receiver receiver(peer(2));
    EXPECT_THAT(receiver.receive("q", {.lease_ms = 1000}), IsEmpty());
  }
  std::string change(Fields set) {
    std::string answer = "no answer";
    peer(1).session.change_queue(
        {.vhost = peer(1).vhost(), .queue = "q", .set = std::move(set)},
        [&](EngineResult<void> result) { answer = result ? "" : result.error().text; });
    cluster().run();
    return answer;
  }
  void purge(bool everything, std::uint64_t expected) {
    peer(1).session.purge_queue("q",
                                [=](EngineResult<std::uint64_t> dropped) {
                                  ASSERT_TRUE(dropped);
                                  EXPECT_EQ(*dropped, expected);
                                },
                                {.everything = everything});
    cluster().run();
  }
};
INSTANTIATE_TEST_SUITE_P(On, DelayedPagingTest, kShardCounts);

// --- out of memory and back ---------------------------------------------------------------------
TEST_P(DelayedPagingTest, ManyLeaveMemoryAndComeInOrderWhenTheyAreDue) {
  queue("q");
  publish_delayed(1, kMany);
  EXPECT_EQ(delayed(), std::uint64_t{kMany});
  EXPECT_THAT(cluster().message_bytes(), AllOf(Gt(3 * kMega), Lt(7 * kMega)));
  EXPECT_THAT(paged_out(), Gt(150u));
  cluster().pass(kDelay - 1);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(peer(0).get("q"), "empty");
  cluster().pass(1);
  EXPECT_EQ(ready(), std::uint64_t{kMany});
  EXPECT_EQ(queue_at_home().ready_bytes(), kMany * kLarge);
  EXPECT_EQ(delayed(), 0u);
  std::int64_t most = 0;
  for (int i = 1; i <= kMany; ++i) {
    ASSERT_EQ(numbers({peer(0).get("q")}), std::vector{i});
    most = std::max(most, cluster().message_bytes());
  }
  EXPECT_THAT(most, Lt(10 * kMega));
  EXPECT_EQ(paged_out(), 0u);
  EXPECT_EQ(kept_.messages(), 0u);
}

TEST_P(DelayedPagingTest, AConsumerGetsThemAsTheyBecomeDue) {
  queue("q");
  publish_delayed(1, 100, 3000);
  publish_delayed(101, 200, 1000);
  publish_delayed(201, kMany, 2000);
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  cluster().pass(1000);
  EXPECT_EQ(numbers(peer(2).take()), from_to(101, 200));
  cluster().pass(1000);
  EXPECT_EQ(numbers(peer(2).take()), from_to(201, kMany));
  cluster().pass(1000);
  EXPECT_EQ(numbers(peer(2).take()), from_to(1, 100));
}

TEST_P(DelayedPagingTest, WhatComesDueAllTheTimeAndIsNotTakenDoesNotFillMemory) {
  queue("q");
  for (int wave = 0; wave < 10; ++wave) {
    publish_delayed(wave * 60 + 1, wave * 60 + 60, 1000);
    cluster().pass(1000);
  }
  EXPECT_EQ(ready(), 600u);
  EXPECT_THAT(cluster().message_bytes(), Lt(14 * kMega));
  EXPECT_EQ(numbers(drain()), from_to(1, 600));
}

TEST_P(DelayedPagingTest, WhatIsDueInMixedOrderIsReadInOrder) {
  queue("q");
  constexpr int kAll = 1000;
  for (int i = 1; i <= kAll; ++i) publish_delayed(i, i, kDelay + i * 7 % 50);
  cluster().pass(kDelay - 1);
  for (int ms = 0; ms <= 50; ++ms) cluster().pass(1);
  EXPECT_EQ(ready(), std::uint64_t{kAll});
  const std::uint64_t reads = life_->reads();
  std::int64_t most = 0;
  for (int i = 1; i <= kAll; ++i) {
    ASSERT_EQ(numbers({peer(0).get("q")}), std::vector{i});
    most = std::max(most, cluster().message_bytes());
  }
  EXPECT_THAT(most, Lt(10 * kMega));
  EXPECT_THAT(life_->reads() - reads, Lt(200u)) << "pages, not messages";
}

TEST_P(DelayedPagingTest, WhatComesDueBeforeTheHeadIsNotReadForAConsumerThatTakesNothing) {
  queue("q");
  publish({"held"});
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 1}), "");
  constexpr int kAll = 600;
  for (int i = 1; i <= kAll; ++i) publish_delayed(i, i, kDelay + kAll - i);
  cluster().pass(kDelay - 1);
  for (int ms = 0; ms <= kAll; ++ms) cluster().pass(1);
  EXPECT_EQ(ready(), std::uint64_t{kAll});
  EXPECT_THAT(cluster().message_bytes(), Lt(14 * kMega));
  peer(2).cancel(peer(2).consumer);
  peer(2).settle_all(Settle::kAck);
  EXPECT_EQ(numbers(drain()), from_to(1, kAll));
}

TEST_P(DelayedPagingTest, VeryManyThatAreDueAtOnceComeInOrderToOneWhoWaits) {
  queue("q");
  constexpr int kAll = 9000;
  std::vector<int> expected;
  for (int i = 1; i <= kAll; ++i) {
    std::string body = std::to_string(i) + " ";
    body.append(4096 - body.size(), '.');
    peer(0).send({.body = std::move(body), .persistent = true, .delay_ms = kDelay});
    if (i % 500 == 0) cluster().run();
    expected.push_back(i);
  }
  cluster().run();
  EXPECT_THAT(paged_out(), Gt(6000u));
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  cluster().pass(kDelay);
  EXPECT_EQ(numbers(peer(2).take()), expected);
}

TEST_P(DelayedPagingTest, WhatWasNotDurableAtFirstLeavesWhenItIs) {
  queue("q");
  life_->hold_commits(true);
  publish_delayed(1, kMany);
  EXPECT_EQ(paged_out(), 0u);
  life_->hold_commits(false);
  EXPECT_THAT(cluster().message_bytes(), Lt(7 * kMega));
}

TEST_P(DelayedPagingTest, TransientOnesStayInMemory) {
  queue("q");
  for (int i = 1; i <= kMany; ++i) {
    peer(0).send({.body = large(i), .persistent = i % 10 != 0, .delay_ms = kDelay});
    if (i % 20 == 0) cluster().run();
  }
  cluster().run();
  EXPECT_THAT(cluster().message_bytes(), Lt(9 * kMega));
  cluster().pass(kDelay);
  EXPECT_EQ(numbers(drain()), from_to(1, kMany));
}

TEST_P(DelayedPagingTest, OthersAreHandedOutMeanwhile) {
  queue("q");
  publish_delayed(1, kMany);
  publish({"now"});
  EXPECT_THAT(drain(), ElementsAre("now"));
  cluster().pass(kDelay);
  publish({"last"});
  EXPECT_EQ(numbers({peer(0).get("q")}), std::vector{1});
  EXPECT_EQ(ready(), std::uint64_t{kMany});
}

TEST_P(DelayedPagingTest, PrioritiesKeepTheirOrder) {
  queue("q", {{"x-max-priority", number(9)}});
  publish_delayed(1, 100, kDelay, 1);
  publish_delayed(101, 200, kDelay, 9);
  publish_delayed(201, kMany, kDelay);
  cluster().pass(kDelay);
  std::vector<int> expected = from_to(101, 200);
  for (const int number : from_to(1, 100)) expected.push_back(number);
  for (const int number : from_to(201, kMany)) expected.push_back(number);
  EXPECT_EQ(numbers(drain()), expected);
}

TEST_P(DelayedPagingTest, ALongerDelayOfTheQueueIsNotForThoseThatAreThere) {
  queue("q", {{"x-message-delay", number(kDelay)}});
  publish_large(1, kMany);
  EXPECT_EQ(change({{"x-message-delay", number(3 * kDelay)}}), "");
  cluster().pass(kDelay);
  EXPECT_EQ(numbers(drain()), from_to(1, kMany));
}

TEST_P(DelayedPagingTest, WhatIsReadBackIsNotDelayedAnew) {
  for (const char* groups : {"", "exclusive"}) {
    Fields arguments;
    if (*groups != '\0') arguments = {{"x-message-groups", text(groups)}};
    queue("q", std::move(arguments));
    publish_large(1, kMany);
    EXPECT_THAT(paged_out(), Gt(150u));
    for (int i = 1; i <= 100; ++i) EXPECT_EQ(numbers({peer(0).get("q")}), std::vector{i});
    EXPECT_EQ(change({{"x-message-delay", number(kDelay)}}), "");
    EXPECT_EQ(numbers(drain()), from_to(101, kMany)) << groups;
    EXPECT_EQ(delayed(), 0u);
    EXPECT_EQ(peer(1).remove("q"), "");
  }
}

TEST_P(DelayedPagingTest, GroupsThatBeginMeanwhileLoseNothing) {
  queue("q", {{"x-message-groups", text("fair")}});
  publish_delayed(1, kMany);
  EXPECT_THAT(paged_out(), Gt(150u));
  peer(0).send(
      {.body = large(301), .persistent = true, .headers = {{"x-message-group", text("a")}}});
  EXPECT_EQ(numbers(drain()), std::vector{301});
  cluster().pass(kDelay);
  std::vector<int> got = numbers(drain());
  std::sort(got.begin(), got.end());
  EXPECT_EQ(got, from_to(1, kMany));
}

// --- going --------------------------------------------------------------------------------------
TEST_P(DelayedPagingTest, APurgeLeavesThemUnlessItIsOfEverything) {
  queue("q");
  publish_delayed(1, kMany);
  publish({"ready"});
  purge(false, 1);
  EXPECT_EQ(delayed(), std::uint64_t{kMany});
  EXPECT_EQ(kept_.messages(), std::uint64_t{kMany});
  purge(true, kMany);
  EXPECT_EQ(delayed(), 0u);
  EXPECT_EQ(kept_.messages(), 0u);
  cluster().pass(kDelay);
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(DelayedPagingTest, APurgeTakesThoseThatAreDue) {
  queue("q");
  publish_delayed(1, kMany, 1000);
  publish_delayed(301, 400, 5000);
  cluster().pass(1000);
  life_->hold_reads(true);
  EXPECT_EQ(numbers({peer(0).get("q")}), std::vector{1}) << "it is at hand";
  for (int i = 2; peer(0).get("q") != "no answer"; ++i) ASSERT_LT(i, kMany);
  const std::uint64_t left = ready();
  purge(false, left);
  EXPECT_EQ(kept_.messages(), 100u);
  release();
  EXPECT_EQ(ready(), 0u);
  cluster().pass(4000);
  EXPECT_EQ(numbers(drain()), from_to(301, 400));
}

TEST_P(DelayedPagingTest, RetentionEndsInTimeOnDiskToo) {
  queue("q", {{"x-message-retention", number(4000)}});
  publish_delayed(1, kMany);
  cluster().pass(1000);
  publish_delayed(301, 310);
  cluster().pass(2999);
  EXPECT_EQ(delayed(), 310u);
  cluster().pass(1);
  EXPECT_EQ(delayed(), 10u);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(kept_.messages(), 10u);
  cluster().pass(1000);
  EXPECT_EQ(delayed(), 0u);
}

TEST_P(DelayedPagingTest, AnotherRetentionCountsForWhatIsOnDisk) {
  queue("q", {{"x-message-retention", number(60'000)}});
  publish_delayed(1, kMany);
  EXPECT_EQ(change({{"x-message-retention", number(1000)}}), "");
  cluster().pass(999);
  EXPECT_EQ(delayed(), std::uint64_t{kMany});
  cluster().pass(1);
  EXPECT_EQ(delayed(), 0u);
  EXPECT_EQ(kept_.messages(), 0u);
}

TEST_P(DelayedPagingTest, TheyExpireWhenTheyAreDue) {
  queue("dead");
  queue("q", {{"x-message-ttl", number(kDelay)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  publish_delayed(1, kMany);
  cluster().pass(kDelay);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(numbers(drain("dead")), from_to(1, kMany));
}

TEST_P(DelayedPagingTest, TooManyOverflowWhenTheyAreDue) {
  queue("q", {{"x-max-length", number(280)}});
  publish_delayed(1, kMany);
  cluster().pass(kDelay);
  EXPECT_EQ(ready(), 280u);
  EXPECT_EQ(numbers(drain()), from_to(21, kMany));
}

TEST_P(DelayedPagingTest, WhatCannotBeReadIsPassedOver) {
  queue("q");
  publish_delayed(1, kMany);
  kept_.queues.begin()->second.messages.at(200).damaged = true;
  cluster().pass(kDelay);
  std::vector<int> expected = from_to(1, kMany);
  std::erase(expected, 200);
  EXPECT_EQ(numbers(drain()), expected);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(queue_at_home().ready_bytes(), 0u);
  EXPECT_EQ(peer(1).remove("q"), "");
}

// --- over a restart -----------------------------------------------------------------------------
TEST_P(DelayedPagingTest, AfterARestartTheyAreReadThroughAndStayOnDisk) {
  queue("q");
  publish_delayed(1, kMany);
  restart();
  look_at();
  EXPECT_EQ(delayed(), std::uint64_t{kMany});
  EXPECT_EQ(ready(), 0u);
  EXPECT_THAT(cluster().message_bytes(), Lt(7 * kMega));
  cluster().pass(kDelay);
  EXPECT_EQ(ready(), std::uint64_t{kMany});
  EXPECT_EQ(numbers(drain()), from_to(1, kMany));
  EXPECT_EQ(kept_.messages(), 0u);
}

TEST_P(DelayedPagingTest, SomeKeepTheirPlacesBehindOneThatIsReadyAndLoseThemToNoPurge) {
  queue("q");
  publish({"held", "ready"});
  publish_delayed(1, kMany);
  restart();
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 1}), "");
  const std::uint64_t known = delayed();  // the rest is not read yet, and counts as ready
  EXPECT_THAT(known, AllOf(Gt(10u), Lt(100u)));
  purge(false, kMany + 1 - known);
  EXPECT_EQ(delayed(), known);
  peer(2).settle_all(Settle::kAck);
  cluster().pass(kDelay);
  peer(2).cancel(peer(2).consumer);
  peer(2).settle_all(Settle::kRequeue);
  EXPECT_EQ(numbers(drain()), from_to(1, static_cast<int>(known)));
}

TEST_P(DelayedPagingTest, ThoseThatKeepTheirPlacesComeInOrderWithTheOthers) {
  queue("q");
  publish({"held", "ready"});
  publish_delayed(1, kMany);
  restart();
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 1}), "");
  cluster().pass(kDelay);
  EXPECT_EQ(ready(), kMany + 1u);
  peer(2).cancel(peer(2).consumer);
  peer(2).settle_all(Settle::kAck);
  EXPECT_EQ(peer(0).get("q"), "ready");
  EXPECT_EQ(numbers(drain()), from_to(1, kMany));
}

TEST_P(DelayedPagingTest, AtRandomEachComesOnceAndNotBeforeItsTime) {
  std::mt19937 random(17);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  queue("q", {{"x-max-priority", number(2)}});
  std::map<int, std::int64_t> due;  // what is there
  std::int64_t now = 0;
  std::int64_t begun = 0;    // this life
  bool read_through = true;  // else some of what is to wait still counts as ready
  int last = 0;
  for (int step = 0; step < 400; ++step) {
    if (const int what = below(100); what < 50) {
      const int from = last + 1;
      last += 1 + below(10);
      const std::int64_t delay = below(4) == 0 ? 0 : below(20'000);
      publish_delayed(from, last, delay, static_cast<std::uint8_t>(below(3)));
      for (int number = from; number <= last; ++number) due[number] = now + delay;
    } else if (what < 70) {
      const std::int64_t ms = below(2000);
      cluster().pass(ms);
      now += ms;
    } else if (what < 95) {
      for (int take = below(20); take != 0; --take) {
        const std::string body = peer(0).get("q");
        read_through = read_through || body == "empty";
        if (body == "empty") break;
        const int number = std::stoi(body);
        ASSERT_TRUE(due.contains(number)) << number << " at step " << step;
        EXPECT_LE(due[number], now) << number;
        due.erase(number);
      }
    } else if (what < 98) {
      if (!read_through) continue;
      const auto ready_ones =
          std::count_if(due.begin(), due.end(), [&](const auto& of) { return of.second <= now; });
      EXPECT_EQ(queue_at_home().ready(), static_cast<std::uint64_t>(ready_ones)) << step;
    } else {
      restart_after(now - begun);
      begun = now;
      read_through = false;
    }
    ASSERT_EQ(kept_.messages(), due.size()) << step;
  }
  cluster().pass(20'000);
  std::vector<int> got = numbers(drain());
  std::sort(got.begin(), got.end());
  std::vector<int> expected;
  for (const auto& of : due) expected.push_back(of.first);
  EXPECT_EQ(got, expected);
}

}  // namespace
}  // namespace polymq::engine
