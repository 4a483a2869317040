// Promises of the heads of segments and commits: what was written is read, nothing else passes.
#include "storage/journal/segment.h"

#include <gmock/gmock.h>

#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

using testing::HasSubstr;

const SegmentHeader kSegment{0x1234, 7, 64 * 1024 * 1024, {0x1122334455667788, 99}};
const CommitHeader kCommit{.number = 41,
                           .size = 5000,
                           .chunks = 3,
                           .headers_checksum = 0xdeadbeef,
                           .synced = 39,
                           .ends_segment = false};

std::string with_flipped_bit(std::string bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  return bytes;
}

std::string refusal(std::string_view bytes) {
  const auto header = decode_segment_header(bytes);
  return header ? "" : header.error().text;
}

TEST(SegmentHeader, IsReadBackAsItWasWritten) {
  const std::string bytes = encode(kSegment);
  ASSERT_EQ(bytes.size(), kSegmentHeader);
  const auto header = decode_segment_header(bytes + "what follows does not matter");
  ASSERT_TRUE(header) << header.error().text;
  EXPECT_EQ(*header, kSegment);
}

TEST(SegmentHeader, NoFlippedBitPasses) {
  const std::string bytes = encode(kSegment);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    EXPECT_NE(refusal(with_flipped_bit(bytes, bit)), "") << "bit " << bit;
  }
}

TEST(SegmentHeader, IsRefusedForWhatIsWrongWithIt) {
  const std::string bytes = encode(kSegment);
  for (std::size_t size = 0; size < kSegmentHeader; ++size) {
    EXPECT_THAT(refusal(bytes.substr(0, size)), HasSubstr("cut off"));
  }
  EXPECT_THAT(refusal(std::string(kSegmentHeader, '\0')), HasSubstr("no segment"));
  EXPECT_THAT(refusal(with_flipped_bit(bytes, 7 * 8)), HasSubstr("another version"));
  EXPECT_THAT(refusal(with_flipped_bit(bytes, 20 * 8)), HasSubstr("checksum"));
}

TEST(SegmentHeader, EveryUseOfAFileHasASeedOfItsOwn) {
  SegmentHeader other = kSegment;
  EXPECT_EQ(other.seed(), kSegment.seed());
  ++other.generation;
  EXPECT_NE(other.seed(), kSegment.seed());
  other = kSegment;
  ++other.number;
  EXPECT_NE(other.seed(), kSegment.seed());
  other = kSegment;
  ++other.journal[1];
  EXPECT_NE(other.seed(), kSegment.seed());
}

TEST(CommitHeader, IsReadBackAsItWasWritten) {
  const std::string bytes = encode(kCommit, 5);
  ASSERT_EQ(bytes.size(), kCommitHeader);
  EXPECT_EQ(decode_commit_header(bytes + "chunks", 5), kCommit);
  CommitHeader last = kCommit;
  last.ends_segment = true;
  EXPECT_EQ(decode_commit_header(encode(last, 5), 5), last);
}

TEST(CommitHeader, NoFlippedBitPasses) {
  const std::string bytes = encode(kCommit, 5);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    EXPECT_EQ(decode_commit_header(with_flipped_bit(bytes, bit), 5), std::nullopt) << bit;
  }
}

TEST(CommitHeader, OfAnotherSegmentOrCutOffIsNone) {
  const std::string bytes = encode(kCommit, 5);
  EXPECT_EQ(decode_commit_header(bytes, 6), std::nullopt);
  for (std::size_t size = 0; size < kCommitHeader; ++size) {
    EXPECT_EQ(decode_commit_header(bytes.substr(0, size), 5), std::nullopt);
  }
  EXPECT_EQ(decode_commit_header(std::string(kCommitHeader, '\0'), 5), std::nullopt);
}

TEST(CommitHeader, TakesWholeBlocks) {
  const auto blocks = [](std::uint64_t size) { return CommitHeader{.size = size}.blocks(); };
  EXPECT_EQ(blocks(0), kBlock);
  EXPECT_EQ(blocks(kBlock - kCommitHeader), kBlock);
  EXPECT_EQ(blocks(kBlock - kCommitHeader + 1), 2 * kBlock);
}

TEST(SegmentName, IsTheNumberInSixteenDigits) {
  EXPECT_EQ(segment_name(1), "0000000000000001.segment");
  EXPECT_EQ(segment_name(0xabc), "0000000000000abc.segment");
  EXPECT_EQ(segment_name(UINT64_MAX), "ffffffffffffffff.segment");
  EXPECT_LT(segment_name(0x9), segment_name(0x10)) << "sorted like their numbers";
  for (const SegmentNumber number : {0ul, 1ul, 255ul, UINT64_MAX}) {
    EXPECT_EQ(segment_of_name(segment_name(number)), number);
  }
}

TEST(SegmentName, OtherNamesAreNoSegments) {
  for (const char* name :
       {"", "segment", ".segment", "1.segment", "0000000000000001.segment.spare",
        "0000000000000001.segment.new", "000000000000000A.segment", "000000000000000g.segment",
        "00000000000000001.segment", "-000000000000001.segment", "0000000000000001.Segment"}) {
    EXPECT_EQ(segment_of_name(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace polymq::storage::journal
