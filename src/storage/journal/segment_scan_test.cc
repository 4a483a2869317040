// Promises of reading a segment: exactly the commits that are whole, and what was synced and broke
// is told apart from what was never finished.
#include "storage/journal/segment_scan.h"

#include <gmock/gmock.h>

#include "storage/journal/checksum.h"
#include "storage/journal/chunk_writer.h"
#include "storage/journal/layout.h"
#include "storage/testing/simulated_disk.h"

namespace polymq::storage::journal {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kSize = 16 * kBlock;
const SegmentHeader kHeader{3, 2, kSize, {7, 8}};

/// A segment's file as a test writes it, commit by commit.
class Written {
 public:
  struct Place {
    std::uint64_t offset;
    std::uint64_t end;  // of its last byte that counts
  };

  Written() {
    content_ = encode(kHeader);
    content_.resize(kBlock, '\0');
  }

  /// One chunk for each body. Says that the commits up to `synced` were synced.
  Written& commit(std::uint64_t number, std::uint64_t synced,
                  const std::vector<std::string>& bodies) {
    return commit(number, synced, bodies, kHeader);
  }
  Written& commit(std::uint64_t number, std::uint64_t synced,
                  const std::vector<std::string>& bodies, const SegmentHeader& of) {
    Buffer bytes;
    CommitHeader header{.number = number, .synced = synced};
    for (const std::string& body : bodies) {
      ChunkWriter writer;
      writer.message({.queue = 9, .position = number, .routing_key = "k", .body = body});
      finish(writer, number, header, bytes);
    }
    return add(header, of, bytes);
  }
  /// One chunk with the data, and one with a message of it, which says that it is in chunk `in`.
  Written& commit_shared(std::uint64_t number, const std::string& body, const ChunkName& in) {
    Buffer bytes;
    CommitHeader header{.number = number, .synced = number - 1};
    const MessageRecord message{.queue = 9, .position = number, .body = body};
    ChunkWriter writer;
    const DataPlace data = writer.data(message);
    finish(writer, number, header, bytes);
    writer.shared_message(message, data, in);
    finish(writer, number + 1, header, bytes);
    return add(header, kHeader, bytes);
  }
  Written& mark_end(std::uint64_t number) {
    const CommitHeader header{.number = number, .synced = number - 1, .ends_segment = true};
    return add(encode(header, kHeader.seed()));
  }

  /// Of commit number `n` from 1.
  const Place& place(std::size_t n) const { return places_.at(n - 1); }
  std::uint64_t end() const { return content_.size(); }
  std::string& content() { return content_; }
  /// A file of full size.
  std::string whole() const {
    std::string file = content_;
    file.resize(kSize, '\0');
    return file;
  }

 private:
  static void finish(ChunkWriter& writer, std::uint64_t number, CommitHeader& header,
                     Buffer& bytes) {
    const std::size_t start = bytes.size();
    writer.finish(4, number, bytes);
    header.headers_checksum =
        crc32c(bytes.view().substr(start, kChunkHeader), header.headers_checksum);
    ++header.chunks;
  }
  Written& add(CommitHeader header, const SegmentHeader& of, const Buffer& bytes) {
    header.size = bytes.size();
    return add(encode(header, of.seed()) + std::string(bytes.view()));
  }
  Written& add(std::string commit) {
    places_.push_back({content_.size(), content_.size() + commit.size()});
    commit.resize(whole_blocks(commit.size()), '\0');
    content_ += commit;
    return *this;
  }

  std::string content_;
  std::vector<Place> places_;
};

SegmentContents scan(const std::string& content, bool newest = true) {
  SimulatedDisk disk;
  const auto file = disk.files()->create("a");
  disk.replace("a", content);
  auto found = scan_segment(**file, kHeader, newest);
  EXPECT_TRUE(found) << found.error().text;
  return found ? *std::move(found) : SegmentContents{};
}

std::vector<std::uint64_t> numbers(const SegmentContents& contents) {
  std::vector<std::uint64_t> all;
  for (const FoundCommit& commit : contents.commits) all.push_back(commit.number);
  return all;
}

Written four() {
  Written written;
  written.commit(11, 10, {"one"})
      .commit(12, 11, {"two", "two more"})
      .commit(13, 12, {std::string(5000, 'x')})
      .commit(14, 13, {"four"});
  return written;
}

TEST(SegmentScan, FindsEveryCommitWithItsChunks) {
  const Written written = four();
  const SegmentContents contents = scan(written.whole());
  EXPECT_THAT(numbers(contents), ElementsAre(11, 12, 13, 14));
  EXPECT_THAT(contents.damages, IsEmpty());
  EXPECT_EQ(contents.last, 14u);
  EXPECT_EQ(contents.end, written.end());
  EXPECT_FALSE(contents.ended);
  EXPECT_EQ(contents.dropped, 0u);
  ASSERT_THAT(contents.commits[1].chunks, SizeIs(2));
  const FoundChunk& chunk = contents.commits[1].chunks[0];
  EXPECT_EQ(chunk.lane, 4u);
  EXPECT_EQ(chunk.number, 12u);
  EXPECT_EQ(chunk.offset, written.place(2).offset + kCommitHeader);
  EXPECT_EQ(contents.commits[1].chunks[1].offset, chunk.offset + chunk.size);
}

TEST(SegmentScan, AnEmptySegmentHasNothing) {
  const SegmentContents contents = scan(Written().whole());
  EXPECT_THAT(contents.commits, IsEmpty());
  EXPECT_THAT(contents.damages, IsEmpty());
  EXPECT_EQ(contents.last, 0u);
  EXPECT_EQ(contents.end, kBlock);
}

/// Commits of which every byte that counts is before `cut`.
std::size_t whole_before(const Written& written, std::uint64_t cut) {
  std::size_t whole = 0;
  while (whole < 4 && written.place(whole + 1).end <= cut) ++whole;
  return whole;
}

TEST(SegmentScan, WhereverTheLastWriteBrokeOffTheCommitsBeforeAreThere) {
  const Written written = four();
  const std::string file = written.whole();
  for (std::uint64_t cut = kBlock; cut <= written.end(); ++cut) {
    if (file[cut - 1] == '\0' && cut % 64 != 0) continue;  // as the cut before
    std::string torn = file.substr(0, cut);
    torn.resize(kSize, '\0');
    const std::size_t whole = whole_before(written, cut);
    const SegmentContents contents = scan(torn);
    ASSERT_THAT(contents.damages, IsEmpty()) << "cut at " << cut;
    ASSERT_EQ(contents.commits.size(), whole) << "cut at " << cut;
    ASSERT_EQ(contents.last, whole == 0 ? 0 : 10 + whole) << "cut at " << cut;
    ASSERT_EQ(contents.end, whole == 4 ? written.end() : written.place(whole + 1).offset);
  }
}

TEST(SegmentScan, AFileThatIsTooShortHasTheCommitsBeforeItsEnd) {
  const Written written = four();
  const std::string file = written.whole();
  for (std::uint64_t cut = 0; cut <= written.end(); cut += cut % 8 == 0 ? 1 : 7) {
    const SegmentContents contents = scan(file.substr(0, cut));
    ASSERT_FALSE(testing::Test::HasFailure()) << "cut at " << cut;
    ASSERT_THAT(contents.damages, IsEmpty()) << "cut at " << cut;
    ASSERT_EQ(contents.commits.size(), whole_before(written, cut)) << "cut at " << cut;
  }
}

TEST(SegmentScan, ABrokenCommitThatIsSaidToHaveBeenSyncedIsDamage) {
  Written written = four();
  std::string file = written.whole();
  file[written.place(2).offset + 3] ^= 1;  // the commit's head
  SegmentContents contents = scan(file);
  EXPECT_THAT(numbers(contents), ElementsAre(11, 13, 14));
  ASSERT_THAT(contents.damages, SizeIs(1));
  EXPECT_EQ(contents.damages[0].offset, written.place(2).offset);
  EXPECT_THAT(contents.damages[0].what, HasSubstr("missing"));
  EXPECT_EQ(contents.end, written.end());

  file = written.whole();
  file[written.place(2).offset + kCommitHeader + kChunkHeader] ^= 1;  // the first chunk's index
  contents = scan(file);
  EXPECT_THAT(numbers(contents), ElementsAre(11, 12, 13, 14));
  ASSERT_THAT(contents.damages, SizeIs(1));
  EXPECT_THAT(contents.damages[0].what, HasSubstr("index"));
  EXPECT_THAT(contents.commits[1].chunks, SizeIs(1)) << "its other chunk is whole";
}

TEST(SegmentScan, ABrokenCommitThatNobodySaysWasSyncedIsTheEnd) {
  Written written;
  written.commit(11, 10, {"one"}).commit(12, 10, {"two"}).commit(13, 10, {"three"});
  for (const std::uint64_t at : {std::uint64_t{3}, kCommitHeader + std::uint64_t{3},
                                 kCommitHeader + kChunkHeader + std::uint64_t{3}}) {
    std::string file = written.whole();
    file[written.place(2).offset + at] ^= 1;
    const SegmentContents contents = scan(file);
    EXPECT_THAT(numbers(contents), ElementsAre(11)) << at;
    EXPECT_THAT(contents.damages, IsEmpty());
    EXPECT_EQ(contents.end, written.place(2).offset);
    EXPECT_GE(contents.dropped, 1u);
  }
}

TEST(SegmentScan, AMessageBrokenInTheLastWriteEndsTheCommitsThere) {
  Written written;
  written.commit(11, 10, {"one"}).commit(12, 11, {"two"});
  std::string file = written.whole();
  file[written.place(2).end - 1] ^= 1;  // its body
  EXPECT_THAT(numbers(scan(file)), ElementsAre(11));
  file = written.whole();
  file[written.place(1).end - 1] ^= 1;
  EXPECT_THAT(numbers(scan(file)), ElementsAre(11, 12)) << "bodies of synced ones are not read";
}

TEST(SegmentScan, InAnOlderSegmentEverythingWasSynced) {
  Written written;
  written.commit(11, 10, {"one"}).commit(12, 10, {"two"}).mark_end(13);
  std::string file = written.whole();
  SegmentContents contents = scan(file, false);
  EXPECT_THAT(numbers(contents), ElementsAre(11, 12));
  EXPECT_THAT(contents.damages, IsEmpty());
  EXPECT_TRUE(contents.ended);
  file[written.place(2).offset + 3] ^= 1;
  contents = scan(file, false);
  EXPECT_THAT(numbers(contents), ElementsAre(11));
  EXPECT_THAT(contents.damages, SizeIs(1));
  EXPECT_EQ(contents.last, 13u);
}

TEST(SegmentScan, AnOlderSegmentWithoutItsEndHasLostWhatWasBeforeThat) {
  Written written;
  written.commit(11, 10, {"one"}).commit(12, 11, {"two"}).mark_end(13);
  const std::string file = written.whole();
  for (const std::size_t left : {1, 2}) {
    const std::uint64_t cut = written.place(left + 1).offset;
    std::string zeros = file.substr(0, cut);
    zeros.resize(kSize, '\0');
    for (const std::string& broken : {file.substr(0, cut), zeros}) {
      const SegmentContents contents = scan(broken, false);
      EXPECT_THAT(contents.commits, SizeIs(left));
      ASSERT_THAT(contents.damages, SizeIs(1));
      EXPECT_EQ(contents.damages[0].offset, cut);
      EXPECT_THAT(contents.damages[0].what, HasSubstr("end is missing"));
      EXPECT_THAT(scan(broken).damages, IsEmpty()) << "of the newest one nobody misses it";
    }
  }
}

TEST(SegmentScan, AnOlderSegmentWithoutCommitsWasNeverUsed) {
  EXPECT_THAT(scan(Written().whole(), false).damages, IsEmpty());
}

TEST(SegmentScan, TheFirstCommitMayBeTheDamagedOne) {
  Written written = four();
  std::string file = written.whole();
  file[written.place(1).offset] ^= 1;
  const SegmentContents contents = scan(file);
  EXPECT_THAT(numbers(contents), ElementsAre(12, 13, 14));
  ASSERT_THAT(contents.damages, SizeIs(1));
  EXPECT_EQ(contents.damages[0].offset, kBlock);
}

TEST(SegmentScan, BehindItsEndNothingIsLookedFor) {
  Written written;
  written.commit(11, 10, {"one"}).mark_end(12).commit(13, 12, {"never confirmed"});
  const SegmentContents contents = scan(written.whole());
  EXPECT_THAT(numbers(contents), ElementsAre(11));
  EXPECT_TRUE(contents.ended);
  EXPECT_EQ(contents.last, 12u);
}

TEST(SegmentScan, ACommitOfAnEarlierUseOfTheFileIsNotTaken) {
  SegmentHeader earlier = kHeader;
  --earlier.generation;
  Written written;
  written.commit(11, 10, {"one"})
      .commit(12, 11, {"old"}, earlier)
      .commit(13, 12, {"old, too"}, earlier);
  SegmentContents contents = scan(written.whole());
  EXPECT_THAT(numbers(contents), ElementsAre(11));
  EXPECT_THAT(contents.damages, IsEmpty());
  EXPECT_EQ(contents.dropped, 0u);

  SegmentHeader other = kHeader;
  ++other.number;
  Written moved;
  moved.commit(11, 10, {"one"}, other);
  contents = scan(moved.whole());
  EXPECT_THAT(contents.commits, IsEmpty());
}

TEST(SegmentScan, ACommitWithTheChunksOfAnotherIsNotTaken) {
  Written written;
  written.commit(11, 10, {"one"}).commit(12, 10, {"two"});
  std::string file = written.whole();
  const auto [offset, end] = written.place(1);
  const std::uint64_t from = offset + kCommitHeader;
  file.replace(written.place(2).offset + kCommitHeader, end - from, file, from, end - from);
  EXPECT_THAT(numbers(scan(file)), ElementsAre(11));
}

TEST(SegmentScan, AMessageWhoseDataIsInAnotherChunkWasWrittenWhenThatIsWhole) {
  EXPECT_THAT(numbers(scan(Written().commit_shared(5, "the body", {4, 5}).whole())),
              ElementsAre(5));
  Written torn;
  torn.commit_shared(5, "the body", {4, 5});
  torn.content().replace(torn.content().find("the body"), 3, "???");
  EXPECT_THAT(numbers(scan(torn.whole())), IsEmpty());
  EXPECT_THAT(numbers(scan(Written().commit_shared(5, "the body", {4, 4}).whole())), IsEmpty())
      << "that chunk is not there";
  EXPECT_THAT(numbers(scan(torn.mark_end(6).whole(), false)), ElementsAre(5))
      << "it was synced: reading the message tells what is damaged";
}

}  // namespace
}  // namespace polymq::storage::journal
