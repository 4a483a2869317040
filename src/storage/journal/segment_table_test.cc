// Promises of the table of segments: which one may go, and when.
#include "storage/journal/segment_table.h"

#include <gmock/gmock.h>

namespace polymq::storage::journal {
namespace {

SegmentTable::Segment segment_of(std::uint64_t size) {
  SegmentTable::Segment segment;
  segment.size = size;
  return segment;
}
SegmentTable::Segment sealed(std::uint64_t size = 1000) {
  SegmentTable::Segment segment = segment_of(size);
  segment.sealed = true;
  return segment;
}

TEST(SegmentTable, TheOldestMayGoWhenNothingInItCounts) {
  SegmentTable table;
  table.add(1, sealed());
  table.add(2, sealed());
  table.chunk_placed(1, 100);
  table.chunk_placed(1, 50);
  EXPECT_FALSE(table.chunk_shrunk({1, 100, true}));
  EXPECT_EQ(table.removable(), std::nullopt);
  EXPECT_TRUE(table.chunk_shrunk({1, 50, true}));
  EXPECT_EQ(table.removable(), 1u);
  table.remove(1);
  EXPECT_EQ(table.find(1), nullptr);
  EXPECT_EQ(table.removable(), 2u) << "it is the oldest now";
}

TEST(SegmentTable, NoMoreLivesThanThereIsHoweverManyShareIt) {
  SegmentTable table;
  table.add(1, sealed(1000));
  table.chunk_placed(1, 4000);
  EXPECT_EQ(table.live_bytes(), 1000u);
  table.chunk_shrunk({1, 2000, false});
  EXPECT_EQ(table.live_bytes(), 1000u);
  EXPECT_TRUE(table.sparse(1000).empty()) << "moving them would write more than it frees";
  table.chunk_shrunk({1, 1500, false});
  EXPECT_EQ(table.live_bytes(), 500u);
  EXPECT_EQ(table.sparse(1000).size(), 1u);
}

TEST(SegmentTable, ANewerOneWaitsUntilWhatItSaysWasSaidAgain) {
  SegmentTable table;
  table.add(1, sealed());
  table.add(2, sealed(500));
  table.add(3, sealed(700));
  table.chunk_placed(1, 100);
  EXPECT_EQ(table.removable(), std::nullopt) << "it may settle what is in segment 1";
  EXPECT_EQ(table.waiting_bytes(), 1200u);
  table.restated(3);
  EXPECT_EQ(table.removable(), 2u);
  EXPECT_EQ(table.waiting_bytes(), 700u);
  table.remove(2);
  EXPECT_EQ(table.removable(), std::nullopt);
}

TEST(SegmentTable, WhatIsOpenReadOrDamagedStays) {
  SegmentTable table;
  SegmentTable::Segment& segment = table.add(1, segment_of(1000));
  EXPECT_EQ(table.removable(), std::nullopt) << "it is written to";
  segment.sealed = true;
  segment.readers = 1;
  EXPECT_EQ(table.removable(), std::nullopt) << "it is read from";
  segment.readers = 0;
  segment.damaged = true;
  EXPECT_EQ(table.removable(), std::nullopt) << "somebody should look at it";
  segment.damaged = false;
  EXPECT_EQ(table.removable(), 1u);
}

TEST(SegmentTable, CountsBytes) {
  SegmentTable table;
  table.add(1, sealed(1000));
  table.add(2, segment_of(3000));
  table.chunk_placed(1, 100);
  table.chunk_placed(2, 200);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.bytes(), 4000u);
  EXPECT_EQ(table.live_bytes(), 300u);
  table.chunk_shrunk({2, 200, true});
  EXPECT_EQ(table.live_bytes(), 100u);
  EXPECT_EQ(table.find(2)->live_chunks, 0u);
}

}  // namespace
}  // namespace polymq::storage::journal
