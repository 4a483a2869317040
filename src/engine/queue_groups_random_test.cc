// Queues with groups under random use: no group has two holders, and each keeps its order.
#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <random>
#include <set>

#include "engine/testing/groups_test.h"

namespace polymq::engine {
namespace {

/// Who holds what, and what came first, of messages like "a17".
class Watch {
 public:
  void got(const std::string& body, const std::string& holder) {
    const std::string group = body.substr(0, 1);
    const int number = std::stoi(body.substr(1));
    EXPECT_FALSE(done.contains(body)) << body << " was done";
    EXPECT_TRUE(out.emplace(body, holder).second) << body << " has two holders";
    if (group == "-") return;
    for (const auto& [other, by] : out) {
      if (other[0] == body[0]) EXPECT_EQ(by, holder) << body << " while " << other << " is out";
    }
    for (const auto& [other, by] : sent) {
      if (other[0] != body[0] || by >= number || done.contains(other)) continue;
      EXPECT_TRUE(out.contains(other)) << body << " before " << other;
    }
  }
  void back(const std::string& body) { out.erase(body); }
  void ended(const std::string& body) {
    out.erase(body);
    done.insert(body);
  }
  std::map<std::string, std::string> out;  // body to holder
  std::set<std::string> done;
  std::map<std::string, int> sent;
};

class RandomGroupsTest : public QueueGroupsTest {
 protected:
  void note_deliveries(std::size_t i) {
    auto& new_ones = peer(i).deliveries;
    for (const auto& delivery : new_ones) {
      watch_.got(delivery.body, "consumer " + std::to_string(delivery.consumer.value));
      held_[i].push_back(delivery);
    }
    new_ones.clear();
  }
  void settle_one(std::size_t i, Settle how) {
    if (held_[i].empty()) return;
    const std::size_t which = random_() % held_[i].size();
    const auto delivery = held_[i][which];
    held_[i].erase(held_[i].begin() + static_cast<std::ptrdiff_t>(which));
    how == Settle::kAck ? watch_.ended(delivery.body) : watch_.back(delivery.body);
    peer(i).settle(delivery, how);
  }
  void poll() {
    auto receiver = std::make_unique<Receiver>(peer(random_() % 3));
    const std::string name = "poll " + std::to_string(++polls_);
    const std::uint32_t most = 1 + static_cast<std::uint32_t>(random_() % 4);
    receiver->receive("q", {.most = most, .lease_ms = 200});
    for (const auto& item : receiver->items) watch_.got(item.body, name);
    if (!receiver->items.empty()) receivers_.push_back(std::move(receiver));
  }
  void end_one_of_poll(bool done) {
    if (receivers_.empty()) return;
    Receiver& receiver = *receivers_[random_() % receivers_.size()];
    if (receiver.items.empty()) return;
    const std::size_t which = random_() % receiver.items.size();
    const Receiver::Item item = receiver.items[which];
    receiver.items.erase(receiver.items.begin() + static_cast<std::ptrdiff_t>(which));
    done ? watch_.ended(item.body) : watch_.back(item.body);
    const TokenEnd end = receiver.settle("q", item.token, Freshness::kCurrent,
                                         done ? Settle::kAck : Settle::kRequeue);
    EXPECT_EQ(end, TokenEnd::kDone) << item.body;
  }
  void end_all_polls() {
    for (const auto& receiver : receivers_) {
      for (const auto& item : receiver->items) watch_.back(item.body);
    }
    receivers_.clear();
    cluster_.pass(200);
  }
  void act() {
    switch (random_() % 12) {
      case 0:
        return end_all_polls();
      case 1:
      case 2:
        return poll();
      case 3:
        return end_one_of_poll(false);
      case 4:
        return end_one_of_poll(true);
      case 5:
        return settle_one(1 + random_() % 2, Settle::kRequeue);
      case 6:
      case 7:
        return settle_one(1 + random_() % 2, Settle::kAck);
      default:
        if (ready() > 60) return;
        const std::string body =
            std::string(1, "abcd-"[random_() % 5]) + std::to_string(++last_number_);
        watch_.sent[body] = last_number_;
        send({body});
    }
  }

  std::mt19937 random_{17};
  Watch watch_;
  std::map<std::size_t, std::vector<Channeled::Delivery>> held_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
  int polls_ = 0;
  int last_number_ = 0;
};
INSTANTIATE_TEST_SUITE_P(On, RandomGroupsTest, kShardCounts);

TEST_P(RandomGroupsTest, NoGroupHasTwoHoldersAndEachKeepsItsOrder) {
  groups();
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(peer(i).consume("q", {.prefetch = static_cast<std::uint32_t>(2 * i)}), "");
  }
  for (int step = 0; step < 3000 && !HasFailure(); ++step) {
    act();
    for (std::size_t i = 1; i < 3; ++i) note_deliveries(i);
  }
  end_all_polls();
  for (bool more = true; more && !HasFailure();) {
    more = false;
    for (std::size_t i = 1; i < 3; ++i) {
      note_deliveries(i);
      more = more || !held_[i].empty();
      settle_one(i, Settle::kAck);
    }
  }
  EXPECT_EQ(watch_.done.size(), watch_.sent.size());
  EXPECT_EQ(ready(), 0u);
}

}  // namespace
}  // namespace polymq::engine
