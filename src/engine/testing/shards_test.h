// For tests: three peers on one, two or three shards, and the check that nothing is left behind.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/policy.h"
#include "engine/testing/shards_fixture.h"

namespace polymq::engine {

/// Peer i lives on shard i modulo their number, and what it declares has its home there. By habit
/// peer 0 publishes, peer 1 declares, peer 2 consumes: on three shards all of it is mail.
/// At the end everything is closed and deleted, and every message must have been freed.
class ShardsTest : public testing::Test {
 protected:
  explicit ShardsTest(ShardIndex shards = 3, const ClusterOptions& options = {})
      : cluster_(shards, options) {
    for (std::size_t i = 0; i < peers_.size(); ++i) connect(i);
  }
  ~ShardsTest() override {
    for (ShardIndex i = 0; i < cluster_.size(); ++i) cluster_.store(i).held = false;
    cluster_.release();
    for (std::size_t i = 0; i < peers_.size(); ++i) disconnect(i);
    if (cluster_.shard(0).topology().vhost("/") != nullptr) delete_everything(cluster_);
    EXPECT_EQ(cluster_.leftovers(), 0u) << "something outlived all who used it";
    EXPECT_EQ(cluster_.message_bytes(), 0) << "messages that nobody freed";
  }

  void connect(std::size_t i) { peers_[i] = std::make_unique<Peer>(cluster_, i); }
  void disconnect(std::size_t i) {
    if (peers_[i] == nullptr) return;
    EXPECT_TRUE(peers_[i]->close()) << "peer " << i << " waits for ever";
    peers_[i].reset();
  }
  Channeled& peer(std::size_t i) { return peers_[i]->channel; }

  /// Declares on peer `on`.
  void queue(const std::string& name, Fields arguments = {}, std::size_t on = 1) {
    EXPECT_EQ(peer(on).declare({.name = name, .arguments = std::move(arguments)}), "");
  }
  void quorum_queue(const std::string& name, Fields arguments = {}, std::size_t on = 1) {
    arguments.push_back({"x-queue-type", Value::string("quorum")});
    EXPECT_EQ(peer(on).declare({.name = name, .durable = true, .arguments = std::move(arguments)}),
              "");
  }
  void exchange(const std::string& name, const std::string& type, Fields arguments = {}) {
    EXPECT_EQ(peer(1).declare_exchange(name, type, std::move(arguments)), "");
  }
  void bind(const std::string& source, const std::string& destination,
            const std::string& key = "") {
    EXPECT_EQ(peer(1).bind(source, destination, key), "");
  }
  void bind_exchange(const std::string& source, const std::string& destination,
                     const std::string& key = "") {
    EXPECT_EQ(peer(1).bind(source, destination, key, true), "");
  }
  /// Publishes to queue `to` from peer 0; each is confirmed.
  void publish(const std::vector<std::string>& bodies, const std::string& to = "q") {
    for (const std::string& body : bodies) {
      EXPECT_EQ(peer(0).publish({.body = body, .key = to}), "ack") << body;
    }
  }
  void publish_many(std::size_t count, const Post& post = {.body = "many"}) {
    for (std::size_t i = 0; i < count; ++i) peer(0).send(post);
    cluster_.run();
  }
  /// Gets what is ready, for good.
  std::vector<std::string> drain(const std::string& queue = "q") { return peer(0).drain(queue); }
  std::uint64_t ready(const std::string& queue = "q") {
    const auto state = peer(0).look(queue);
    EXPECT_TRUE(state.has_value()) << "no queue " << queue;
    return state ? state->messages : UINT64_MAX;
  }
  bool exists(const std::string& queue) { return peer(0).look(queue).has_value(); }
  /// A header of the message got last.
  std::string header_got(const std::string& name) {
    Value value;
    return MessageHeaders(*peer(0).got->item.message).header(name, value) ? to_text(value) : "none";
  }
  /// One user policy for all queues and exchanges whose name matches.
  void set_policy(Fields definition, const std::string& pattern = ".*") {
    EXPECT_EQ(
        cluster_.administer(SetPolicies{"/", policies_of(std::move(definition), pattern).at("/")}),
        "");
  }
  void clear_policies() { EXPECT_EQ(cluster_.administer(SetPolicies{"/", nullptr}), ""); }

  Cluster cluster_;
  std::array<std::unique_ptr<Peer>, 3> peers_;
};

/// The same on one, two and three shards: INSTANTIATE_TEST_SUITE_P(On, X, kShardCounts).
class AnyShardsTest : public ShardsTest, public testing::WithParamInterface<ShardIndex> {
 protected:
  AnyShardsTest() : ShardsTest(GetParam()) {}
};
inline const auto kShardCounts = testing::Values(ShardIndex{1}, ShardIndex{2}, ShardIndex{3});

inline Value number(std::int64_t value) { return Value::integer(value); }
inline Value text(std::string value) { return Value::string(std::move(value)); }

}  // namespace polymq::engine
