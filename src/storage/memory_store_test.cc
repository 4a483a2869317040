// Promises of the memory store.
#include "storage/memory_store.h"

#include <gtest/gtest.h>

namespace polymq::storage {
namespace {

TEST(MemoryStore, EachSealedTurnThatStagedSomethingEndsDurableOnce) {
  MemoryStore store;
  EXPECT_EQ(store.await_staged(), 0u);
  store.seal(0);
  std::vector<CommitEnd> ended;
  store.take_ended(ended);
  EXPECT_TRUE(ended.empty());

  store.append({.queue = 1, .position = 1});
  EXPECT_EQ(store.await_staged(), 1u);
  store.seal(0);
  store.settle(1, 1, 1);
  EXPECT_EQ(store.await_staged(), 2u);
  store.seal(0);
  store.take_ended(ended);
  EXPECT_EQ(ended, (std::vector<CommitEnd>{CommitEnd::kDurable, CommitEnd::kDurable}));
  store.take_ended(ended);
  EXPECT_EQ(ended.size(), 2u);
}

}  // namespace
}  // namespace polymq::storage
