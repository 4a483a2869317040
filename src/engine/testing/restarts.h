// For tests: clusters one after the other that find what the one before has stored.
#pragma once

#include <gmock/gmock.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/testing/shards_fixture.h"

namespace polymq::engine {

/// A cluster with three peers as in ShardsTest: peer 0 publishes, peer 1 declares, peer 2 consumes.
class Life {
 public:
  Life(ShardIndex shards, KeptMessages& kept, KeepingMetadata& metadata, PolicySets policies,
       std::uint64_t number, WallMs later) {
    ClusterOptions options;
    for (ShardIndex i = 0; i < shards; ++i) {
      stores_.push_back(std::make_unique<KeepingStore>(kept));
      options.stores.push_back(stores_.back().get());
    }
    options.metadata = &metadata;
    options.policies = std::move(policies);
    options.later = later;
    options.first_incarnation = number * 1'000'000;
    options.life_before = (number - 1) * 1'000'000;
    cluster = std::make_unique<Cluster>(shards, options);
    for (std::size_t i = 0; i < peers_.size(); ++i) connect(i);
  }
  ~Life() {
    hold_reads(false);
    for (auto& store : stores_) store->die();
    for (std::size_t i = 0; i < peers_.size(); ++i) disconnect(i);
  }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  void connect(std::size_t i) { peers_[i] = std::make_unique<Peer>(*cluster, i); }
  void disconnect(std::size_t i) {
    if (peers_[i]) EXPECT_TRUE(peers_[i]->close()) << "peer " << i << " waits for ever";
    peers_[i].reset();
  }
  Channeled& peer(std::size_t i) { return peers_[i]->channel; }

  void hold_reads(bool held) {
    for (auto& store : stores_) store->reads_held = held;
    if (!held) cluster->run();
  }
  void hold_commits(bool held) {
    for (auto& store : stores_) store->commits_held = held;
    if (!held) cluster->run();
  }
  /// As the store of the queue's shard was told.
  std::optional<storage::SyncPolicy> sync_of(std::uint64_t queue) const {
    for (const auto& store : stores_) {
      if (store->syncs.contains(queue)) return store->syncs.at(queue);
    }
    ADD_FAILURE() << "no store knows it";
    return std::nullopt;
  }
  /// Of bodies, by these reads.
  std::uint64_t bytes_asked() const { return sum(&KeepingStore::bytes_asked); }
  /// How often it was said what has been handed out.
  std::uint64_t marks() const { return sum(&KeepingStore::marks); }
  /// Records of what is settled, each of a range.
  std::uint64_t settles() const { return sum(&KeepingStore::settles); }
  std::uint64_t reads() const { return sum(&KeepingStore::reads); }

 private:
  std::uint64_t sum(std::uint64_t KeepingStore::* count) const {
    std::uint64_t sum = 0;
    for (const auto& store : stores_) sum += (*store).*count;
    return sum;
  }

  std::vector<std::unique_ptr<KeepingStore>> stores_;

 public:
  std::unique_ptr<Cluster> cluster;

 private:
  std::array<std::unique_ptr<Peer>, 3> peers_;
};

/// On any number of shards. At the end everything is deleted, and nothing of them may be left in
/// memory or in the store.
class RestartsTest : public testing::TestWithParam<ShardIndex> {
 protected:
  RestartsTest() { start(); }
  ~RestartsTest() override {
    life_->hold_commits(false);
    life_->hold_reads(false);
    for (std::size_t i = 0; i < 3; ++i) life_->disconnect(i);
    delete_everything(cluster());
    EXPECT_EQ(cluster().leftovers(), 0u) << "something outlived all who used it";
    EXPECT_EQ(cluster().message_bytes(), 0) << "messages that nobody freed";
    EXPECT_EQ(kept_.messages(), 0u) << "messages that nobody settled";
  }

  /// The process dies and comes again: only what was stored is there. Nothing can be read back
  /// before release().
  void restart_and_hold() {
    life_.reset();
    start();
    life_->hold_reads(true);
  }
  void restart() {
    life_.reset();
    start();
  }
  /// The next life begins that much later than the one before did.
  void restart_after(WallMs ms) {
    later_ += ms;
    restart();
  }
  void release() { life_->hold_reads(false); }

  Cluster& cluster() { return *life_->cluster; }
  Channeled& peer(std::size_t i) { return life_->peer(i); }

  void queue(const std::string& name, Fields arguments = {}) {
    EXPECT_EQ(peer(1).declare({.name = name, .durable = true, .arguments = std::move(arguments)}),
              "");
  }
  void exchange(const std::string& name, const std::string& type, Fields arguments = {}) {
    EXPECT_EQ(peer(1).declare_exchange(name, type, std::move(arguments), false, true), "");
  }
  void bind(const std::string& source, const std::string& destination, bool to_exchange = false) {
    EXPECT_EQ(peer(1).bind(source, destination, "", to_exchange), "");
  }
  void publish(const std::vector<std::string>& bodies, const std::string& to = "q") {
    for (const std::string& body : bodies) {
      EXPECT_EQ(peer(0).publish({.body = body, .key = to, .persistent = true}), "ack") << body;
    }
  }
  std::vector<std::string> drain(const std::string& queue = "q") { return peer(0).drain(queue); }
  std::uint64_t ready(const std::string& queue = "q") {
    const auto state = peer(0).look(queue);
    EXPECT_TRUE(state.has_value()) << "no queue " << queue;
    return state ? state->messages : UINT64_MAX;
  }
  /// The queue itself, at its home.
  Queue& queue_at_home(const std::string& name = "q") {
    Topology& topology = cluster().shard(0).topology();
    const ShardIndex home = topology.queue(*topology.vhost("/"), name)->home;
    Topology& there = cluster().shard(home).topology();
    return *there.queue(*there.vhost("/"), name)->local;
  }

  /// As the configuration has it, in every life from now on.
  void set_policy(Fields definition) {
    policies_ = policies_of(std::move(definition));
    EXPECT_EQ(cluster().administer(SetPolicies{"/", policies_.at("/")}), "");
  }

  void clear_configuration() {
    policies_.clear();
    EXPECT_EQ(cluster().administer(SetPolicies{"/", nullptr}), "");
  }

  KeptMessages kept_;
  KeepingMetadata metadata_;
  std::unique_ptr<Life> life_;

 private:
  void start() {
    life_ = std::make_unique<Life>(GetParam(), kept_, metadata_, policies_, ++lives_, later_);
  }
  PolicySets policies_;
  WallMs later_ = 0;
  std::uint64_t lives_ = 0;
};

}  // namespace polymq::engine
