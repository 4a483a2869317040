// Promises of ShardLink: nothing is refused or reordered, and a sender that waits is woken.
#include "server/shard_link.h"

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <thread>

namespace polymq::server {
namespace {

engine::Envelope publishes(std::uint64_t bytes) {
  return {0, engine::PublishBatch{.from = {}, .number = 0, .bytes = bytes, .items = {}}};
}

TEST(ShardLink, MoreMailThanFitsWaitsInOrder) {
  ShardLink link;
  const std::uint64_t count = 3 * ShardLink::kCapacity;
  for (std::uint64_t i = 1; i <= count; ++i) link.send({i, engine::Alarm{true}});
  EXPECT_TRUE(link.behind());
  std::uint64_t expected = 0;
  engine::Envelope envelope;
  while (expected < count) {
    while (link.take(envelope)) EXPECT_EQ(envelope.round, ++expected);
    link.report_done();
    link.behind();  // what waited moves up
  }
  EXPECT_EQ(expected, count);
  EXPECT_FALSE(link.behind());
}

TEST(ShardLink, AReceiverIsBehindUntilItHasDealtWithWhatItTook) {
  ShardLink link;
  link.send(publishes(ShardLink::kMostUnderWay));
  EXPECT_FALSE(link.behind());
  link.send(publishes(1));
  EXPECT_TRUE(link.behind());
  engine::Envelope envelope;
  while (link.take(envelope)) {
  }
  EXPECT_TRUE(link.behind()) << "taken is not done";
  EXPECT_TRUE(link.report_done()) << "the sender waits";
  EXPECT_FALSE(link.behind());
}

TEST(ShardLink, NobodyIsWokenWhoDoesNotWait) {
  ShardLink link;
  link.send(publishes(100));
  EXPECT_FALSE(link.behind());
  engine::Envelope envelope;
  ASSERT_TRUE(link.take(envelope));
  EXPECT_FALSE(link.report_done());
  EXPECT_FALSE(link.report_done()) << "nothing new is done";
}

engine::Envelope report(std::uint64_t bytes) {
  return {0, engine::WrittenBatch{.client = {}, .items = {{{}, 0, bytes}}}};
}

TEST(ShardLink, AReportWaitsForOtherMail) {
  ShardLink link;
  link.send(report(100));
  EXPECT_FALSE(link.take_urgent());
  link.send(publishes(1));
  EXPECT_TRUE(link.take_urgent());
  EXPECT_FALSE(link.take_urgent());
  engine::Envelope envelope;
  ASSERT_TRUE(link.take(envelope));
  EXPECT_EQ(engine::reported_bytes(envelope.mail), 100u) << "in its place";
}

TEST(ShardLink, ReportsOfMuchOrManyDoNotWait) {
  ShardLink link;
  link.send(report(ShardLink::kMostUnreported - 1));
  EXPECT_FALSE(link.take_urgent());
  link.send(report(1));
  EXPECT_TRUE(link.take_urgent());
  for (std::size_t i = 2; i < ShardLink::kCapacity; ++i) link.send(report(1));
  EXPECT_FALSE(link.take_urgent());
  link.send(report(1));
  EXPECT_TRUE(link.take_urgent()) << "one more than fits";
}

// The sender sleeps whenever the receiver is behind, as a shard does; a lost wake-up hangs here.
TEST(ShardLink, ASenderThatWaitsIsWokenBetweenThreads) {
  constexpr std::uint64_t kCount = 100'000;
  ShardLink link;
  std::binary_semaphore wake{0};
  std::thread receiver([&] {
    engine::Envelope envelope;
    for (std::uint64_t taken = 0; taken < kCount;) {
      for (int i = 0; i < 50 && link.take(envelope); ++i) EXPECT_EQ(envelope.round, ++taken);
      if (link.report_done()) wake.release();
    }
  });
  for (std::uint64_t i = 1; i <= kCount; ++i) {
    link.send({i, publishes(ShardLink::kMostUnderWay / 64).mail});
    while (link.behind()) wake.acquire();
  }
  receiver.join();
}

}  // namespace
}  // namespace polymq::server
