// Promises of transactions to the client that commits them.
#include <gtest/gtest.h>

#include <optional>

#include "engine/testing/shards_fixture.h"

namespace polymq::engine {
namespace {

/// A persistent message in a durable queue, handed out and waiting to be acknowledged.
class Transaction : public testing::TestWithParam<ShardIndex> {
 protected:
  Transaction() {
    EXPECT_EQ(client_->declare({.name = "q", .durable = true, .arguments = {}}), "");
    EXPECT_EQ(client_->publish({.body = "m", .persistent = true}), "ack");
    EXPECT_EQ(client_->consume("q"), "");
  }
  ~Transaction() override {
    EXPECT_TRUE(client_.close());
    Peer last(cluster_, 0);
    EXPECT_EQ(last->remove("q"), "");
    EXPECT_TRUE(last.close());
  }
  void commit_acknowledgement() {
    const Channeled::Delivery held = client_->deliveries.at(0);
    client_->session.commit({}, {{held.consumer, held.lease, held.lease, Settle::kAck}},
                            [this](bool ok) { committed_ = ok; });
    cluster_.run();
  }
  ScriptedStore& store() { return cluster_.store(client_->deliveries.at(0).consumer.shard()); }

  Cluster cluster_{GetParam()};
  Peer client_{cluster_, 1};
  std::optional<bool> committed_;
};

TEST_P(Transaction, IsDoneWhenItsAcknowledgementsAreStored) {
  store().held = true;
  commit_acknowledgement();
  EXPECT_EQ(store().settled, 1);
  EXPECT_FALSE(committed_.has_value()) << "a crash would bring the message back";
  store().held = false;
  cluster_.run();
  EXPECT_EQ(committed_, true);
}

TEST_P(Transaction, IsRefusedWhenItsAcknowledgementsCannotBeStored) {
  store().verdict = storage::CommitEnd::kFailed;
  commit_acknowledgement();
  EXPECT_EQ(committed_, false);
}

TEST_P(Transaction, WaitsForNoStoreWhenNothingOfItIsKeptThere) {
  const Channeled::Delivery held = client_->deliveries.at(0);
  store().held = true;
  client_->session.commit({}, {{held.consumer, held.lease, held.lease, Settle::kRequeue}},
                          [this](bool ok) { committed_ = ok; });
  cluster_.run();
  EXPECT_EQ(committed_, true);
  store().held = false;
}

INSTANTIATE_TEST_SUITE_P(Shards, Transaction, testing::Values(1, 2, 3));

}  // namespace
}  // namespace polymq::engine
