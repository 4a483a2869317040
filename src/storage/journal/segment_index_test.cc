// Promises of a segment's index: it says what the segment's chunks say, in fewer words, and one
// that is not whole, or of another segment, is not believed.
#include "storage/journal/segment_index.h"

#include <gmock/gmock.h>

#include "base/bytes.h"
#include "storage/journal/chunk_reader.h"
#include "storage/journal/chunk_writer.h"
#include "storage/testing/simulated_disk.h"

namespace polymq::storage::journal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const SegmentHeader kHeader{7, 2, 64 * 1024, {11, 12}};
constexpr Lease kLease{.first = 1, .begun = 2, .deadline = 3, .life = 4};

/// What a chunk would be found as.
FoundChunk found(ChunkWriter& writer, Lane lane, std::uint64_t number, std::uint64_t offset) {
  Buffer bytes;
  writer.finish(lane, number, bytes);
  const auto chunk = read_chunk(bytes.view());
  EXPECT_TRUE(chunk);
  return {lane, number, offset, static_cast<std::uint32_t>(bytes.size()),
          std::string(chunk->index)};
}

MessageRecord message(std::uint64_t queue, std::uint64_t position,
                      std::string_view body = "12345") {
  return {.queue = queue, .position = position, .routing_key = "k", .body = body};
}

SegmentIndex example() {
  SegmentIndexer indexer;
  ChunkWriter writer;
  for (std::uint64_t position = 1; position <= 100; ++position)
    writer.message(message(5, position));
  MessageRecord other = message(6, 40);
  other.priority = 3;
  other.ttl_ms = 1000;
  writer.message(other);
  EXPECT_TRUE(indexer.add(found(writer, 3, 1, 4160)));
  writer.settled({5, 10, 19});
  writer.settled({5, 30, 30});
  writer.returned({5, 50, 1, 0});
  writer.lent({5, 19, 30, 1, 0, kLease});
  writer.returned({5, 70, 1, 0});
  writer.lent({5, 80, 5, 2, 1, kLease});
  writer.handed_out({5, 60});
  EXPECT_TRUE(indexer.add(found(writer, 3, 2, 20'000)));
  writer.message(message(5, 101));
  writer.message(message(5, 103));  // a gap
  writer.settled({5, 20, 29});
  writer.settled({5, 8, 12});
  writer.returned({5, 50, 2, 1});
  writer.lent({5, 70, 10, 2, 1, kLease});
  writer.returned({5, 82, 3, 1});
  writer.handed_out({5, 55});
  EXPECT_TRUE(indexer.add(found(writer, 3, 3, 24'640)));
  return indexer.finish(9);
}

TEST(SegmentIndex, SaysWhatTheChunksSayInFewerWords) {
  const SegmentIndex index = example();
  EXPECT_EQ(index.last_commit, 9u);
  ASSERT_EQ(index.chunks.size(), 3u);
  const std::vector<Stretch>& first = index.chunks[0].stretches;
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].queue, 5u);
  EXPECT_EQ(first[0].first, 1u);
  EXPECT_EQ(first[0].last(), 100u);
  EXPECT_EQ(first[0].body_bytes, 500u);
  EXPECT_EQ(first[0].data_bytes, 100u * (1 + 2 + 4 + 5)) << "exchange, key, properties, body";
  EXPECT_EQ(first[1].queue, 6u);
  EXPECT_THAT(first[0].priorities, ElementsAre(PriorityRun{100, std::nullopt}));
  EXPECT_THAT(first[1].priorities, ElementsAre(PriorityRun{1, 3}));
  EXPECT_EQ(first[1].with_ttl, 1u);
  EXPECT_THAT(index.chunks[1].stretches, IsEmpty());
  EXPECT_EQ(index.chunks[1].number, 2u);
  EXPECT_EQ(index.chunks[2].stretches.size(), 2u) << "positions with a gap are two stretches";
  EXPECT_THAT(index.settled, ElementsAre(Settled{5, 8, 30}));
  EXPECT_THAT(index.returned, ElementsAre(Returned{5, 50, 2, 1}, Returned{5, 82, 3, 1}))
      << "the last word counts";
  EXPECT_THAT(index.lent, ElementsAre(Lent{5, 31, 18, 1, 0, kLease}, Lent{5, 70, 12, 2, 1, kLease},
                                      Lent{5, 83, 2, 2, 1, kLease}))
      << "but not on what is settled";
  EXPECT_THAT(index.handed_out, ElementsAre(HandedOut{5, 60}));
}

/// Two commits, each with a chunk of data first; the last chunk's data is lost.
SegmentIndex sharing() {
  SegmentIndexer indexer;
  ChunkWriter writer;
  for (const std::uint64_t number : {1, 2}) {
    const DataPlace data = writer.data({.body = "12345"});
    EXPECT_TRUE(indexer.add(found(writer, 3, number, 4096 * number)));
    writer.message(message(5, 10 * number));
    writer.shared_message(message(5, 10 * number + 1), data, {3, number});
    writer.shared_message(message(5, 10 * number + 2), data, {3, number});
    writer.message(message(5, 10 * number + 3));
    EXPECT_TRUE(indexer.add(found(writer, 4, number, 4096 * number + 500)));
  }
  writer.shared_message(message(6, 1), {}, {3, 1});
  EXPECT_TRUE(indexer.add(found(writer, 4, 3, 20'000)));
  return indexer.finish(9);
}

TEST(SegmentIndex, SaysWhereDataThatMessagesShareIs) {
  const SegmentIndex index = sharing();
  ASSERT_EQ(index.chunks.size(), 5u);
  EXPECT_EQ(index.chunks[0].shared_offset, 0u);
  EXPECT_EQ(index.chunks[1].shared_offset, 4096u);
  EXPECT_EQ(index.chunks[3].shared_offset, 2 * 4096u);
  EXPECT_EQ(index.chunks[4].shared_offset, 0u) << "there are others between";
  const std::vector<Stretch>& stretches = index.chunks[1].stretches;
  ASSERT_EQ(stretches.size(), 3u) << "one kind of record each";
  EXPECT_FALSE(stretches[0].shared);
  EXPECT_TRUE(stretches[1].shared);
  EXPECT_EQ(stretches[1].first, 11u);
  EXPECT_EQ(stretches[1].last(), 12u);
  EXPECT_EQ(stretches[1].index_end(), stretches[2].index_offset);
  EXPECT_EQ(stretches[1].body_bytes, 10u);
  EXPECT_FALSE(stretches[2].shared);
}

TEST(SegmentIndex, IsReadBackAsItWas) {
  for (const SegmentIndex& index : {example(), sharing()}) {
    const auto read = decode_segment_index(encode(index, kHeader), kHeader);
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(*read, index);
  }
}

TEST(SegmentIndex, AStretchKnowsThePrioritiesOfItsMessages) {
  SegmentIndexer indexer;
  ChunkWriter writer;
  std::uint64_t position = 1;
  for (const std::optional<std::uint8_t> priority :
       {std::optional<std::uint8_t>(), {0}, {0}, {255}, {7}, {7}, {7}, {}}) {
    MessageRecord one = message(5, position++);
    one.priority = priority;
    writer.message(one);
  }
  ASSERT_TRUE(indexer.add(found(writer, 3, 1, 4160)));
  const SegmentIndex index = indexer.finish(9);
  const auto read = decode_segment_index(encode(index, kHeader), kHeader);
  ASSERT_TRUE(read) << read.error().text;
  ASSERT_EQ(read->chunks[0].stretches.size(), 1u) << "they need not break it";
  EXPECT_THAT(read->chunks[0].stretches[0].priorities,
              ElementsAre(PriorityRun{1, std::nullopt}, PriorityRun{2, 0}, PriorityRun{1, 255},
                          PriorityRun{3, 7}, PriorityRun{1, std::nullopt}));
}

TEST(SegmentIndex, IsNotBelievedWhenAnyBitIsWrongOrItIsCutOff) {
  const std::string bytes = encode(example(), kHeader);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_segment_index(std::string_view(bytes).substr(0, size), kHeader)) << size;
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string wrong = bytes;
    wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(decode_segment_index(wrong, kHeader)) << "bit " << bit;
  }
}

TEST(SegmentIndex, IsNotBelievedOfAnotherSegment) {
  const std::string bytes = encode(example(), kHeader);
  for (const SegmentHeader& other :
       {SegmentHeader{8, 2, kHeader.size, {11, 12}}, SegmentHeader{7, 3, kHeader.size, {11, 12}},
        SegmentHeader{7, 2, kHeader.size, {11, 13}}}) {
    EXPECT_FALSE(decode_segment_index(bytes, other));
  }
}

TEST(SegmentIndex, ARecordThatIsWrongIsTold) {
  SegmentIndexer indexer;
  EXPECT_FALSE(indexer.add({.lane = 1, .number = 1, .offset = 4160, .size = 34, .index = "zz"}));
}

TEST(SegmentIndex, FilesAreReplacedFoundAndRemoved) {
  SimulatedDisk disk;
  const auto files = disk.files();
  EXPECT_FALSE(load_index(*files, kHeader));
  ASSERT_TRUE(store_index(*files, example(), kHeader));
  ASSERT_TRUE(store_index(*files, example(), kHeader));
  EXPECT_EQ(load_index(*files, kHeader), example());
  ASSERT_TRUE(remove_indexes(*files, {kHeader.number}));
  EXPECT_TRUE(load_index(*files, kHeader)) << "of a segment that stays";
  ASSERT_TRUE(remove_indexes(*files, {kHeader.number + 1}));
  EXPECT_FALSE(load_index(*files, kHeader));
}

}  // namespace
}  // namespace polymq::storage::journal
