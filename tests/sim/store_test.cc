// Promises of what is kept in a simulation: the store, its disk, and what clients were told.
#include "store.h"

#include <gtest/gtest.h>

#include <memory>

#include "declarations.h"
#include "disk.h"

namespace polymq::sim {
namespace {

/// A store with a disk of its own.
class StoreTest : public ::testing::Test {
 protected:
  Store& store(StoreFaults faults = {}) {
    disk_.start(1);
    disk_.queues_known(100);
    store_ = std::make_unique<Store>(1, faults, log_, disk_, 0);
    store_->open_queue(1, 0);
    return *store_;
  }
  /// Message A of queue 1.
  static storage::MessageRecord record(std::uint64_t position = 7) {
    return {.queue = 1,
            .position = position,
            .exchange = "e",
            .routing_key = "k",
            .body = std::string_view("A\0\0\0\0\0\0\0", 8)};
  }
  std::vector<storage::CommitEnd> ended() {
    std::vector<storage::CommitEnd> ended;
    store_->take_ended(ended);
    return ended;
  }

  EventLog log_{false};
  Disk disk_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, FindsWhatIsStoredTwice) {
  Store& kept = store();
  kept.append(record());
  EXPECT_THROW(kept.append(record()), Violation);
  kept.settle(1, 7, 7);
  EXPECT_EQ(kept.kept(), 0u);
}

TEST_F(StoreTest, TellsWhatBecameOfACommit) {
  const StoredName name{65, "e", "k"};
  for (const unsigned fail_percent : {0u, 100u}) {
    const Store::State end = fail_percent == 0 ? Store::State::kDurable : Store::State::kFailed;
    Store& kept = store({.fail_percent = fail_percent});
    EXPECT_EQ(kept.appended(name), Store::State::kUnknown);
    kept.append(record(7 + fail_percent));
    kept.seal(0);
    EXPECT_EQ(kept.appended(name, 1), Store::State::kUnderWay);
    EXPECT_EQ(kept.appended(name, 2), Store::State::kUnknown);
    EXPECT_EQ(ended().size(), 1u);
    EXPECT_EQ(kept.appended(name), end);
    kept.settle(1, 7, 107);
    kept.seal(0);
    EXPECT_EQ(kept.settled(name, 1), Store::State::kUnderWay);
    EXPECT_EQ(ended().size(), 1u);
    EXPECT_EQ(kept.settled(name, 1), end);
  }
}

TEST_F(StoreTest, KeepsWhatIsDurableAndGivesItBack) {
  Store& kept = store();
  for (const std::uint64_t position : {1, 2, 3}) kept.append(record(position));
  kept.settle(1, 2, 2);  // never written
  kept.handed_out(1, 3);
  kept.seal(0);
  EXPECT_EQ(kept.readable_below(1), 0u) << "not durable yet";
  ended();
  EXPECT_EQ(kept.readable_below(1), 4u);
  kept.returned(1, 3, 2, 1);
  kept.seal(0);
  ended();
  kept.append(record(4));  // staged only
  const storage::StoredQueue found = [&] {
    disk_.start(1);
    store_ = std::make_unique<Store>(1, StoreFaults{}, log_, disk_, 0);
    return store_->open_queue(1, 0);
  }();
  EXPECT_EQ(found.next_position, 4u);
  ASSERT_EQ(found.ranges.size(), 2u);
  EXPECT_EQ(found.ranges[0].first, 1u);
  EXPECT_EQ(found.ranges[1].first, 3u);
  EXPECT_EQ(found.ranges[1].body_bytes, 8u);
  std::vector<storage::ReadMessages> read;
  for (std::uint64_t from = 1; from < found.next_position; from = read.back().next) {
    store_->read(1, from, 1000);
    store_->take_read(read);
    for (const storage::MessageRecord& message : read.back().messages) {
      EXPECT_TRUE(message.delivered) << "position 1 was handed out, 3 was returned";
      EXPECT_EQ(message.acquired, message.position == 3 ? 2 : 0);
      EXPECT_EQ(message.body.size(), 8u);
    }
  }
}

TEST_F(StoreTest, KeepsTheLastWordOnALease) {
  Store& kept = store();
  const auto until = [](WallMs deadline) {
    return storage::Lease{.first = 1, .begun = 2, .deadline = deadline, .life = 3};
  };
  for (const std::uint64_t position : {1, 2, 3, 4}) kept.append(record(position));
  for (const std::uint64_t position : {1, 2, 3}) kept.lent(1, position, 1, 0, until(10));
  kept.lent(1, 9, 1, 0, until(10));  // which is not there
  kept.seal(0);
  kept.lent(1, 1, 2, 1, until(20));
  kept.returned(1, 2, 1, 1);
  kept.settle(1, 3, 3);
  kept.seal(0);
  ended();
  kept.returned(1, 4, 1, 0);
  kept.lent(1, 4, 2, 0, until(30));
  kept.seal(0);
  ended();
  kept.lent(1, 1, 3, 2, until(40));  // staged only
  disk_.start(1);
  store_ = std::make_unique<Store>(1, StoreFaults{}, log_, disk_, 0);
  const std::vector<storage::StoredLease> leases = store_->open_queue(1, 0).leases;
  ASSERT_EQ(leases.size(), 2u);
  EXPECT_EQ(leases[0], (storage::StoredLease{1, until(20)}));
  EXPECT_EQ(leases[1], (storage::StoredLease{4, until(30)}));
  EXPECT_EQ(disk_.queue(1)->find(1)->record.acquired, 2);
  EXPECT_EQ(disk_.queue(1)->find(1)->record.failed, 1);
  EXPECT_EQ(disk_.queue(1)->find(2)->record.failed, 1);
}

TEST_F(StoreTest, KeepsNothingOfAQueueThatIsNotKnown) {
  Store& kept = store();
  kept.open_queue(101, 0);
  storage::MessageRecord early = record();
  early.queue = 101;
  kept.append(early);
  kept.seal(0);
  EXPECT_TRUE(ended().empty());
  kept.queues_known(101);
  EXPECT_EQ(ended().size(), 1u);
}

TEST(Disk, WritesAUnitWithAllItsPartsOrNotAtAll) {
  Disk disk;
  disk.start(2);
  disk.submit(0, {.changes = {Batch::HandedOut{1, 5}}});
  disk.submit(0, {.changes = {Batch::HandedOut{1, 6}}, .parts = {{9, 2}}});
  disk.submit(1, {.changes = {Batch::HandedOut{2, 7}}});
  EXPECT_TRUE(disk.write(0, storage::CommitEnd::kDurable));
  EXPECT_FALSE(disk.write(0, storage::CommitEnd::kDurable)) << "half of the unit is missing";
  disk.submit(1, {.changes = {Batch::HandedOut{2, 8}}, .parts = {{9, 2}}});
  EXPECT_TRUE(disk.write(0, storage::CommitEnd::kDurable));
  EXPECT_EQ(disk.queue(1)->handed_out, 6u);
  EXPECT_EQ(disk.queue(2)->handed_out, 8u) << "with all that was before it";
  EXPECT_TRUE(disk.has_ended(1));
}

TEST(Declarations, FindWhatIsNotThereThoughItWasSaid) {
  const Declarations::Name name{Declarations::Kind::kQueue, 1, "q"};
  storage::MetadataImage image;
  image.vhosts.emplace_back().id = 1;
  Declarations told;
  told.end(name, true, told.begin(name, true), true, {5, 0});
  EXPECT_THROW(told.restarted(image), Violation);
  image.queues.emplace_back();
  image.queues.back().id = 5;
  image.queues.back().vhost = 1;
  image.queues.back().name = "q";
  EXPECT_NO_THROW(told.restarted(image));
  told.end(name, false, told.begin(name, false), true, {});
  EXPECT_THROW(told.restarted(image), Violation);
}

TEST(Declarations, CountAnAnswerBesideTheSameRequest) {
  const Declarations::Name name{Declarations::Kind::kQueue, 1, "q"};
  storage::MetadataImage image;
  image.vhosts.emplace_back().id = 1;
  Declarations told;
  told.begin(name, true);
  told.end(name, true, told.begin(name, true), true, {5, 0});
  EXPECT_THROW(told.restarted(image), Violation);
}

TEST(Declarations, KnowNothingOfOperationsThatOverlap) {
  const Declarations::Name name{Declarations::Kind::kQueue, 1, "q"};
  Declarations told;
  const auto adding = told.begin(name, true);
  const auto removing = told.begin(name, false);
  told.end(name, false, removing, true, {});
  told.end(name, true, adding, true, {5, 0});
  storage::MetadataImage image;
  image.vhosts.emplace_back().id = 1;
  EXPECT_NO_THROW(told.restarted(image));
}

}  // namespace
}  // namespace polymq::sim
