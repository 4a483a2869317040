// Promises of segment files: spares are used again as a new generation, half-made files go, and a
// full disk is told in time.
#include "storage/journal/segment_files.h"

#include <gmock/gmock.h>

#include "storage/journal/layout.h"
#include "storage/testing/simulated_disk.h"

namespace polymq::storage::journal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kSize = 8 * kBlock;
constexpr JournalId kJournal{3, 4};

class SegmentFilesTest : public testing::Test {
 protected:
  SegmentFilesTest() { segments_.hurry(true); }

  std::vector<std::string> names() { return *files_->list(); }
  PreparedSegment prepared(SegmentNumber number, std::uint64_t size = kSize) {
    auto made = segments_.prepare(number, size, SpaceUse::kLeaveFree);
    EXPECT_TRUE(made) << made.error().text;
    return *std::move(made);
  }
  void put(const std::string& name, const std::string& content) {
    auto file = files_->create(name);
    const std::string_view part = content;
    ASSERT_TRUE((*file)->write(0, {&part, 1}));
  }

  SimulatedDisk disk_;
  std::unique_ptr<Files> files_ = disk_.files();
  SegmentFiles segments_{*files_, kJournal, kSize, 1, 0};
};

TEST_F(SegmentFilesTest, ASegmentIsThereAfterACrash) {
  const PreparedSegment made = prepared(5);
  EXPECT_EQ(made.header, (SegmentHeader{5, 0, kSize, kJournal}));
  const auto lose_all = [](std::uint64_t below) { return below == 2 ? 1 : 0; };
  const SimulatedDisk after = disk_.crashed(lose_all);
  const std::string content = after.content(segment_name(5));
  EXPECT_EQ(content.size(), kSize);
  EXPECT_EQ(*decode_segment_header(content), made.header);
  EXPECT_EQ(content.substr(kSegmentHeader), std::string(kSize - kSegmentHeader, '\0'));
}

TEST_F(SegmentFilesTest, ALargerOneIsMadeOfWholeBlocks) {
  EXPECT_EQ(prepared(1, kSize + 1).header.size, kSize + kBlock);
  EXPECT_EQ(disk_.content(segment_name(1)).size(), kSize + kBlock);
}

TEST_F(SegmentFilesTest, ASpareIsUsedAgainAsTheNextGeneration) {
  prepared(1);
  ASSERT_TRUE(segments_.retire(1, kSize, 0));
  EXPECT_THAT(names(), ElementsAre(segment_name(1) + ".spare"));
  EXPECT_EQ(prepared(2).header.generation, 1u);
  EXPECT_THAT(names(), ElementsAre(segment_name(2)));
  ASSERT_TRUE(segments_.retire(2, kSize, 1));
  EXPECT_EQ(prepared(3).header, (SegmentHeader{3, 2, kSize, kJournal}));
}

TEST_F(SegmentFilesTest, ASpareThatACopyHasTooIsNotWrittenTo) {
  prepared(1);
  disk_.link(segment_name(1), "of the copy");
  const std::string before = disk_.content("of the copy");
  ASSERT_TRUE(segments_.retire(1, kSize, 0));
  EXPECT_EQ(prepared(2).header.generation, 0u) << "it is a new file";
  EXPECT_EQ(disk_.content("of the copy"), before);
  EXPECT_THAT(names(), ElementsAre(segment_name(2), "of the copy"));
}

TEST_F(SegmentFilesTest, NorIsOneOfAnEarlierRun) {
  put(segment_name(7) + ".spare",
      encode(SegmentHeader{7, 41, kSize, kJournal}) + std::string(kSize - kSegmentHeader, 'x'));
  disk_.link(segment_name(7) + ".spare", "of the copy");
  const std::string before = disk_.content("of the copy");
  ASSERT_TRUE(segments_.find_spares());
  EXPECT_EQ(prepared(8).header.generation, 0u);
  EXPECT_EQ(disk_.content("of the copy"), before);
}

TEST_F(SegmentFilesTest, ARetiredNumberIsNotFoundAfterACrash) {
  prepared(1);
  prepared(2, 2 * kSize);
  ASSERT_TRUE(segments_.retire(1, kSize, 0));
  ASSERT_TRUE(segments_.retire(2, 2 * kSize, 0)) << "no spare: its size is not the usual one";
  SimulatedDisk after = disk_.crashed([](std::uint64_t below) { return below == 2 ? 1 : 0; });
  EXPECT_THAT(*after.files()->list(), ElementsAre(segment_name(1) + ".spare"));
}

TEST_F(SegmentFilesTest, NoMoreSparesAreKeptThanAskedFor) {
  prepared(1);
  prepared(2);
  ASSERT_TRUE(segments_.retire(1, kSize, 0));
  ASSERT_TRUE(segments_.retire(2, kSize, 0));
  EXPECT_THAT(names(), ElementsAre(segment_name(1) + ".spare"));
}

TEST_F(SegmentFilesTest, ASegmentThatNeedsMoreLeavesTheSpareAlone) {
  prepared(1);
  ASSERT_TRUE(segments_.retire(1, kSize, 0));
  EXPECT_EQ(prepared(2, 3 * kSize).header.generation, 0u);
  EXPECT_EQ(prepared(3).header.generation, 1u);
}

TEST_F(SegmentFilesTest, SparesOfAnEarlierRunAreFoundAndHalfMadeFilesGo) {
  put(segment_name(7) + ".spare",
      encode(SegmentHeader{7, 41, kSize, kJournal}) + std::string(kSize - kSegmentHeader, 'x'));
  put(segment_name(8) + ".new", "half made");
  put(segment_name(9), "a segment, perhaps: that is not for this one to say");
  ASSERT_TRUE(segments_.find_spares());
  EXPECT_THAT(names(), ElementsAre(segment_name(7) + ".spare", segment_name(9)));
  EXPECT_EQ(prepared(10).header.generation, 42u);
  EXPECT_THAT(names(), ElementsAre(segment_name(9), segment_name(10)));
}

TEST_F(SegmentFilesTest, SparesThatDoNotFitGo) {
  const std::string rest(kSize - kSegmentHeader, '\0');
  put(segment_name(1) + ".spare", encode(SegmentHeader{1, 1, kSize, {9, 9}}) + rest);
  put(segment_name(2) + ".spare", encode(SegmentHeader{2, 1, kSize, kJournal}) + rest + "more");
  put(segment_name(3) + ".spare", std::string(kSize, '\0'));
  put(segment_name(4) + ".spare", "short");
  ASSERT_TRUE(segments_.find_spares());
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(prepared(5).header.generation, 0u);
}

TEST_F(SegmentFilesTest, OnAFullDiskNothingHalfMadeIsLeft) {
  disk_.set_capacity(kSize / 2);
  const auto made = segments_.prepare(1, kSize, SpaceUse::kLeaveFree);
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().no_space);
  EXPECT_THAT(names(), IsEmpty());
  disk_.set_capacity(kSize);
  prepared(1);
}

TEST_F(SegmentFilesTest, WhatIsToStayFreeStaysFree) {
  SegmentFiles careful(*files_, kJournal, kSize, 1, 10'000);
  careful.hurry(true);
  disk_.set_capacity(kSize + 9'999);
  const auto made = careful.prepare(1, kSize, SpaceUse::kLeaveFree);
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().no_space);
  EXPECT_THAT(made.error().text, HasSubstr("10000"));
  EXPECT_THAT(names(), IsEmpty());
  disk_.set_capacity(kSize + 10'000);
  EXPECT_TRUE(careful.prepare(1, kSize, SpaceUse::kLeaveFree));
}

TEST_F(SegmentFilesTest, AFailedSyncMakesNoSegment) {
  disk_.fail_sync_after(0);
  const auto made = segments_.prepare(1, kSize, SpaceUse::kLeaveFree);
  ASSERT_FALSE(made);
  EXPECT_FALSE(made.error().no_space);
  EXPECT_THAT(names(), IsEmpty());
}

}  // namespace
}  // namespace polymq::storage::journal
