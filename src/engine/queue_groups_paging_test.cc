// Promises of big and stored queues with groups: messages leave memory and come back, groups stay.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

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

constexpr std::int64_t kMega = 1024 * 1024;

class GroupsPagingTest : public RestartsTest {
 protected:
  static constexpr ReceiveOptions kOne{.most = 1, .lease_ms = 1000};
  static constexpr ReceiveOptions kTen{.most = 10, .lease_ms = 1000};

  void groups(Fields arguments = {}) {
    arguments.push_back({"x-message-groups", text("exclusive")});
    queue("q", std::move(arguments));
  }
  /// "a17" and padding, of group a.
  void send(const std::string& name, std::size_t size = 0, bool persistent = true) {
    std::string body = name;
    if (body.size() < size) body.append(size - body.size(), '.');
    peer(0).send({.body = std::move(body),
                  .persistent = persistent,
                  .headers = {{std::string(kGroupHeader), text(name.substr(0, 1))}}});
  }
  void send_many(const std::string& group, int first, int last, std::size_t size) {
    for (int number = first; number <= last; ++number) {
      send(group + std::to_string(number), size);
      if (number % 10 == 0) cluster().run();
    }
    cluster().run();
  }
  void send_all(const std::vector<std::string>& names) {
    for (const std::string& name : names) send(name);
    cluster().run();
  }
  static std::string name_of(const std::string& body) { return body.substr(0, body.find('.')); }
  static std::vector<std::string> names(const std::vector<std::string>& bodies) {
    std::vector<std::string> all;
    for (const std::string& body : bodies) all.push_back(name_of(body));
    return all;
  }
  static std::vector<std::string> from_to(const std::string& group, int first, int last) {
    std::vector<std::string> all;
    for (int number = first; number <= last; ++number)
      all.push_back(group + std::to_string(number));
    return all;
  }
  std::vector<std::string> receive(const ReceiveOptions& options = kTen) {
    receiver_ = std::make_unique<Receiver>(peer(2));
    return names(receiver_->receive("q", options));
  }
  std::uint64_t paged_out() { return queue_at_home().paged_out(); }
  std::int64_t in_memory() { return cluster().message_bytes(); }

  std::unique_ptr<Receiver> receiver_;
};
INSTANTIATE_TEST_SUITE_P(On, GroupsPagingTest, kShardCounts);

TEST_P(GroupsPagingTest, ABigQueueLetsMessagesGoAndHandsThemOutInOrder) {
  groups();
  send_many("a", 1, 300, 64 * 1024);  // 19 MiB
  EXPECT_THAT(paged_out(), Gt(150u));
  EXPECT_THAT(in_memory(), AllOf(Lt(10 * kMega), Gt(3 * kMega)));
  EXPECT_EQ(peer(2).consume("q", {.prefetch = 3}), "");
  std::vector<std::string> got;
  while (!peer(2).deliveries.empty()) {
    const auto one = peer(2).deliveries.front();
    peer(2).deliveries.erase(peer(2).deliveries.begin());
    got.push_back(name_of(one.body));
    peer(2).settle(one, Settle::kAck);
  }
  EXPECT_EQ(got, from_to("a", 1, 300));
  EXPECT_EQ(ready(), 0u);
  EXPECT_EQ(kept_.messages(), 0u);
}

TEST_P(GroupsPagingTest, WhatIsOnDiskBehindALockedGroupIsFound) {
  groups();
  send_many("a", 1, 300, 64 * 1024);
  send_many("b", 1, 40, 64 * 1024);
  EXPECT_THAT(paged_out(), Gt(150u));
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  EXPECT_THAT(receive(kOne), ElementsAre("b1"));
  cluster().pass(1000);
  EXPECT_THAT(receive({.most = 1, .lease_ms = 9000}), ElementsAre("a1"));
  EXPECT_EQ(peer(2).consume("q"), "");
  EXPECT_EQ(names(peer(2).take()), from_to("b", 1, 40));
  EXPECT_THAT(in_memory(), Lt(15 * kMega));
}

TEST_P(GroupsPagingTest, AHundredThousandStoredMessagesOfALockedGroupHideNothing) {
  groups();
  for (int i = 1; i <= 100'000; ++i) {
    send("a" + std::to_string(i));
    if (i % 1000 == 0) cluster().run();
  }
  send_all({"b1"});
  EXPECT_THAT(paged_out(), Gt(20'000u));
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  EXPECT_THAT(receive(kOne), ElementsAre("b1"));
  EXPECT_THAT(receive(kOne), IsEmpty());
  cluster().pass(1000);
  restart();
  EXPECT_EQ(ready(), 100'002u - 1);
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  EXPECT_THAT(receive(kOne), ElementsAre("b1")) << "all before it was read to find it";
  EXPECT_THAT(in_memory(), Lt(40 * kMega));
}

TEST_P(GroupsPagingTest, AfterARestartGroupsAreKnownAndFree) {
  groups();
  send_all({"a1", "a2", "b1", "a3"});
  EXPECT_THAT(receive({.most = 2, .lease_ms = 1000}), ElementsAre("a1", "a2"));
  EXPECT_EQ(receiver_->settle("q", receiver_->items[1].token), TokenEnd::kDone);
  cluster().pass(1000);
  restart();
  EXPECT_EQ(ready(), 3u);
  EXPECT_THAT(receive({.most = 2, .lease_ms = 1000}), ElementsAre("a1", "a3"));
  EXPECT_THAT(receive(), ElementsAre("b1"));
}

TEST_P(GroupsPagingTest, WhoAsksWhileItIsReadBackWaitsForThat) {
  groups();
  send_all({"a1", "a2", "b1"});
  restart_and_hold();
  EXPECT_THAT(receive(kOne), ElementsAre("no answer"));
  EXPECT_EQ(peer(0).get("q", false), "no answer");
  release();
  EXPECT_THAT(receiver_->take(), ElementsAre("a1"));
  EXPECT_EQ(ready(), 1u) << "the get has b1";
  EXPECT_EQ(peer(0).get("q", false), "empty");
}

TEST_P(GroupsPagingTest, AMessageThatIsLostDoesNotHoldUpItsGroup) {
  groups();
  send_all({"a1", "a2", "b1"});
  for (auto& [id, queue] : kept_.queues) {
    if (!queue.messages.empty()) queue.messages.begin()->second.damaged = true;
  }
  restart();
  EXPECT_THAT(receive(), ElementsAre("a2", "b1"));
  EXPECT_EQ(ready(), 0u);
  for (auto& [id, queue] : kept_.queues)
    std::erase_if(queue.messages, [](const auto& message) { return message.second.damaged; });
}

TEST_P(GroupsPagingTest, ADelayGoesOnAfterARestartAndHoldsUpItsGroup) {
  groups({{"x-message-delay", number(1000)}});
  send_all({"a1", "b1"});
  restart_after(500);
  EXPECT_THAT(receive(), IsEmpty());
  cluster().pass(500);
  EXPECT_THAT(receive(), ElementsAre("a1", "b1"));
  cluster().pass(1000);
  EXPECT_THAT(receive(), ElementsAre("a1", "b1"));
}

TEST_P(GroupsPagingTest, AClockThatWentBackHoldsUpNothing) {
  groups();
  cluster().pass(5000);
  send_all({"a1", "b1"});
  restart();  // the clock begins where it did before
  EXPECT_THAT(receive(), ElementsAre("a1", "b1"));
}

TEST_P(GroupsPagingTest, PurgingForgetsWhatIsReadyAndKeepsWhatIsOut) {
  groups();
  send_all({"a1", "a2", "b1", "c1", "b2"});
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  EXPECT_THAT(receive(kOne), ElementsAre("b1"));
  EXPECT_EQ(peer(1).purge("q"), "");
  EXPECT_EQ(peer(1).count, 3u);
  EXPECT_EQ(kept_.messages(), 2u);
  send_all({"b3"});
  restart_after(1000);
  cluster().pass(0);
  EXPECT_EQ(ready(), 3u);
  EXPECT_THAT(names(drain()), ElementsAre("a1", "b1", "b3"));
}

TEST_P(GroupsPagingTest, PurgingABigQueueWhileItIsReadLeavesNothing) {
  groups();
  send_many("a", 1, 200, 64 * 1024);
  send_many("b", 1, 20, 64 * 1024);
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  life_->hold_reads(true);
  EXPECT_THAT(receive(kOne), ElementsAre("no answer"));
  EXPECT_EQ(peer(1).purge("q"), "");
  EXPECT_EQ(peer(1).count, 219u);
  release();
  EXPECT_EQ(ready(), 0u);
  send_all({"b21"});
  EXPECT_THAT(receive(), ElementsAre("b21"));
}

TEST_P(GroupsPagingTest, WhatExpiresOnDiskGoesThoughItsGroupIsLocked) {
  groups({{"x-message-ttl", number(2000)}});
  send_many("a", 1, 200, 64 * 1024);
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  cluster().pass(500);
  EXPECT_THAT(paged_out(), Gt(50u));
  cluster().pass(1600);
  EXPECT_EQ(ready(), 0u) << "a1, too";
}

TEST_P(GroupsPagingTest, AShorterLengthDropsWhatIsOnDisk) {
  groups();
  send_many("a", 1, 200, 64 * 1024);
  send_many("b", 1, 10, 64 * 1024);
  EXPECT_THAT(receive(kOne), ElementsAre("a1"));
  set_policy({{"max-length", number(15)}});
  cluster().run();
  EXPECT_EQ(ready(), 15u);
  EXPECT_THAT(receive(kOne), ElementsAre("b1"));
  cluster().pass(1000);
  EXPECT_EQ(ready(), 15u);
}

/// Random publishes, polls and ends of leases, with restarts in between.
TEST_P(GroupsPagingTest, AtRandomAndOverRestartsEachGroupKeepsItsOrder) {
  groups();
  std::mt19937 random(23);
  std::map<char, std::set<int>> left;  // not deleted yet
  std::map<char, bool> out;
  int last = 0;
  WallMs passed = 0;  // in this life
  for (int round = 0; round < 400 && !HasFailure(); ++round) {
    if (random() % 25 == 0) restart_after(std::exchange(passed, 0));
    for (unsigned n = random() % 12; n > 0; --n) {
      const char group = "abcdef"[random() % 6];
      send(std::string(1, group) + std::to_string(++last), 20 * 1024 * (random() % 4));
      left[group].insert(last);
    }
    cluster().run();
    const auto got =
        receive({.most = 1 + static_cast<std::uint32_t>(random() % 5), .lease_ms = 500});
    std::map<char, std::set<int>> of_this;
    for (const std::string& name : got) {
      const char group = name[0];
      const int number = std::stoi(name.substr(1));
      EXPECT_FALSE(out[group]) << name << " of a locked group, round " << round;
      auto expected = left[group].begin();
      std::advance(expected, of_this[group].size());
      EXPECT_EQ(number, *expected) << name << ", round " << round;
      of_this[group].insert(number);
    }
    for (const auto& [group, numbers] : of_this) out[group] = true;
    for (const auto& item : receiver_->items) {
      if (random() % 3 == 0) continue;
      EXPECT_EQ(receiver_->settle("q", item.token, Freshness::kCurrent), TokenEnd::kDone);
      const std::string name = name_of(item.body);
      left[name[0]].erase(std::stoi(name.substr(1)));
      of_this[name[0]].erase(std::stoi(name.substr(1)));
    }
    for (const auto& [group, numbers] : of_this) out[group] = !numbers.empty();
    if (random() % 6 == 0) {
      cluster().pass(500);
      passed += 500;
      out.clear();
    }
  }
  EXPECT_THAT(last, Gt(1000));
  cluster().pass(500);
  std::map<char, std::vector<int>> rest;
  for (const std::string& body : drain()) rest[body[0]].push_back(std::stoi(body.substr(1)));
  EXPECT_EQ(ready(), 0u) << paged_out();
  for (const auto& [group, numbers] : left) {
    EXPECT_EQ(rest[group], std::vector<int>(numbers.begin(), numbers.end())) << group;
  }
}

}  // namespace
}  // namespace polymq::engine
