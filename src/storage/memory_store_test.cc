// Promises of the memory store.
#include "storage/memory_store.h"

#include <gtest/gtest.h>

namespace polymq::storage {
namespace {

TEST(MemoryStore, EachSealedTurnThatStagedSomethingEndsDurableOnce) {
  MemoryStore store;
  EXPECT_EQ(store.staged(), 0u);
  store.seal();
  std::vector<CommitEnd> ended;
  store.take_ended(ended);
  EXPECT_TRUE(ended.empty());

  store.append({.queue = 1, .position = 1});
  EXPECT_EQ(store.staged(), 1u);
  store.seal();
  store.settle(1, 1);
  EXPECT_EQ(store.staged(), 2u);
  store.seal();
  store.take_ended(ended);
  EXPECT_EQ(ended, (std::vector<CommitEnd>{CommitEnd::kDurable, CommitEnd::kDurable}));
  store.take_ended(ended);
  EXPECT_EQ(ended.size(), 2u);
}

}  // namespace
}  // namespace polymq::storage
