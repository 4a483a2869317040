// Promises of chunks: what was written is read back, and nothing else passes for it.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "storage/journal/chunk_reader.h"
#include "storage/journal/chunk_writer.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::VariantWith;

std::string finished(ChunkWriter& writer, std::uint16_t lane = 3, std::uint64_t number = 9) {
  Buffer out;
  writer.finish(lane, number, out);
  return std::string(out.view());
}

struct Everything {
  std::vector<Record> records;
  std::string error;
};

Everything records_of(std::string_view index) {
  Everything all;
  IndexReader reader(index);
  for (Record record; reader.next(record);) all.records.push_back(record);
  all.error = reader.error();
  return all;
}

std::string refusal(std::string_view bytes) {
  const auto chunk = read_chunk(bytes);
  return chunk ? "" : chunk.error().text;
}

const MessageRecord kMessage{.queue = 7,
                             .position = 42,
                             .enqueued = 1'700'000'000'000,
                             .dialect = 2,
                             .priority = 255,
                             .exchange = "an exchange",
                             .routing_key = "a.key",
                             .properties = "encoded",
                             .body = "the body",
                             .ttl_ms = 60'000,
                             .acquired = 3,
                             .failed = 1,
                             .delivered = true};

TEST(Chunk, IsReadBackAsItWasWritten) {
  ChunkWriter writer;
  EXPECT_TRUE(writer.empty());
  writer.settled({7, 1, 5});
  writer.removed({8});
  writer.returned({7, 6, 2, 1});
  writer.handed_out({7, 100});
  writer.lent({7, 8, 3, 2, 1, {1'700'000'000'000, 1'700'000'000'001, kNever - 1, 9}});
  EXPECT_FALSE(writer.empty());
  const std::size_t size = writer.size();
  const std::string bytes = finished(writer);
  EXPECT_EQ(bytes.size(), size);
  EXPECT_TRUE(writer.empty());

  const auto chunk = read_chunk(bytes);
  ASSERT_TRUE(chunk) << chunk.error().text;
  EXPECT_EQ(chunk->lane, 3);
  EXPECT_EQ(chunk->number, 9u);
  EXPECT_EQ(chunk->size(), bytes.size());
  const Everything all = records_of(chunk->index);
  EXPECT_EQ(all.error, "");
  EXPECT_THAT(
      all.records,
      ElementsAre(VariantWith<Settled>(Settled{7, 1, 5}), VariantWith<Removed>(Removed{8}),
                  VariantWith<Returned>(Returned{7, 6, 2, 1}),
                  VariantWith<HandedOut>(HandedOut{7, 100}),
                  VariantWith<Lent>(
                      Lent{7, 8, 3, 2, 1, {1'700'000'000'000, 1'700'000'000'001, kNever - 1, 9}})));
}

TEST(Chunk, LeasesThatAreAlikeAreJoined) {
  const Lease lease{1, 2, 3, 4};
  ChunkWriter writer;
  writer.lent({7, 1, 1, 1, 0, lease});
  writer.lent({7, 2, 1, 1, 0, lease});
  writer.lent({7, 3, Lent::kMost - 2, 1, 0, lease});
  writer.lent({7, Lent::kMost + 1, 1, 1, 0, lease});  // too many
  writer.lent({7, Lent::kMost + 3, 1, 1, 0, lease});  // a gap
  writer.lent({7, Lent::kMost + 4, 1, 2, 0, lease});  // handed out more often
  writer.lent({7, Lent::kMost + 5, 1, 2, 0, {1, 2, 4, 4}});
  writer.lent({8, Lent::kMost + 6, 1, 2, 0, {1, 2, 4, 4}});
  writer.handed_out({8, 100});
  writer.lent({8, Lent::kMost + 7, 1, 2, 0, {1, 2, 4, 4}});
  const std::string bytes = finished(writer);
  const Everything all = records_of(read_chunk(bytes)->index);
  EXPECT_EQ(all.error, "");
  ASSERT_EQ(all.records.size(), 8u);
  EXPECT_EQ(std::get<Lent>(all.records[0]), (Lent{7, 1, Lent::kMost, 1, 0, lease}));
  EXPECT_EQ(std::get<Lent>(all.records[1]).first, Lent::kMost + 1u);
}

TEST(Chunk, LeasesOfNoMessagesAreRefused) {
  for (const Lent& wrong : {Lent{7, 1, 0}, Lent{7, 1, Lent::kMost + 1}, Lent{7, kLastPosition, 1},
                            Lent{7, kLastPosition - 2, 3}}) {
    ChunkWriter writer;
    writer.lent(wrong);
    EXPECT_THAT(records_of(read_chunk(finished(writer))->index).error, HasSubstr("no messages"));
  }
}

TEST(Chunk, AMessageKeepsAllItHas) {
  ChunkWriter writer;
  writer.message({.queue = 1, .position = 1});
  writer.message(kMessage);
  const std::string bytes = finished(writer);
  const auto chunk = read_chunk(bytes);
  ASSERT_TRUE(chunk);
  const Everything all = records_of(chunk->index);
  ASSERT_EQ(all.records.size(), 2u);
  const auto plain = read_message(std::get<MessageEntry>(all.records[0]), chunk->bodies);
  ASSERT_TRUE(plain);
  EXPECT_EQ(*plain, (MessageRecord{.queue = 1, .position = 1}));
  const auto message = read_message(std::get<MessageEntry>(all.records[1]), chunk->bodies);
  ASSERT_TRUE(message);
  EXPECT_EQ(*message, kMessage);
}

TEST(Chunk, CanHaveTheDataOfAMessageOfAnotherOne) {
  ChunkWriter writer;
  writer.data({.body = "of somebody else"});
  const DataPlace data = writer.data(kMessage);
  const std::string first = finished(writer);
  writer.message({.queue = 7, .position = 41, .body = "own"});
  EXPECT_EQ(writer.shared_message(kMessage, data, {3, 9}), 10 + kMessageRecord);
  const std::string second = finished(writer);
  EXPECT_EQ(second.size(), kChunkHeader + 10 + kMessageRecord + kSharedRecord + 9)
      << "there is no body in it but the other's";

  EXPECT_THAT(read_chunk(first)->index, IsEmpty());
  const Everything all = records_of(read_chunk(second)->index);
  EXPECT_EQ(all.error, "");
  ASSERT_EQ(all.records.size(), 2u);
  EXPECT_EQ(std::get<MessageEntry>(all.records[0]).shared, std::nullopt);
  const auto entry = std::get<MessageEntry>(all.records[1]);
  EXPECT_EQ(entry.shared, (ChunkName{3, 9}));
  const auto message = read_message(entry, read_chunk(first)->bodies);
  ASSERT_TRUE(message) << message.error().text;
  EXPECT_EQ(*message, kMessage);
  EXPECT_FALSE(read_message(entry, read_chunk(second)->bodies));
}

TEST(Chunk, ConsecutiveSettlementsOfAQueueAreOneRange) {
  ChunkWriter writer;
  writer.settled({1, 1, 1});
  writer.settled({1, 2, 9});
  writer.settled({1, 11, 11});
  writer.settled({2, 12, 12});
  writer.handed_out({2, 13});
  writer.settled({2, 13, 13});
  const std::string first = finished(writer);
  writer.settled({2, 14, 14});
  const std::string second = finished(writer);
  EXPECT_THAT(
      records_of(read_chunk(first)->index).records,
      ElementsAre(Record(Settled{1, 1, 9}), Record(Settled{1, 11, 11}), Record(Settled{2, 12, 12}),
                  Record(HandedOut{2, 13}), Record(Settled{2, 13, 13})));
  EXPECT_THAT(records_of(read_chunk(second)->index).records,
              ElementsAre(Record(Settled{2, 14, 14})));
}

TEST(Chunk, SeveralLieOneBehindTheOther) {
  ChunkWriter writer;
  Buffer out;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    writer.handed_out({1, number});
    writer.finish(0, number, out);
  }
  std::string_view rest = out.view();
  for (std::uint64_t number = 1; number <= 3; ++number) {
    const auto chunk = read_chunk(rest);
    ASSERT_TRUE(chunk);
    EXPECT_EQ(chunk->number, number);
    rest.remove_prefix(chunk->size());
  }
  EXPECT_EQ(refusal(rest), "the chunk's header is cut off");
}

TEST(Chunk, NoPrefixAndNoChangedBitPasses) {
  ChunkWriter writer;
  writer.message(kMessage);
  writer.settled({7, 1, 5});
  const std::string bytes = finished(writer);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(refusal(bytes.substr(0, size)), "") << size;
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string wrong = bytes;
    wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << (bit % 8)));
    const auto chunk = read_chunk(wrong);
    if (!chunk) continue;
    // Only the bodies are not covered yet.
    EXPECT_EQ(chunk->index, read_chunk(bytes)->index);
    const auto entry = std::get<MessageEntry>(records_of(chunk->index).records.front());
    EXPECT_FALSE(read_message(entry, chunk->bodies)) << bit;
  }
}

// One message is read without the rest of the index, whose checksum says nothing then.
TEST(Chunk, NoChangedBitOfAMessagesRecordPassesWhenItAloneIsRead) {
  ChunkWriter writer;
  const DataPlace data = writer.data(kMessage);
  const std::size_t plain = writer.message(kMessage);
  const std::size_t shared = writer.shared_message(kMessage, data, {3, 9});
  const std::string bytes = finished(writer);
  const auto chunk = read_chunk(bytes);
  ASSERT_TRUE(chunk);
  const auto reads = [&](std::string record) {
    IndexReader reader(record, kMessage.queue);
    Record found;
    const auto* entry = reader.next(found) ? std::get_if<MessageEntry>(&found) : nullptr;
    return entry != nullptr && read_message(*entry, chunk->bodies).has_value();
  };
  for (const auto& [from, size] : {std::pair(plain, kMessageRecord), {shared, kSharedRecord}}) {
    const std::string right(chunk->index.substr(from, size));
    EXPECT_TRUE(reads(right));
    for (std::size_t bit = 0; bit < right.size() * 8; ++bit) {
      std::string wrong = right;
      wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(reads(wrong)) << bit;
    }
  }
}

TEST(Chunk, OfANewerVersionIsRefused) {
  ChunkWriter writer;
  writer.handed_out({1, 1});
  EXPECT_EQ(refusal(finished(writer, kLanes)), "the chunk is of another version");
}

// --- indexes that no writer made ----------------------------------------------------------------
std::string error_of(const std::string& index) { return records_of(index).error; }
std::string record(std::uint8_t type, const std::string& content) {
  return std::string{static_cast<char>(type), static_cast<char>(content.size())} + content;
}
const std::string kQueueOne = record(1, std::string("\0\0\0\0\0\0\0\1", 8));

TEST(Index, WrongRecordsAreRefused) {
  EXPECT_THAT(error_of(kQueueOne + record(11, "")), HasSubstr("unknown type 11"));
  EXPECT_THAT(error_of(kQueueOne + record(0, "")), HasSubstr("unknown type 0"));
  EXPECT_THAT(error_of(kQueueOne + record(6, "short")), HasSubstr("wrong size"));
  EXPECT_THAT(error_of(kQueueOne + record(6, std::string(8, 'x')).substr(0, 7)),
              HasSubstr("wrong size"));
  EXPECT_THAT(error_of(record(6, std::string(8, 'x'))), HasSubstr("no queue"));
  EXPECT_THAT(error_of(kQueueOne + record(3, std::string(8, 'b') + std::string(8, 'a'))),
              HasSubstr("ends before it begins"));
  EXPECT_THAT(error_of(kQueueOne + record(8, std::string(39, '\xFF'))), HasSubstr("unknown flags"));
  const std::string plain(39, '\0');
  for (const std::string& in :
       {std::string("\0\3\0\0\0\0\0\0\0\0", 10), std::string("\0\x40\0\0\0\0\0\0\0\1", 10)}) {
    const std::string content = plain.substr(4) + in + "\1\1\1\1";
    EXPECT_THAT(error_of(kQueueOne + record(9, content)), HasSubstr("data in no chunk"));
  }
  EXPECT_THAT(error_of(kQueueOne + record(9, plain)), HasSubstr("wrong size"));
  EXPECT_THAT(error_of(kQueueOne + record(8, plain.substr(0, 3) + std::string(8, '\xFF') +
                                                 plain.substr(0, 28))),
              HasSubstr("without a position"));
  EXPECT_THAT(error_of(kQueueOne.substr(0, 1)), HasSubstr("wrong size"));
  EXPECT_THAT(records_of("").records, IsEmpty());
}

// As format 1 had it: the checksum is that of the data, and stands before the size of the body.
TEST(Index, RecordsOfFormat1AreRead) {
  ChunkWriter writer;
  const DataPlace data = writer.data(kMessage);
  writer.message(kMessage);
  const std::string bytes = finished(writer);
  const auto chunk = read_chunk(bytes);
  ASSERT_TRUE(chunk);
  const std::string content(
      chunk->index.substr(chunk->index.size() - content_size(RecordType::kMessage)));
  Buffer checksum;
  checksum.u32(data.checksum);
  constexpr std::size_t kBefore = 27;
  const std::string former = content.substr(0, kBefore) + std::string(checksum.view()) +
                             content.substr(kBefore, content.size() - kBefore - 4);
  const std::string queue = record(1, std::string("\0\0\0\0\0\0\0\7", 8));
  const std::string place = std::string("\0\3", 2) + std::string("\0\0\0\0\0\0\0\1", 8);
  const Everything read = records_of(queue + record(2, former) + record(7, former + place));
  ASSERT_EQ(read.error, "");
  ASSERT_EQ(read.records.size(), 2u);
  for (const Record& one : read.records) {
    const auto message = read_message(std::get<MessageEntry>(one), chunk->bodies);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->position, kMessage.position);
    EXPECT_EQ(message->body, kMessage.body);
    EXPECT_EQ(message->acquired, kMessage.acquired);
  }
  EXPECT_EQ(std::get<MessageEntry>(read.records[1]).shared, (ChunkName{3, 1}));
}

TEST(Index, AMessageOutsideOfTheBodiesIsRefused) {
  const MessageEntry entry{.data_offset = 5, .data_size = 6};
  for (const std::size_t size : {0, 4, 10}) {
    const auto message = read_message(entry, std::string(size, 'x'));
    ASSERT_FALSE(message);
    EXPECT_THAT(message.error().text, HasSubstr("not within the chunk"));
  }
}

}  // namespace
}  // namespace polymq::storage::journal
