// Promises of big queues: messages leave memory when they are on disk, and are back in time, in
// order.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>

#include "engine/testing/numbered_bodies.h"
#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Gt;
using testing::IsEmpty;
using testing::Lt;

class QueuePagingTest : public RestartsTest {
 protected:
  void publish_large(int first, int last, std::optional<std::uint8_t> priority = {}) {
    for (int number = first; number <= last; ++number) {
      peer(0).send({.body = large(number), .persistent = true, .priority = priority});
      if (number % 10 == 0) cluster().run();
    }
    cluster().run();
  }
  /// What is on disk only.
  std::uint64_t paged_out() { return queue_at_home().paged_out(); }
};
INSTANTIATE_TEST_SUITE_P(On, QueuePagingTest, kShardCounts);

/// Among what has left memory, messages 67 to 69 are out: peer 2 holds them. A read of messages
/// around them is under way, and nobody else has taken any.
class SettledWhileRead : public QueuePagingTest {
 protected:
  SettledWhileRead() {
    queue("q", {{"x-max-priority", number(5)}});
    publish_large(1, 66);
    publish_large(67, 69, 3);
    EXPECT_EQ(peer(2).consume("q", {.prefetch = 3}), "");
    peer(2).cancel(peer(2).consumer);
    publish_large(70, 200);
    EXPECT_EQ(peer(2).deliveries.size(), 3u);
    EXPECT_THAT(paged_out(), Gt(50u));
    life_->hold_reads(true);
    for (int number = 1; peer(0).get("q") != "no answer" && number < 70; ++number) gone_ = number;
    EXPECT_THAT(gone_, AllOf(Gt(50), Lt(67)));
    EXPECT_EQ(life_->reads(), 1u);
  }
  int gone_ = 0;  // how many gets took before
};
INSTANTIATE_TEST_SUITE_P(On, SettledWhileRead, kShardCounts);

TEST_P(SettledWhileRead, DoesNotComeBackIfItIsDone) {
  peer(2).settle_all(Settle::kAck);
  release();
  std::vector<int> expected = from_to(gone_ + 2, 66);  // one went to the get that waited
  for (const int number : from_to(70, 200)) expected.push_back(number);
  EXPECT_EQ(ready(), expected.size());
  EXPECT_EQ(numbers(drain()), expected);
}

TEST_P(SettledWhileRead, ComesBackOnceIfItReturns) {
  peer(2).settle_all(Settle::kRequeue);
  release();
  std::vector<int> expected = from_to(68, 69);  // 67 went to the get that waited
  for (const int number : from_to(gone_ + 1, 66)) expected.push_back(number);
  for (const int number : from_to(70, 200)) expected.push_back(number);
  EXPECT_EQ(ready(), expected.size());
  EXPECT_EQ(numbers(drain()), expected);
}

// --- out of memory and back ---------------------------------------------------------------------

TEST_P(QueuePagingTest, ABigQueueLetsMessagesGoAndReadsThemBackInOrder) {
  queue("q");
  publish_large(1, 300);  // 19 MiB
  EXPECT_EQ(ready(), 300u);
  EXPECT_EQ(queue_at_home().ready_bytes(), 300 * kLarge);
  EXPECT_THAT(cluster().message_bytes(), Lt(10 * kMega));
  EXPECT_THAT(cluster().message_bytes(), Gt(3 * kMega)) << "its head is at hand";
  EXPECT_THAT(paged_out(), Gt(150u));
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  EXPECT_EQ(numbers(peer(2).take()), from_to(1, 300));
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(kept_.messages(), 0u);
}

TEST_P(QueuePagingTest, ABigQueueIsReadByGetsToo) {
  queue("q");
  publish_large(1, 250);
  EXPECT_THAT(paged_out(), Gt(100u));
  EXPECT_EQ(numbers(drain()), from_to(1, 250));
}

TEST_P(QueuePagingTest, WhatGoesWhileTheRestIsReadIsReadLater) {
  queue("q");
  publish_large(1, 5);
  restart_and_hold();
  EXPECT_EQ(peer(0).get("q"), "no answer");
  EXPECT_EQ(life_->reads(), 1u);  // of all that there is
  publish_large(6, 250);
  EXPECT_THAT(paged_out(), Gt(50u));
  release();
  EXPECT_EQ(ready(), 249u) << "one went to the get that waited";
  EXPECT_EQ(numbers(drain()), from_to(2, 250));
}

TEST_P(QueuePagingTest, NothingGoesBeforeItIsDurable) {
  queue("q");
  life_->hold_commits(true);
  publish_large(1, 200);
  EXPECT_EQ(paged_out(), 0u);
  EXPECT_THAT(cluster().message_bytes(), Gt(12 * kMega));
  life_->hold_commits(false);
  EXPECT_THAT(cluster().message_bytes(), Lt(10 * kMega));
  EXPECT_EQ(numbers(drain()), from_to(1, 200));
}

TEST_P(QueuePagingTest, TransientOnesStayInMemoryAndInPlace) {
  queue("q");
  for (int i = 1; i <= 300; ++i) {
    peer(0).send({.body = large(i), .persistent = i % 10 != 0});
    if (i % 20 == 0) cluster().run();
  }
  cluster().run();
  EXPECT_THAT(paged_out(), Gt(100u));
  EXPECT_THAT(cluster().message_bytes(), Lt(12 * kMega));
  EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
  EXPECT_EQ(numbers(peer(2).take()), from_to(1, 300));
}

TEST_P(QueuePagingTest, ABigRecoveredQueueStaysBigOnDiskWhileItIsDrained) {
  queue("q");
  publish_large(1, 300);
  restart();
  std::int64_t most = 0;
  for (int i = 1; i <= 300; ++i) {
    ASSERT_EQ(numbers({peer(0).get("q")}), std::vector{i});
    most = std::max(most, cluster().message_bytes());
  }
  EXPECT_THAT(most, Lt(10 * kMega));
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(QueuePagingTest, WhatWasReadBackCountsForTheWindowOfOthersNoMore) {
  std::vector<std::uint64_t> before;
  for (ShardIndex i = 0; i < cluster().size(); ++i) {
    before.push_back(cluster().shard(i).home().paging_window());
  }
  queue("q");
  publish({"1", "2"});
  publish_large(3, 250);
  restart();
  EXPECT_EQ(drain().size(), 250u);
  EXPECT_EQ(paged_out(), 0u);
  for (ShardIndex i = 0; i < cluster().size(); ++i) {
    EXPECT_EQ(cluster().shard(i).home().paging_window(), before[i]);
  }
}

TEST_P(QueuePagingTest, ManyRecoveredQueuesShareTheMemory) {
  constexpr int kQueues = 96;
  const std::uint64_t alone = cluster().shard(0).home().paging_window();
  for (int i = 0; i < kQueues; ++i) {
    queue("q" + std::to_string(i));
    publish({"1"}, "q" + std::to_string(i));
  }
  restart();
  const auto window = [&] { return cluster().shard(0).home().paging_window(); };
  EXPECT_THAT(window(), Lt(alone));
  for (int i = 0; i < kQueues; ++i) {
    const std::string name = "q" + std::to_string(i);
    if (i % 2 == 0) {
      EXPECT_EQ(peer(1).remove(name), "");
    } else {
      EXPECT_THAT(drain(name), ElementsAre("1"));
    }
  }
  EXPECT_EQ(window(), alone);
}

// --- priorities ---------------------------------------------------------------------------------

TEST_P(QueuePagingTest, NothingIsLostThatComesWhilePrioritiesAreReadBack) {
  queue("q", {{"x-max-priority", number(5)}});
  EXPECT_EQ(peer(0).publish({.body = large(1), .persistent = true, .priority = 1}), "ack");
  publish_large(2, 30);
  restart_and_hold();
  for (int i = 31; i <= 230; ++i) {  // more than is kept in memory
    const std::optional<std::uint8_t> priority =
        i % 10 == 0 ? std::optional<std::uint8_t>{4} : std::nullopt;
    peer(0).send({.body = large(i), .persistent = i % 7 != 0, .priority = priority});
    cluster().run();
  }
  EXPECT_EQ(ready(), 230u);
  release();
  std::vector<int> expected;
  for (int i = 40; i <= 230; i += 10) expected.push_back(i);
  expected.push_back(1);
  for (int i = 2; i <= 230; ++i) {
    if (i <= 30 || i % 10 != 0) expected.push_back(i);
  }
  EXPECT_EQ(numbers(drain()), expected);
  EXPECT_EQ(ready(), 0u);
}

TEST_P(QueuePagingTest, ABigQueueWithPrioritiesKeepsTheirOrder) {
  queue("q", {{"x-max-priority", number(5)}});
  publish_large(1, 100);
  publish_large(101, 120, 5);
  publish_large(121, 250);
  EXPECT_THAT(paged_out(), Gt(50u));
  std::vector<int> expected = from_to(101, 120);
  for (const int number : from_to(1, 100)) expected.push_back(number);
  for (const int number : from_to(121, 250)) expected.push_back(number);
  EXPECT_EQ(numbers(drain()), expected);
}

/// Queues of 2, 10 and 256 levels, and messages whose priorities are mixed.
class MixedPriorities : public QueuePagingTest {
 protected:
  static constexpr int kMessages = 300;
  static constexpr std::array kLevels{2, 10, 256};

  static int priority_of(int number, int levels) { return number * 37 % 101 % levels; }
  void publish_mixed(int levels) {
    queue("q", {{"x-max-priority", number(levels - 1)}});
    for (int i = 1; i <= kMessages; ++i) {
      publish_large(i, i, static_cast<std::uint8_t>(priority_of(i, levels)));
    }
    EXPECT_EQ(ready(), static_cast<std::uint64_t>(kMessages));
  }
  static std::vector<int> in_order(int levels) {
    std::vector<int> order = from_to(1, kMessages);
    std::sort(order.begin(), order.end(), [&](int a, int b) {
      return std::pair(-priority_of(a, levels), a) < std::pair(-priority_of(b, levels), b);
    });
    return order;
  }
  void remove_queue() { EXPECT_EQ(peer(1).remove("q"), ""); }
};
INSTANTIATE_TEST_SUITE_P(On, MixedPriorities, kShardCounts);

TEST_P(MixedPriorities, LeaveMemoryAndAreReadOnceInOrder) {
  for (const int levels : kLevels) {
    publish_mixed(levels);
    EXPECT_THAT(cluster().message_bytes(), Lt(10 * kMega)) << levels << " levels";
    EXPECT_THAT(paged_out(), Gt(150u));
    const std::uint64_t asked_before = life_->bytes_asked();
    EXPECT_EQ(peer(2).consume("q", {.no_ack = true}), "");
    EXPECT_EQ(numbers(peer(2).take()), in_order(levels)) << levels << " levels";
    EXPECT_THAT(life_->bytes_asked() - asked_before, Lt(kMessages * kLarge));
    EXPECT_EQ(kept_.messages(), 0u);
    remove_queue();
  }
}

TEST_P(MixedPriorities, AreNotReadAtAStartBeforeTheirTurn) {
  for (const int levels : kLevels) {
    publish_mixed(levels);
    restart_and_hold();
    EXPECT_EQ(ready(), static_cast<std::uint64_t>(kMessages));
    EXPECT_EQ(queue_at_home().ready_bytes(), kMessages * kLarge);
    EXPECT_EQ(life_->reads(), 0u);
    EXPECT_EQ(peer(0).get("q"), "no answer");
    EXPECT_EQ(life_->reads(), 1u);
    EXPECT_THAT(life_->bytes_asked(), Lt(20 * kLarge)) << "what comes next, not the queue";
    release();
    std::vector<int> expected = in_order(levels);
    expected.erase(expected.begin());  // it went to the get that waited
    std::int64_t most = 0;
    for (const int next : expected) {
      ASSERT_EQ(numbers({peer(0).get("q")}), std::vector{next}) << levels << " levels";
      most = std::max(most, cluster().message_bytes());
    }
    EXPECT_THAT(most, Lt(10 * kMega));
    EXPECT_THAT(life_->bytes_asked(), Lt((kMessages + 1) * kLarge)) << "nothing is read twice";
    EXPECT_EQ(ready(), 0u);
    remove_queue();
  }
}

TEST_P(MixedPriorities, ReturnToTheirPlacesAmongWhatIsOnDisk) {
  constexpr int kTaken = 20;
  publish_mixed(10);
  restart();
  EXPECT_EQ(peer(2).consume("q", {.prefetch = kTaken}), "");
  peer(2).cancel(peer(2).consumer);
  ASSERT_EQ(peer(2).deliveries.size(), static_cast<std::size_t>(kTaken));
  for (int i = 301; i <= 310; ++i) publish_large(i, i, 9);
  peer(2).settle_all(Settle::kRequeue);
  std::vector<int> expected = in_order(10);
  const auto behind = std::find_if(expected.begin(), expected.end(),
                                   [](int number) { return priority_of(number, 10) < 9; });
  const std::vector<int> later = from_to(301, 310);
  expected.insert(behind, later.begin(), later.end());
  EXPECT_EQ(numbers(drain()), expected);
}

TEST_P(MixedPriorities, OfOneLevelOverflowInOrderOfDelivery) {
  queue("q", {{"x-max-priority", number(9)}, {"x-max-length", number(280)}});
  for (int i = 1; i <= 300; ++i) publish_large(i, i, static_cast<std::uint8_t>(i % 2));
  EXPECT_EQ(ready(), 280u);
  EXPECT_THAT(cluster().message_bytes(), Lt(10 * kMega));
  restart();
  std::vector<int> expected;  // the first 20 of the higher priority had to go
  for (int i = 41; i <= 299; i += 2) expected.push_back(i);
  for (int i = 2; i <= 300; i += 2) expected.push_back(i);
  EXPECT_EQ(numbers(drain()), expected);
}

TEST_P(MixedPriorities, ArePurgedWithOneRecord) {
  for (const int levels : kLevels) {
    publish_mixed(levels);
    const std::uint64_t before = life_->settles();
    EXPECT_EQ(peer(1).purge("q"), "");
    EXPECT_EQ(life_->settles() - before, 1u) << levels << " levels";
    EXPECT_EQ(kept_.messages(), 0u);
    remove_queue();
  }
}

TEST_P(MixedPriorities, GoWhenTheQueueIsPurgedWhileSomeAreRead) {
  publish_mixed(10);
  restart_and_hold();
  EXPECT_EQ(peer(2).consume("q"), "");
  EXPECT_EQ(life_->reads(), 1u);
  EXPECT_EQ(peer(1).purge("q"), "");
  EXPECT_EQ(peer(1).count, 300u);
  EXPECT_EQ(kept_.messages(), 0u);
  publish_large(301, 301, 2);
  release();
  EXPECT_EQ(numbers(peer(2).take()), std::vector{301});
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(paged_out(), 0u);
}

TEST_P(MixedPriorities, ExpireOnDiskAndAreDeadLettered) {
  queue("dead");
  queue("q", {{"x-max-priority", number(9)},
              {"x-message-ttl", number(1000)},
              {"x-dead-letter-exchange", text("")},
              {"x-dead-letter-routing-key", text("dead")}});
  for (int i = 1; i <= 200; ++i) publish_large(i, i, static_cast<std::uint8_t>(i % 10));
  restart();
  cluster().pass(1001);
  EXPECT_EQ(ready(), 0u);
  std::vector<int> dead = numbers(drain("dead"));
  std::sort(dead.begin(), dead.end());
  EXPECT_EQ(dead, from_to(1, 200));
}

TEST_P(MixedPriorities, InAQuorumQueueLeaveMemoryToo) {
  queue("q", {{"x-queue-type", text("quorum")}});
  for (int i = 1; i <= 300; ++i) publish_large(i, i, static_cast<std::uint8_t>(i % 3 * 3));
  EXPECT_THAT(cluster().message_bytes(), Lt(10 * kMega));
  restart();
  std::vector<int> expected;
  for (const int rest : {2, 1, 3}) {
    for (int i = rest; i <= 300; i += 3) expected.push_back(i);
  }
  EXPECT_EQ(numbers(drain()), expected);
}

TEST_P(MixedPriorities, OfHigherLevelsTakeThePlaceOfOthersInMemory) {
  queue("q", {{"x-max-priority", number(255)}});
  std::vector<int> expected;
  for (int wave = 0; wave < 4; ++wave) {
    publish_large(wave * 100 + 1, wave * 100 + 100, static_cast<std::uint8_t>(wave * 80));
    EXPECT_THAT(cluster().message_bytes(), Lt(10 * kMega));
    const std::vector<int> these = from_to(wave * 100 + 1, wave * 100 + 100);
    expected.insert(expected.begin(), these.begin(), these.end());
  }
  life_->hold_reads(true);
  EXPECT_EQ(numbers({peer(0).get("q")}), std::vector{301}) << "it is at hand";
  release();
  expected.erase(expected.begin());
  EXPECT_EQ(numbers(drain()), expected);
}

TEST_P(MixedPriorities, ThatAreTransientAmongOthersStayInPlace) {
  queue("q", {{"x-max-priority", number(9)}});
  std::vector<int> expected;
  for (int i = 1; i <= 400; ++i) {
    peer(0).send(
        {.body = large(i), .persistent = i % 3 != 0, .priority = static_cast<std::uint8_t>(i % 2)});
    if (i % 10 == 0) cluster().run();
  }
  for (int i = 1; i <= 400; i += 2) expected.push_back(i);
  for (int i = 2; i <= 400; i += 2) expected.push_back(i);
  EXPECT_THAT(paged_out(), Gt(150u));
  EXPECT_EQ(numbers(drain()), expected);
}

TEST_P(QueuePagingTest, ABigQueueExpiresAsAWhole) {
  queue("q", {{"x-message-ttl", number(1000)}});
  publish_large(1, 250);
  EXPECT_THAT(paged_out(), Gt(100u));
  cluster().pass(1001);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(kept_.messages(), 0u);
}

}  // namespace
}  // namespace polymq::engine
