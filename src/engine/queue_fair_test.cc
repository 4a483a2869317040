// Promises of queues whose groups share fairly.
#include <gmock/gmock.h>

#include <deque>
#include <map>
#include <random>
#include <set>

#include "engine/testing/groups_test.h"

namespace polymq::engine {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Gt;
using testing::IsEmpty;
using testing::Le;

class FairQueueTest : public QueueGroupsTest {
 protected:
  void fair(Fields arguments = {}) {
    arguments.push_back({"x-message-groups", text("fair")});
    queue("q", std::move(arguments));
  }
  void send_many(const std::string& group, int first, int last) {
    for (int i = first; i <= last; ++i) peer(0).send(post(group + std::to_string(i)));
    cluster_.run();
  }
};
INSTANTIATE_TEST_SUITE_P(On, FairQueueTest, kShardCounts);

/// Tenant a floods; b and c send a message from time to time. Two consumers with 20 workers each.
class ThreeTenants : public FairQueueTest {
 protected:
  static constexpr int kFlood = 10'000;
  struct Result {
    std::uint64_t steps = 0;
    std::size_t delivered = 0;
    std::size_t longest = 0;  // of b and c: deliveries between send and receipt
  };

  /// A step is 10 ms. A message of a takes ten of them, one of b or c takes three.
  Result run() {
    Result result;
    EXPECT_EQ(peer(1).consume("q", {.prefetch = 20}), "");
    EXPECT_EQ(peer(2).consume("q", {.prefetch = 20}), "");
    for (int i = 1; i <= kFlood; ++i) {
      peer(0).send(post("a" + std::to_string(i)));
      if (i % 1000 == 0) cluster_.run();
    }
    note(result);
    for (int number = 1; !working_.empty() || ready() != 0; ++result.steps) {
      if (result.steps % 25 == 0 && result.steps < 1000) {
        send_quiet("b" + std::to_string(number), result);
        send_quiet("c" + std::to_string(number++), result);
      }
      note(result);
      cluster_.pass(10);
      settle_due(result.steps);
      note(result);
    }
    return result;
  }
  void send_quiet(const std::string& body, const Result& result) {
    sent_at_[body] = result.delivered;
    send({body});
  }
  void note(Result& result) {
    for (const std::size_t i : {1, 2}) {
      for (const auto& delivery : std::exchange(peer(i).deliveries, {})) {
        const bool noisy = delivery.body[0] == 'a';
        working_.push_back({result.steps + (noisy ? 10 : 3), i, delivery});
        if (!noisy) {
          result.longest = std::max(result.longest, result.delivered - sent_at_.at(delivery.body));
        }
        ++result.delivered;
      }
    }
  }
  void settle_due(std::uint64_t step) {
    for (auto at = working_.begin(); at != working_.end();) {
      if (at->until > step) {
        ++at;
        continue;
      }
      const Work work = *at;
      at = working_.erase(at);
      peer(work.peer).settle(work.delivery, Settle::kAck);
    }
  }

 private:
  struct Work {
    std::uint64_t until;
    std::size_t peer;
    Channeled::Delivery delivery;
  };
  std::deque<Work> working_;
  std::map<std::string, std::size_t> sent_at_;
};
INSTANTIATE_TEST_SUITE_P(On, ThreeTenants, kShardCounts);

TEST_P(ThreeTenants, TheQuietOnesDoNotWaitForTheOneThatFloods) {
  fair();
  const Result with = run();
  EXPECT_EQ(with.delivered, kFlood + 80u);
  EXPECT_LE(with.longest, 2u) << "the next two places that are free are theirs";
  EXPECT_THAT(with.steps, AllOf(Gt(2400u), Le(2780u))) << "all 40 workers are busy all the time";
}

TEST_P(ThreeTenants, WithoutFairnessTheyDoAndNothingIsFaster) {
  queue("q");
  const Result without = run();
  EXPECT_EQ(without.delivered, kFlood + 80u);
  EXPECT_GT(without.longest, 5000u);
  EXPECT_THAT(without.steps, AllOf(Gt(2400u), Le(2780u)));
}

TEST_P(FairQueueTest, AOneByOneConsumerIsSharedByTheTimeThatMessagesTake) {
  fair();
  send_many("a", 1, 50);
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 1}), "");
  const auto work = [&](std::int64_t ms) {
    const auto delivery = peer(2).deliveries.at(0);
    peer(2).deliveries.clear();
    cluster_.pass(ms);
    peer(2).settle(delivery, Settle::kAck);
    return delivery.body;
  };
  EXPECT_EQ(work(1500), "a1");
  send({"b1"});
  EXPECT_EQ(work(1500), "a2");
  EXPECT_EQ(work(10), "b1") << "before 48 of a";
  EXPECT_EQ(work(1500), "a3");
}

TEST_P(FairQueueTest, OnlyNoisyGroupsShareAllThereIs) {
  fair();
  send_many("a", 1, 500);
  send_many("b", 1, 500);
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 40}), "");
  std::map<char, int> got;
  std::vector<std::string> order[2];
  for (int total = 0; total < 1000; ++total) {
    ASSERT_FALSE(peer(2).deliveries.empty());
    const auto delivery = peer(2).deliveries.front();
    peer(2).deliveries.erase(peer(2).deliveries.begin());
    ++got[delivery.body[0]];
    order[delivery.body[0] - 'a'].push_back(delivery.body);
    peer(2).settle(delivery, Settle::kAck);
    if (total == 200) EXPECT_THAT(got['b'], Gt(70));
  }
  EXPECT_EQ(got['a'], 500);
  EXPECT_EQ(got['b'], 500);
  EXPECT_EQ(order[1].front(), "b1");
  EXPECT_EQ(order[1].back(), "b500") << "each in order";
  EXPECT_EQ(ready(), 0u);
}

TEST_P(FairQueueTest, PollsGetQuietGroupsFirst) {
  fair();
  send_many("a", 1, 60);
  send({"b1", "c1", "-1"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(receive().size(), 10u);
  EXPECT_THAT(receive({.most = 5, .lease_ms = 1000}), ElementsAre("b1", "c1", "-1", "a31", "a32"));
  cluster_.pass(1000);
  EXPECT_THAT(receive({.most = 2, .lease_ms = 1000}), ElementsAre("a1", "a2")) << "all came back";
}

TEST_P(FairQueueTest, NothingIsLocked) {
  fair();
  send({"a1", "a2", "a3"});
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  Receiver other(peer(1));
  EXPECT_THAT(other.receive("q", kOne), ElementsAre("a2"));
  EXPECT_EQ(peer(1).get("q"), "a3");
}

TEST_P(FairQueueTest, AMessageThatWaitsHoldsUpNothing) {
  fair();
  Post later = post("a1");
  later.delay_ms = 500;
  EXPECT_EQ(peer(0).publish(later), "ack");
  send({"a2", "b1"});
  EXPECT_THAT(receive(), ElementsAre("a2", "b1"));
  cluster_.pass(500);
  EXPECT_THAT(receive(), ElementsAre("a1"));
}

// --- from when on it looks at groups ------------------------------------------------------------
TEST_P(FairQueueTest, WhatIsOutWhenTheFirstGroupComesReturnsToItsPlace) {
  fair();
  send({"-1", "-2", "-3", "-4"});
  EXPECT_THAT(receive({.most = 3, .lease_ms = 1000}), ElementsAre("-1", "-2", "-3"));
  EXPECT_EQ(settle(0, Settle::kRequeue), TokenEnd::kDone);
  send({"a1"});
  EXPECT_EQ(settle(1), TokenEnd::kDone);
  Receiver other(peer(1));
  EXPECT_THAT(other.receive("q", kTen), ElementsAre("-1", "-4", "a1"));
  cluster_.pass(1000);
  EXPECT_THAT(receive(), ElementsAre("-1", "-3", "-4", "a1"));
}

TEST_P(FairQueueTest, WhatWaitsWhenTheFirstGroupComesComesLater) {
  fair();
  EXPECT_EQ(peer(0).publish({.body = "-1", .delay_ms = 700}), "ack");
  send({"a1"});
  EXPECT_THAT(receive(), ElementsAre("a1"));
  cluster_.pass(700);
  EXPECT_THAT(receive(kOne), ElementsAre("-1"));
}

TEST_P(FairQueueTest, APurgeForgetsGroups) {
  fair();
  send_many("a", 1, 100);
  EXPECT_EQ(receive().size(), 10u);
  EXPECT_EQ(peer(1).purge("q"), "");
  send({"b1", "a101"});
  cluster_.pass(1000);
  EXPECT_EQ(receive(kOne), std::vector<std::string>{"a1"});
}

TEST_P(FairQueueTest, DeadLettersGoAndTheRestComes) {
  queue("dead");
  fair({{"x-dead-letter-exchange", text("")},
        {"x-dead-letter-routing-key", text("dead")},
        {"x-message-ttl", number(2000)}});
  send_many("a", 1, 40);
  send({"b1"});
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 35}), "");
  peer(2).settle_all(Settle::kDiscard);
  EXPECT_EQ(ready("dead"), 35u);
  peer(2).settle_all(Settle::kAck);
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(drain("dead").size(), 35u);
}

/// Everything comes once, whenever groups begin, and whatever happens to it.
TEST_P(FairQueueTest, AtRandomNothingIsLostOrDoubled) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    std::mt19937 random(seed);
    fair();
    EXPECT_EQ(peer(1).consume("q", {.prefetch = 25}), "");
    EXPECT_EQ(peer(2).consume("q", {.prefetch = 40}), "");
    std::set<std::string> sent;
    std::set<std::string> done;
    std::vector<std::unique_ptr<Receiver>> receivers;
    for (int step = 0; step < 1500 && !HasFailure(); ++step) {
      const unsigned what = random() % 12;
      if (what < 6) {
        const bool may_group = step > static_cast<int>(50 * seed);
        Post one =
            post(std::string(1, may_group ? "-aaab"[random() % 5] : '-') + std::to_string(step));
        if (random() % 10 == 0) one.delay_ms = 30;
        sent.insert(one.body);
        EXPECT_EQ(peer(0).publish(one), "ack");
      } else if (what < 9) {
        auto& deliveries = peer(1 + random() % 2).deliveries;
        auto& by = &deliveries == &peer(1).deliveries ? peer(1) : peer(2);
        if (deliveries.empty()) continue;
        const std::size_t which = random() % deliveries.size();
        const auto delivery = deliveries[which];
        deliveries.erase(deliveries.begin() + static_cast<std::ptrdiff_t>(which));
        const bool ack = random() % 3 != 0;
        if (ack) EXPECT_TRUE(done.insert(delivery.body).second) << delivery.body;
        by.settle(delivery, ack ? Settle::kAck : Settle::kRequeue);
      } else if (what < 11) {
        auto receiver = std::make_unique<Receiver>(peer(random() % 3));
        receiver->receive("q",
                          {.most = 1 + static_cast<std::uint32_t>(random() % 9), .lease_ms = 100});
        if (random() % 2 == 0) {
          for (const auto& item : receiver->items) {
            EXPECT_EQ(receiver->settle("q", item.token, Freshness::kCurrent), TokenEnd::kDone);
            EXPECT_TRUE(done.insert(item.body).second) << item.body;
          }
        }
        receivers.push_back(std::move(receiver));
      } else {
        cluster_.pass(40);
      }
    }
    cluster_.pass(200);
    for (int idle = 0; idle < 3;) {
      ++idle;
      for (const std::size_t i : {1, 2}) {
        for (const auto& delivery : std::exchange(peer(i).deliveries, {})) {
          idle = 0;
          EXPECT_TRUE(done.insert(delivery.body).second) << delivery.body;
          peer(i).settle(delivery, Settle::kAck);
        }
      }
    }
    EXPECT_EQ(done, sent) << "seed " << seed;
    EXPECT_EQ(ready(), 0u);
    for (const std::size_t i : {1, 2}) peer(i).cancel(peer(i).consumer);
    EXPECT_EQ(peer(1).remove("q"), "");
  }
}

}  // namespace
}  // namespace polymq::engine
