// Promises of a held journal: a point is found under load, nothing behind it changes, no segment
// goes meanwhile, and whoever cannot have it is told why.
#include <gmock/gmock.h>

#include <chrono>
#include <condition_variable>
#include <functional>

#include "storage/journal/journal_store.h"
#include "storage/testing/simulated_disk.h"

namespace polymq::storage::journal {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kQueue = 7;
constexpr std::uint64_t kSegment = 64 * 1024;
/// Three of them fill a segment.
const std::string kLarge(16'000, 'x');

class JournalHoldTest : public testing::Test {
 protected:
  void start() {
    journal_.emplace(disk_.files(), JournalOptions{.segment_size = kSegment, .spares = 0},
                     JournalId{1, 2}, 1, 1, SegmentTable());
    journal_->connect(0, [this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      changed_.notify_all();
    });
    store_.emplace(*journal_, 0);
    store_->open_queue(kQueue, 3);
    journal_->queues_known(UINT64_MAX);
    ASSERT_TRUE(journal_->start());
  }
  /// Stores the next message, and says how that ended.
  CommitEnd keep() {
    store_->append({.queue = kQueue, .position = ++kept_, .routing_key = "k", .body = kLarge});
    return commit();
  }
  JournalState state() {
    std::vector<EndedBatch> none;  // nobody waits for one when this is asked
    return journal_->take_ended(0, none).state;
  }
  void settle_all() {
    store_->settle(kQueue, 1, kept_);
    EXPECT_EQ(commit(), CommitEnd::kDurable);
  }
  CommitEnd commit() {
    store_->await_staged();
    store_->seal(1);
    std::vector<CommitEnd> ended;
    await([&] {
      store_->take_ended(ended);
      return !ended.empty();
    });
    return ended.empty() ? CommitEnd::kUnknown : ended.front();
  }
  void await(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!done()) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, 5ms, [&] { return woken_; });
      woken_ = false;
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it does not come";
    }
  }
  std::vector<std::string> names() { return *disk_.files()->list(); }

  SimulatedDisk disk_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::uint64_t kept_ = 0;
  std::optional<Journal> journal_;
  std::optional<JournalStore> store_;
};

TEST_F(JournalHoldTest, NothingUpToTheCutChangesAndNothingOfItGoes) {
  start();
  for (int i = 0; i < 7; ++i) ASSERT_EQ(keep(), CommitEnd::kDurable);
  const auto cut = journal_->hold();
  ASSERT_TRUE(cut) << cut.error().text;
  EXPECT_EQ(*cut, 3u);
  std::map<SegmentNumber, std::string> before;
  for (SegmentNumber number = 1; number <= *cut; ++number) {
    before[number] = disk_.content(segment_name(number));
  }
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 4; ++i) ASSERT_EQ(keep(), CommitEnd::kDurable);
    settle_all();
  }
  for (const auto& [number, content] : before) {
    ASSERT_THAT(names(), Contains(segment_name(number)));
    EXPECT_EQ(disk_.content(segment_name(number)), content);
  }
  journal_->release();
  await([&] { return !testing::Matches(Contains(segment_name(1)))(names()); });
}

TEST_F(JournalHoldTest, IsHadAtOnceWhenNothingWasWritten) {
  start();
  EXPECT_EQ(journal_->hold().value_or(99), 0u);
  journal_->release();
  EXPECT_EQ(keep(), CommitEnd::kDurable);
  EXPECT_EQ(journal_->hold().value_or(99), 1u);
  journal_->release();
  EXPECT_EQ(journal_->hold().value_or(99), 1u) << "an empty segment is not ended";
  journal_->release();
}

TEST_F(JournalHoldTest, IsForOneAtATime) {
  start();
  ASSERT_TRUE(journal_->hold());
  EXPECT_THAT(journal_->hold().error().text, HasSubstr("under way already"));
  journal_->release();
  EXPECT_TRUE(journal_->hold());
  journal_->release();
}

TEST_F(JournalHoldTest, OnAFullDiskTheOpenSegmentStaysOpen) {
  disk_.set_capacity(kSegment * 3 / 2);
  start();
  ASSERT_EQ(keep(), CommitEnd::kDurable);
  await([&] { return state() == JournalState::kShortOfSpace; });
  const auto cut = journal_->hold();
  ASSERT_FALSE(cut);
  EXPECT_TRUE(cut.error().no_space);
  EXPECT_THAT(cut.error().text, HasSubstr("is full"));
  settle_all();  // there is room for it
  disk_.set_capacity(UINT64_MAX);
  await([&] { return state() == JournalState::kOpen; });
  EXPECT_TRUE(journal_->hold());
  journal_->release();
}

TEST_F(JournalHoldTest, AFailedJournalIsNotBackedUp) {
  start();
  ASSERT_EQ(keep(), CommitEnd::kDurable);
  disk_.fail_sync_after(0);
  EXPECT_EQ(keep(), CommitEnd::kFailed);
  EXPECT_THAT(journal_->hold().error().text, HasSubstr("has failed"));
}

}  // namespace
}  // namespace polymq::storage::journal
