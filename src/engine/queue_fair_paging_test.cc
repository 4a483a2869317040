// Promises of big and stored queues whose groups share fairly.
#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <set>

#include "engine/testing/receiver.h"
#include "engine/testing/restarts.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Gt;
using testing::Lt;

constexpr std::int64_t kMega = 1024 * 1024;

class FairPagingTest : public RestartsTest {
 protected:
  static constexpr ReceiveOptions kTen{.most = 10, .lease_ms = 1000};

  void fair() { queue("q", {{"x-message-groups", text("fair")}}); }
  /// "a17" and padding, of group a; "-3" of none.
  void send(const std::string& name, std::size_t size = 0, std::int64_t delay_ms = 0) {
    std::string body = name;
    if (body.size() < size) body.append(size - body.size(), '.');
    Post post{.body = std::move(body), .persistent = true};
    if (name[0] != '-') post.headers = {{std::string(kGroupHeader), text(name.substr(0, 1))}};
    if (delay_ms != 0) post.delay_ms = delay_ms;
    peer(0).send(post);
  }
  void send_many(const std::string& group, int first, int last, std::size_t size = 0) {
    for (int number = first; number <= last; ++number) {
      send(group + std::to_string(number), size);
      if (number % 10 == 0) cluster().run();
    }
    cluster().run();
  }
  static std::string name_of(const std::string& body) { return body.substr(0, body.find('.')); }
  /// What a consumer gets who may hold 40 and is done with one after the other.
  std::vector<std::string> consume_all() {
    EXPECT_EQ(peer(2).consume("q", {.prefetch = 40}), "");
    std::vector<std::string> got;
    while (!peer(2).deliveries.empty()) {
      const auto one = peer(2).deliveries.front();
      peer(2).deliveries.erase(peer(2).deliveries.begin());
      got.push_back(name_of(one.body));
      peer(2).settle(one, Settle::kAck);
      most_in_memory_ = std::max(most_in_memory_, cluster().message_bytes());
    }
    return got;
  }
  static std::ptrdiff_t place_of(const std::vector<std::string>& all, const std::string& name) {
    return std::find(all.begin(), all.end(), name) - all.begin();
  }
  std::uint64_t paged_out() { return queue_at_home().paged_out(); }

  std::int64_t most_in_memory_ = 0;
};
INSTANTIATE_TEST_SUITE_P(On, FairPagingTest, kShardCounts);

TEST_P(FairPagingTest, QuietMessagesOnDiskComeBeforeAFlood) {
  fair();
  send_many("a", 1, 300, 64 * 1024);  // 19 MiB
  send_many("b", 1, 5, 64 * 1024);
  send_many("a", 301, 400, 64 * 1024);
  EXPECT_THAT(paged_out(), Gt(250u));
  const std::vector<std::string> got = consume_all();
  EXPECT_EQ(got.size(), 405u);
  EXPECT_EQ(std::set(got.begin(), got.end()).size(), 405u);
  EXPECT_THAT(place_of(got, "b5"), Lt(60)) << "behind the forty that went before anybody was noisy";
  EXPECT_EQ(got.back(), "a400");
  EXPECT_EQ(ready(), 0u);
}

TEST_P(FairPagingTest, AfterARestartTheyAreFoundBehindAFlood) {
  fair();
  send_many("a", 1, 600, 64 * 1024);  // 38 MiB
  send_many("b", 1, 5, 64 * 1024);
  restart();
  EXPECT_EQ(paged_out(), 605u);
  const std::vector<std::string> got = consume_all();
  EXPECT_EQ(std::set(got.begin(), got.end()).size(), 605u);
  EXPECT_THAT(place_of(got, "b5"), Lt(100));
  EXPECT_THAT(most_in_memory_, Lt(15 * kMega));
  EXPECT_EQ(ready(), 0u);
}

TEST_P(FairPagingTest, AFloodThatIsAloneIsReadTwiceAtMost) {
  fair();
  send_many("a", 1, 600, 32 * 1024);
  restart();
  const std::vector<std::string> got = consume_all();
  EXPECT_EQ(got.size(), 600u);
  EXPECT_TRUE(std::is_sorted(got.begin(), got.end(), [](const auto& x, const auto& y) {
    return std::stoi(x.substr(1)) < std::stoi(y.substr(1));
  }));
  EXPECT_THAT(life_->reads(), Lt(2u * 600 * 32 / 1024 + 20));
}

TEST_P(FairPagingTest, GroupsMayBeginWhenMuchIsOnDisk) {
  fair();
  send_many("-", 1, 300, 64 * 1024);
  EXPECT_THAT(paged_out(), Gt(100u));
  send_many("a", 1, 3);
  const std::vector<std::string> got = consume_all();
  EXPECT_EQ(got.size(), 303u);
  EXPECT_EQ(got.front(), "-1");
  EXPECT_EQ(got.back(), "a3") << "none is noisy";
  EXPECT_EQ(ready(), 0u);
}

TEST_P(FairPagingTest, MovesTakeAllOfAFairQueue) {
  fair();
  queue("other");
  send_many("a", 1, 100);
  Receiver receiver(peer(2));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(receiver.receive("q", kTen).size(), 10u);
  send_many("b", 1, 3);
  std::vector<Position> moving = queue_at_home().begin_moves(50, 90);
  EXPECT_EQ(moving.size(), 49u) << "those below 90, whoever is noisy";
  EXPECT_FALSE(queue_at_home().has_ready_below(90));
  EXPECT_TRUE(queue_at_home().has_ready_below(91));
  for (const Position position : moving) queue_at_home().stay(position);
  cluster().pass(1000);
  const std::vector<std::string> got = consume_all();
  EXPECT_EQ(std::set(got.begin(), got.end()).size(), 103u);
  EXPECT_EQ(ready(), 0u);
}

/// Random publishes, polls and ends of leases, with restarts in between.
TEST_P(FairPagingTest, AtRandomAndOverRestartsNothingIsLost) {
  fair();
  std::mt19937 random(23);
  std::set<std::string> left;
  int last = 0;
  std::int64_t passed = 0;  // in this life
  const auto pass = [&](std::int64_t ms) {
    cluster().pass(ms);
    passed += ms;
  };
  for (int round = 0; round < 400 && !HasFailure(); ++round) {
    if (random() % 25 == 0) restart_after(std::exchange(passed, 0));
    const bool grouped = round % 100 > 30;
    for (unsigned n = random() % 14; n > 0; --n) {
      const std::string name =
          std::string(1, grouped ? "aaaab-c"[random() % 7] : '-') + std::to_string(++last);
      send(name, 20 * 1024 * (random() % 4), random() % 20 == 0 ? 300 : 0);
      left.insert(name);
    }
    cluster().run();
    for (int poll = 0; poll < 3; ++poll) {
      Receiver receiver(peer(2));
      receiver.receive("q",
                       {.most = 1 + static_cast<std::uint32_t>(random() % 10), .lease_ms = 400});
      for (const auto& item : receiver.items) {
        EXPECT_THAT(left, Contains(name_of(item.body)));
        const unsigned how = random() % 8;
        if (how < 3) continue;
        EXPECT_EQ(receiver.settle("q", item.token, Freshness::kCurrent,
                                  how == 3 ? Settle::kRequeue : Settle::kAck),
                  TokenEnd::kDone);
        if (how != 3) left.erase(name_of(item.body));
      }
    }
    if (random() % 6 == 0) pass(400);
    if (random() % 90 == 0) {
      pass(500);  // what is out, or waits, would stay
      EXPECT_EQ(peer(1).purge("q"), "");
      left.clear();
    }
  }
  EXPECT_THAT(last, Gt(1000));
  pass(500);
  std::set<std::string> rest;
  for (const std::string& body : drain()) EXPECT_TRUE(rest.insert(name_of(body)).second) << body;
  EXPECT_EQ(rest, left);
  EXPECT_EQ(ready(), 0u) << paged_out();
}

}  // namespace
}  // namespace polymq::engine
