// What the metadata file promises on a disk that is slow, full or broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "base/log.h"
#include "storage/sqlite_metadata.h"
#include "storage/testing/ends_collector.h"
#include "storage/testing/faulty_sqlite.h"
#include "storage/testing/rows.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::storage {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SqliteMetadataFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    log::set_level(log::Area::kStorage, log::Level::kOff);
    open();
  }
  void TearDown() override { log::set_level(log::Area::kStorage, log::Level::kInfo); }

  void open() {
    store_.reset();
    auto opened = SqliteMetadata::open(folder_.path() / "metadata.sqlite");
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
    store_->on_ended(collector_.wake());
  }
  void append(std::uint64_t version) { store_->append(version, {testing::queue_row(version)}); }
  std::vector<MetadataEnd> ended() {
    std::vector<MetadataEnd> ended;
    store_->take_ended(ended);
    return ended;
  }

  testing::TemporaryFolder folder_;
  testing::FaultySqlite disk_;
  testing::EndsCollector collector_;
  std::unique_ptr<SqliteMetadata> store_;
};

TEST_F(SqliteMetadataFaults, AnAppendHasNotEndedBeforeItsSync) {
  const std::size_t before = disk_.syncs();
  disk_.hold_syncs(true);
  append(1);
  disk_.await_held_sync();
  EXPECT_THAT(ended(), IsEmpty());
  EXPECT_EQ(store_->durable_version(), 0u);

  disk_.hold_syncs(false);
  EXPECT_THAT(collector_.await(*store_, 1), ElementsAre(MetadataEnd::kDurable));
  EXPECT_EQ(store_->durable_version(), 1u);
  EXPECT_GT(disk_.syncs(), before);
}

TEST_F(SqliteMetadataFaults, WhatIsAppendedDuringACommitSharesTheNextSync) {
  disk_.hold_syncs(true);
  append(1);
  disk_.await_held_sync();
  for (std::uint64_t version = 2; version <= 1000; ++version) append(version);
  const std::size_t before = disk_.syncs();
  disk_.hold_syncs(false);

  const auto ends = collector_.await(*store_, 1000);
  EXPECT_THAT(ends, SizeIs(1000));
  EXPECT_THAT(ends, Each(MetadataEnd::kDurable));
  EXPECT_LE(disk_.syncs() - before, 4u);
  EXPECT_EQ(store_->durable_version(), 1000u);
}

TEST_F(SqliteMetadataFaults, AFullDiskIsWaitedOut) {
  disk_.fill_disk(true);
  append(1);
  disk_.await_refused_writes(2);
  append(2);
  EXPECT_TRUE(store_->short_of_space());
  EXPECT_THAT(ended(), IsEmpty());

  disk_.fill_disk(false);
  EXPECT_THAT(collector_.await(*store_, 2),
              ElementsAre(MetadataEnd::kDurable, MetadataEnd::kDurable));
  EXPECT_FALSE(store_->short_of_space());
  open();
  EXPECT_THAT(store_->load().queues, SizeIs(2));
}

TEST_F(SqliteMetadataFaults, NothingIsReservedOnAFullDisk) {
  const auto first = store_->reserve_incarnations(10);
  ASSERT_TRUE(first);
  disk_.fill_disk(true);
  const auto refused = store_->reserve_incarnations(10);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("full"));

  disk_.fill_disk(false);
  const auto second = store_->reserve_incarnations(10);
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_EQ(*second, *first + 10);
}

TEST_F(SqliteMetadataFaults, ClosingDoesNotWaitForSpace) {
  append(1);
  ASSERT_THAT(collector_.await(*store_, 1), SizeIs(1));
  disk_.fill_disk(true);
  append(2);
  disk_.await_refused_writes(1);
  store_.reset();

  disk_.fill_disk(false);
  open();
  const MetadataImage image = store_->load();
  EXPECT_EQ(image.version, 1u);
  EXPECT_THAT(image.queues, SizeIs(1));
}

TEST_F(SqliteMetadataFaults, AfterAnErrorNothingIsKeptAnyMore) {
  append(1);
  ASSERT_THAT(collector_.await(*store_, 1), ElementsAre(MetadataEnd::kDurable));
  disk_.break_syncs(true);
  append(2);
  EXPECT_THAT(collector_.await(*store_, 1), ElementsAre(MetadataEnd::kFailed));

  disk_.break_syncs(false);
  append(3);
  append(2);
  EXPECT_THAT(collector_.await(*store_, 2),
              ElementsAre(MetadataEnd::kFailed, MetadataEnd::kFailed));
  EXPECT_FALSE(store_->reserve_incarnations(1));
  EXPECT_EQ(store_->durable_version(), 1u);
  open();
  EXPECT_EQ(store_->load().version, 1u);
}

TEST_F(SqliteMetadataFaults, WhatWasAppendedIsCommittedBeforeClosing) {
  disk_.hold_syncs(true);
  append(1);
  disk_.await_held_sync();
  for (std::uint64_t version = 2; version <= 50; ++version) append(version);
  disk_.hold_syncs(false);
  open();
  EXPECT_EQ(store_->load().version, 50u);
}

TEST_F(SqliteMetadataFaults, ADiskThatIsFullAtTheStartIsSaid) {
  store_.reset();
  disk_.fill_disk(true);
  const auto refused = SqliteMetadata::open(folder_.path() / "metadata.sqlite");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("metadata.sqlite: database or disk is full"));
}

}  // namespace
}  // namespace polymq::storage
