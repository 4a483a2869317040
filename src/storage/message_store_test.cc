// Promises that every message store keeps. What a store of durable messages owes and one that lives
// only as long as its process does not, the suite asks for by Backend::keeps.
#include "storage/message_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "storage/testing/message_store_contract.h"

namespace polymq::storage {
namespace {

using testing::Bodies;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kOther;
using testing::kQueue;
using testing::MessageStoreContract;
using ::testing::SizeIs;

constexpr CommitEnd kDurable = CommitEnd::kDurable;

// --- commits ------------------------------------------------------------------------------------
TEST_P(MessageStoreContract, WhereNothingIsStagedThereIsNothingToWaitFor) {
  turn();
  EXPECT_EQ(store().await_staged(), 0u);
  EXPECT_EQ(store().await_everything(), 0u);
  EXPECT_EQ(store().seal_due(), kNever);
  std::vector<CommitEnd> ended;
  store().take_ended(ended);
  EXPECT_THAT(ended, IsEmpty());
  EXPECT_FALSE(store().has_news());
  EXPECT_FALSE(store().behind());
  EXPECT_FALSE(store().refuses());
}

TEST_P(MessageStoreContract, CommitsAreNumberedFromOneAndEndOnceEachInOrder) {
  for (CommitNumber number = 1; number <= 20; ++number) {
    append(kQueue, number, "x");
    EXPECT_EQ(store().await_staged(), number);
    store().seal(now_);
    store().flush();  // it may wait for the one before, otherwise
  }
  std::vector<CommitEnd> ended{CommitEnd::kUnknown};
  await(store(), [&] {
    store().take_ended(ended);
    return ended.size() >= 21;
  });
  EXPECT_THAT(ended, SizeIs(21));
  EXPECT_EQ(ended.front(), CommitEnd::kUnknown) << "ends go behind those that are there";
  ended.erase(ended.begin());
  EXPECT_THAT(ended, Each(kDurable));
  ended.clear();
  store().take_ended(ended);
  EXPECT_THAT(ended, IsEmpty());
}

TEST_P(MessageStoreContract, WhenACommitHasEndedTheShardIsWokenOrFindsNews) {
  append(kQueue, 1, "x");
  EXPECT_EQ(store().await_staged(), 1u);
  store().seal(now_);
  ASSERT_TRUE(await_news(store()));
  std::vector<CommitEnd> ended;
  store().take_ended(ended);
  EXPECT_THAT(ended, ElementsAre(kDurable));
  EXPECT_FALSE(store().has_news());
}

TEST_P(MessageStoreContract, EachShardHasNumbersOfItsOwn) {
  for (int i = 0; i < 3; ++i) {
    append(kQueue, i + 1, "x");
    EXPECT_EQ(commit(), kDurable);
  }
  append(kOther, 1, "x");
  EXPECT_EQ(store(kOther).await_staged(), 1u);
  EXPECT_EQ(commit(kOther), kDurable);
}

TEST_P(MessageStoreContract, WhatIsStagedBetweenTwoSealsIsOneCommit) {
  append(kQueue, 1, "one");
  EXPECT_EQ(store().await_staged(), 1u);
  append(kQueue, 2, "two");
  store().settle(kQueue, 1, 1);
  EXPECT_EQ(store().await_staged(), 1u);
  EXPECT_EQ(store().await_everything(), 1u);
  store().seal(now_);
  EXPECT_EQ(store().await_staged(), 0u) << "it is sealed";
  EXPECT_EQ(store().await_everything(), 1u) << "and has not been told";
  append(kQueue, 3, "three");
  EXPECT_EQ(store().await_staged(), 2u);
  EXPECT_EQ(store().await_everything(), 2u);
  EXPECT_EQ(end_of(2), kDurable);
  EXPECT_EQ(store().await_everything(), 0u);
}

TEST_P(MessageStoreContract, WhatNobodyWaitsForIsHandedOverWhenItIsDue) {
  append(kQueue, 1, "x");
  store().seal(now_);
  if (const MonotonicMs due = store().seal_due(); due != kNever) {
    EXPECT_GT(due, now_);
    store().seal(due);
  }
  EXPECT_EQ(store().seal_due(), kNever);
  EXPECT_EQ(store().await_staged(), 0u);
  EXPECT_EQ(end_of(1), kDurable);
}

TEST_P(MessageStoreContract, FlushHandsOverWhatNobodyWaitsFor) {
  append(kQueue, 1, "x");
  store().flush();
  EXPECT_EQ(store().seal_due(), kNever);
  EXPECT_EQ(store().await_staged(), 0u);
  std::vector<CommitEnd> ended;
  await(store(), [&] {
    store().take_ended(ended);
    return !ended.empty();
  });
  EXPECT_THAT(ended, ElementsAre(kDurable));
}

TEST_P(MessageStoreContract, PublishersShouldWaitWhileMuchIsStaged) {
  const std::string body(std::size_t{1} << 20, 'x');
  for (std::uint64_t position = 1; position <= 40; ++position) append(kQueue, position, body);
  EXPECT_EQ(store().behind(), GetParam().keeps);
  store().settle(kQueue, 1, 40);
  EXPECT_FALSE(store().behind());
}

TEST_P(MessageStoreContract, CommitsEndDurableUnderEverySyncPolicy) {
  std::uint64_t position = 0;
  for (const auto policy : {SyncPolicy::kAlways, SyncPolicy::kInterval, SyncPolicy::kNever}) {
    store().set_sync(kQueue, policy);
    append(kQueue, ++position, "x");
    EXPECT_EQ(commit(), kDurable);
  }
  store().set_sync(kQueue, std::nullopt);
  append(kQueue, ++position, "x");
  EXPECT_EQ(commit(), kDurable);
  restart();
  EXPECT_THAT(all(), SizeIs(kept(4u)));
}

// --- messages -----------------------------------------------------------------------------------
TEST_P(MessageStoreContract, AQueueThatWasNeverHeardOfIsEmpty) {
  EXPECT_THAT(found().ranges, IsEmpty());
  EXPECT_THAT(found().priorities, IsEmpty());
  EXPECT_THAT(found().leases, IsEmpty());
  EXPECT_EQ(found().next_position, 1u);
  EXPECT_FALSE(store().unmarked(kQueue).covers(1));
}

TEST_P(MessageStoreContract, AMessageCanBeReadOnceItIsDurableAndAfterARestart) {
  const MessageRecord whole{.queue = kQueue,
                            .position = 5,
                            .enqueued = 77,
                            .dialect = 3,
                            .priority = 9,
                            .exchange = "exchange",
                            .routing_key = "key",
                            .properties = "properties",
                            .body = "body",
                            .ttl_ms = 1000,
                            .extension = "extension",
                            .acquired = 4,
                            .failed = 2,
                            .delivered = true};
  store().append(whole);
  EXPECT_LE(store().readable_below(kQueue), 5u) << "it is not durable";
  EXPECT_EQ(commit(), kDurable);
  EXPECT_EQ(store().readable_below(kQueue), kept(std::uint64_t{6}));
  EXPECT_EQ(read(kQueue, {{0, kLastPosition}}), kept(std::vector{whole}));
  restart();
  EXPECT_EQ(store().readable_below(kQueue), kept(std::uint64_t{6}));
  EXPECT_EQ(read(kQueue, {{0, kLastPosition}}), kept(std::vector{whole}));
}

TEST_P(MessageStoreContract, AQueueIsOpenedWithWhatIsThere) {
  const auto put = [&](std::uint64_t position, std::optional<std::uint8_t> priority,
                       std::int64_t ttl) {
    store().append({.queue = kQueue,
                    .position = position,
                    .priority = priority,
                    .body = "12345",
                    .ttl_ms = ttl});
  };
  put(1, 3, -1);
  put(2, 3, 1000);
  put(3, std::nullopt, -1);
  put(7, std::nullopt, 1000);
  EXPECT_EQ(commit(), kDurable);
  put(8, 1, 1000);
  put(9, 1, -1);
  EXPECT_EQ(commit(), kDurable);
  store().settle(kQueue, 9, 9);
  EXPECT_EQ(commit(), kDurable);
  restart();
  EXPECT_EQ(found().ranges, kept(std::vector<StoredRange>{{1, 3, 15, 1}, {7, 8, 10, 2}}));
  EXPECT_EQ(found().priorities, kept(std::vector<PriorityRun>{{2, 3}, {2, {}}, {1, 1}}));
  EXPECT_EQ(found().next_position, GetParam().keeps ? 10u : 1u) << "also of what is settled";
}

TEST_P(MessageStoreContract, WhatIsSettledIsGoneForGood) {
  for (std::uint64_t position = 10; position <= 20; position += 2) append(kQueue, position, "x");
  EXPECT_EQ(commit(), kDurable);
  store().settle(kQueue, 1, 12);  // most of these it does not have
  store().settle(kQueue, 17, 19);
  store().settle(kQueue, 20, 20);
  EXPECT_EQ(commit(), kDurable);
  EXPECT_EQ(all(), kept(Bodies{{14, "x"}, {16, "x"}}));
  restart();
  EXPECT_EQ(all(), kept(Bodies{{14, "x"}, {16, "x"}}));
}

TEST_P(MessageStoreContract, WhatIsSettledBeforeItIsSealedIsNeverThere) {
  append(kQueue, 1, "one");
  append(kQueue, 2, "two");
  append(kQueue, 3, "three");
  store().settle(kQueue, 2, 3);
  EXPECT_EQ(commit(), kDurable);
  append(kQueue, 4, "four");
  store().settle(kQueue, 4, 4);
  EXPECT_EQ(commit(), kDurable) << "also one that has nothing to say any more";
  EXPECT_EQ(all(), kept(Bodies{{1, "one"}}));
  restart();
  EXPECT_EQ(all(), kept(Bodies{{1, "one"}}));
}

TEST_P(MessageStoreContract, TheLogsOfAQueueHaveTheirOwnPositions) {
  const std::uint64_t ids = log_of(kQueue, LogPart::kSeenIds);
  const std::uint64_t history = log_of(kQueue, LogPart::kHistory);
  append(kQueue, 1, "message");
  append(ids, 1, "id");
  append(history, 1, "history");
  append(history, 2, "history");
  EXPECT_EQ(commit(), kDurable);
  store().settle(kQueue, 1, 1);
  store().settle(history, 1, 1);
  EXPECT_EQ(commit(), kDurable);
  restart();
  EXPECT_THAT(all(kQueue), IsEmpty());
  EXPECT_EQ(all(ids), kept(Bodies{{1, "id"}}));
  EXPECT_EQ(all(history), kept(Bodies{{2, "history"}}));
}

// --- reading ------------------------------------------------------------------------------------
TEST_P(MessageStoreContract, AReadGivesWhatWasAskedForInOrder) {
  for (std::uint64_t position = 1; position <= 9; ++position) append(kQueue, position, "x");
  EXPECT_EQ(commit(), kDurable);
  std::vector<std::uint64_t> positions;
  for (const MessageRecord& message : read(kQueue, {{2, 4}, {4, 5}, {7, 8}, {20, 30}})) {
    positions.push_back(message.position);
  }
  EXPECT_EQ(positions, kept(std::vector<std::uint64_t>{2, 3, 4, 7}));
  EXPECT_EQ(next_, kept(kLastPosition)) << "that is all";
}

TEST_P(MessageStoreContract, AReadGivesNoMoreThanAboutSoManyBytesButOneMessageAtLeast) {
  constexpr std::uint64_t kMessages = 10;
  for (std::uint64_t position = 1; position <= kMessages; ++position) {
    append(kQueue, position, std::string(1000, 'x'));
  }
  EXPECT_EQ(commit(), kDurable);
  EXPECT_THAT(read(kQueue, {{1, kLastPosition}}, 1), SizeIs(kept(1u)));
  EXPECT_EQ(next_, kept(std::uint64_t{2}));
  std::uint64_t reads = 0;
  Bodies bodies;
  for (next_ = 0; next_ < kept(kLastPosition); ++reads) {
    const std::uint64_t from = next_;
    for (const MessageRecord& message : read(kQueue, {{from, kLastPosition}}, 3500)) {
      EXPECT_GE(message.position, from);
      EXPECT_LT(message.position, next_);
      EXPECT_TRUE(bodies.emplace(message.position, message.body).second);
    }
  }
  EXPECT_THAT(bodies, SizeIs(kept(kMessages)));
  EXPECT_GE(reads, kept(std::uint64_t{3}));
  EXPECT_LE(reads, kMessages);
}

// --- counts, marks and leases -------------------------------------------------------------------
TEST_P(MessageStoreContract, WhatCameBackFromAConsumerHasItsCountsAfterARestart) {
  for (std::uint64_t position = 1; position <= 3; ++position) append(kQueue, position, "x");
  EXPECT_EQ(commit(), kDurable);
  append(kQueue, 4, "x");
  store().returned(kQueue, 2, 7, 5);
  store().returned(kQueue, 4, 3, 1);  // before it is sealed
  store().returned(kQueue, 9, 1, 1);  // nobody has it
  store().flush();
  EXPECT_EQ(end_of(2), kDurable);
  restart();
  std::vector<std::pair<int, int>> counts;
  for (const MessageRecord& message : read(kQueue, {{0, kLastPosition}})) {
    counts.emplace_back(message.acquired, message.failed);
  }
  EXPECT_EQ(counts, kept(std::vector<std::pair<int, int>>{{0, 0}, {7, 5}, {0, 0}, {3, 1}}));
}

TEST_P(MessageStoreContract, WhatIsHandedOutIsUnmarkedUntilThatIsDurable) {
  append(kQueue, 1, "x");
  append(kQueue, 2, "x");
  EXPECT_FALSE(store().unmarked(kQueue).covers(1)) << "it is still being staged";
  EXPECT_EQ(commit(), kDurable);
  EXPECT_EQ(store().unmarked(kQueue).covers(1), GetParam().keeps);
  store().handed_out(kQueue, 2);
  if (const CommitNumber last = store().await_everything(); last != 0) {
    EXPECT_TRUE(store().unmarked(kQueue).covers(1)) << "that is what is waited for";
    EXPECT_EQ(end_of(last), kDurable);
  }
  EXPECT_FALSE(store().unmarked(kQueue).covers(1));
  EXPECT_EQ(store().unmarked(kQueue).covers(2), GetParam().keeps);
  restart();
  EXPECT_FALSE(store().unmarked(kQueue).covers(1));
  EXPECT_EQ(store().unmarked(kQueue).covers(2), GetParam().keeps);
  std::vector<bool> delivered;
  for (const MessageRecord& message : read(kQueue, {{0, kLastPosition}})) {
    delivered.push_back(message.delivered);
  }
  EXPECT_EQ(delivered, kept(std::vector<bool>{true, false}));
}

TEST_P(MessageStoreContract, LeasesAreKnownUntilTheyEnd) {
  const Lease first{10, 20, 30, 40};
  const Lease longer{10, 20, 90, 40};
  for (std::uint64_t position = 1; position <= 6; ++position) append(kQueue, position, "x");
  for (std::uint64_t position = 1; position <= 6; ++position) {
    store().lent(kQueue, position, 1, 0, first);
  }
  store().returned(kQueue, 5, 1, 0);  // before it is sealed
  store().settle(kQueue, 6, 6);
  EXPECT_EQ(commit(), kDurable);
  store().lent(kQueue, 2, 6, 5, longer);
  store().returned(kQueue, 3, 1, 1);
  store().settle(kQueue, 4, 4);
  EXPECT_EQ(commit(), kDurable);
  restart();
  EXPECT_EQ(found().leases, kept(std::vector<StoredLease>{{1, first}, {2, longer}}));
  const std::vector<MessageRecord> there = read(kQueue, {{2, 3}});
  ASSERT_THAT(there, SizeIs(kept(1u)));
  for (const MessageRecord& message : there) {
    EXPECT_EQ(message.acquired, 6u);
    EXPECT_EQ(message.failed, 5u);
    EXPECT_TRUE(message.delivered);
  }
}

// --- units --------------------------------------------------------------------------------------
TEST_P(MessageStoreContract, TheCommitsOfAUnitAreThereTogether) {
  append(kQueue, 1, "moves");
  EXPECT_EQ(commit(), kDurable);
  store(kQueue).join_unit(77, 2);
  store(kQueue).settle(kQueue, 1, 1);
  const CommitNumber gone = store(kQueue).await_staged();
  turn(kQueue);
  store(kOther).join_unit(77, 2);
  append(kOther, 1, "moved");
  EXPECT_EQ(commit(kOther), kDurable);
  EXPECT_EQ(end_of(gone, kQueue), kDurable);
  restart();
  EXPECT_THAT(all(kQueue), IsEmpty());
  EXPECT_EQ(all(kOther), kept(Bodies{{1, "moved"}}));
}

TEST_P(MessageStoreContract, APartOfAUnitIsNotThereWithoutTheOthers) {
  append(kQueue, 1, "stays");
  EXPECT_EQ(commit(), kDurable);
  store(kQueue).join_unit(77, 2);
  store(kQueue).settle(kQueue, 1, 1);
  append(kQueue, 2, "part");
  const CommitNumber part = store(kQueue).await_staged();
  turn(kQueue);
  append(kOther, 1, "another commit");
  EXPECT_EQ(commit(kOther), kDurable);
  store(kQueue).give_up();  // so that it ends at all
  EXPECT_EQ(end_of(part), failed());
  restart();
  EXPECT_EQ(all(kQueue), kept(Bodies{{1, "stays"}}));
}

TEST_P(MessageStoreContract, AUnitOfOnePartIsACommitLikeOthers) {
  store().join_unit(77, 1);
  append(kQueue, 1, "x");
  EXPECT_EQ(commit(), kDurable);
}

// --- queues that come and go --------------------------------------------------------------------
TEST_P(MessageStoreContract, OfAClosedQueueNothingIsSaidAnyMore) {
  append(kQueue, 1, "was sealed");
  EXPECT_EQ(commit(), kDurable);
  const std::uint64_t ids = log_of(kQueue, LogPart::kSeenIds);
  {
    const std::string body(2000, 'x');
    store().append({.queue = kQueue, .position = 2, .body = body});
    store().append({.queue = ids, .position = 1, .body = body});
    store().close_queue(kQueue);
  }  // the views have ended
  store().settle(kQueue, 1, 1);
  EXPECT_EQ(commit(), kDurable) << "who waits for it is told";
  EXPECT_EQ(store().readable_below(kQueue), 0u);
  EXPECT_TRUE(store().unmarked(kQueue).empty());
  restart();
  EXPECT_EQ(all(kQueue), kept(Bodies{{1, "was sealed"}})) << "the metadata has not forgotten it";
  EXPECT_THAT(all(ids), IsEmpty());
}

TEST_P(MessageStoreContract, ARemovedQueueIsGoneAndHurtsNoOther) {
  const std::uint64_t neighbour = 8;  // of the same lane
  queues_[neighbour] = queues_[kQueue];
  restart();
  append(kQueue, 1, "x");
  append(log_of(kQueue, LogPart::kSeenIds), 1, "x");
  append(neighbour, 1, "stays");
  EXPECT_EQ(commit(), kDurable);
  store().close_queue(kQueue);
  queues_.erase(kQueue);
  store().remove_queue(kQueue);
  append(neighbour, 2, "too");
  EXPECT_EQ(commit(), kDurable);
  EXPECT_EQ(store().readable_below(kQueue), 0u);
  store().remove_queue(kQueue);  // it is said again after a restart, perhaps
  restart();
  EXPECT_EQ(all(neighbour), kept(Bodies{{1, "stays"}, {2, "too"}}));
}

TEST_P(MessageStoreContract, NothingIsKeptOfAQueueThatTheMetadataDoesNotKnowForGood) {
  const std::uint64_t later = 12;  // its declaration is under way
  store(later).open_queue(later, 2);
  append(later, 1, "x");
  const CommitNumber number = store(later).await_staged();
  turn(later);
  append(kOther, 1, "of one that is known");
  EXPECT_EQ(commit(kOther), kDurable) << "others need not wait";
  EXPECT_LE(store(later).readable_below(later), 1u) << "it is sealed, and not durable";
  store(later).give_up();
  EXPECT_EQ(end_of(number, later), failed());
}

TEST_P(MessageStoreContract, WhatWaitsForAQueueToBeKnownIsKeptWhenItIs) {
  const std::uint64_t later = 12;
  queues_[later] = 2;
  store(later).open_queue(later, 2);
  append(later, 1, "x");
  const CommitNumber number = store(later).await_staged();
  turn(later);
  store(kOther).queues_known(later);  // said by the shard that knows
  EXPECT_EQ(end_of(number, later), kDurable);
  restart();
  EXPECT_EQ(all(later), kept(Bodies{{1, "x"}}));
}

// --- when it cannot store -----------------------------------------------------------------------
TEST_P(MessageStoreContract, AfterGivingUpEverythingFailsAndNothingNewShouldCome) {
  append(kQueue, 1, "before");
  EXPECT_EQ(commit(), kDurable);
  store(kQueue).give_up();
  append(kQueue, 2, "after");
  EXPECT_EQ(commit(kQueue), failed());
  append(kOther, 1, "after");
  EXPECT_EQ(commit(kOther), failed()) << "it is said of all shards";
  EXPECT_EQ(store(kQueue).refuses(), GetParam().keeps);
  EXPECT_EQ(store(kOther).refuses(), GetParam().keeps);
  EXPECT_FALSE(store(kQueue).unmarked(kQueue).covers(1)) << "consumers may take what is there";
  restart();
  EXPECT_FALSE(store(kQueue).refuses());
  EXPECT_EQ(all(kQueue), kept(Bodies{{1, "before"}}));
  EXPECT_THAT(all(kOther), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Backends, MessageStoreContract,
                         ::testing::Values(testing::kMemory, testing::kJournal),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace
}  // namespace polymq::storage
