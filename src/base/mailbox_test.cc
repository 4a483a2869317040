// Promises of Mailbox, with two threads.
#include "base/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace polymq {
namespace {

TEST(Mailbox, WhatDoesNotFitStaysWithTheSender) {
  Mailbox<std::unique_ptr<int>, 2> mailbox;
  for (int i = 0; i < 2; ++i) {
    auto item = std::make_unique<int>(i);
    EXPECT_TRUE(mailbox.put(item));
  }
  auto third = std::make_unique<int>(2);
  EXPECT_FALSE(mailbox.put(third));
  ASSERT_NE(third, nullptr);
  std::unique_ptr<int> taken;
  EXPECT_TRUE(mailbox.take(taken));
  EXPECT_EQ(*taken, 0);
  EXPECT_TRUE(mailbox.put(third));
}

TEST(Mailbox, ItemsArriveOnceAndInOrderBetweenThreads) {
  constexpr int kCount = 200'000;
  Mailbox<int, 64> mailbox;
  std::thread sender([&] {
    for (int i = 1; i <= kCount; ++i) {
      int item = i;
      while (!mailbox.put(item)) std::this_thread::yield();
    }
  });
  int expected = 1;
  while (expected <= kCount) {
    int item = 0;
    if (!mailbox.take(item)) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(item, expected++);
  }
  sender.join();
  EXPECT_TRUE(mailbox.empty());
}

}  // namespace
}  // namespace polymq
