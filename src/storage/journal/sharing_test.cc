// Promises of data that queues share: it is written once, and is there as long as any of them has
// the message.
#include <gmock/gmock.h>

#include <map>

#include "storage/journal/chunk_writer.h"
#include "storage/journal/read_back.h"
#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

/// Two of the same lane, two of others.
const Node::Lanes kQueues{{10, 3}, {11, 3}, {12, 4}, {13, 9}};

std::string large(const std::string& name, std::size_t size = 10'000) {
  std::string body = "[" + name + "]";
  body.resize(size, '.');
  return body;
}

/// How often the text is on the disk.
std::size_t written(SimulatedDisk disk, const std::string& text) {
  std::size_t times = 0;
  const auto names = disk.files()->list();
  for (const std::string& name : *names) {
    const std::string bytes = disk.content(name);
    for (std::size_t at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1))
      ++times;
  }
  return times;
}

void commit(Node& node) { EXPECT_THAT(node.commit(), Each(CommitEnd::kDurable)); }

TEST(SharedData, IsWrittenOnceHoweverManyQueuesHaveTheMessage) {
  SimulatedDisk disk;
  {
    Node node(disk, kQueues, 1);
    node.append(11, 1, "a small one before");
    node.append({{10, 1}, {11, 2}, {12, 1}, {13, 1}}, large("one"));
    node.append({{12, 2}, {11, 3}}, large("two"));
    node.append({{10, 2}, {12, 3}, {13, 2}}, large("three"));
    node.append(11, 4, "a small one behind");
    commit(node);
    for (const char* name : {"[one]", "[two]", "[three]"}) EXPECT_EQ(written(disk, name), 1u);
    EXPECT_THAT(node.all(10), ElementsAre(Pair(1, large("one")), Pair(2, large("three"))));
    EXPECT_THAT(node.all(11), ElementsAre(Pair(1, "a small one before"), Pair(2, large("one")),
                                          Pair(3, large("two")), Pair(4, "a small one behind")));
  }
  expect_same_without_indexes(disk, kQueues);
  for (const std::size_t shards : {1u, 2u, 3u}) {
    Node node(disk, kQueues, shards);
    EXPECT_THAT(node.all(10), ElementsAre(Pair(1, large("one")), Pair(2, large("three"))));
    EXPECT_THAT(node.all(11), SizeIs(4));
    EXPECT_THAT(node.all(12),
                ElementsAre(Pair(1, large("one")), Pair(2, large("two")), Pair(3, large("three"))));
    EXPECT_THAT(node.all(13), ElementsAre(Pair(1, large("one")), Pair(2, large("three"))));
    EXPECT_EQ(node.found(12).ranges.front().body_bytes, 30'000u);
    EXPECT_THAT(node.damages, IsEmpty());
  }
}

TEST(SharedData, IsOnlyForLargeBodiesOfTheSameMessage) {
  SimulatedDisk disk;
  Node node(disk, kQueues, 1);
  node.append({{10, 1}, {12, 1}}, "[small]");
  node.append(10, 2, large("alone"));
  node.append({{10, 3}, {12, 2}}, large("left"));
  node.store(10).settle(10, 3, 3);
  const std::string body = large("other key");
  node.store(10).append({.queue = 10, .position = 4, .routing_key = "k", .body = body});
  node.store(12).append({.queue = 12, .position = 3, .routing_key = "l", .body = body});
  commit(node);
  EXPECT_EQ(written(disk, "[small]"), 2u);
  EXPECT_EQ(written(disk, "[alone]"), 1u);
  EXPECT_EQ(written(disk, "[left]"), 1u);
  EXPECT_EQ(written(disk, "[other key]"), 2u);
  EXPECT_THAT(node.all(10),
              ElementsAre(Pair(1, "[small]"), Pair(2, large("alone")), Pair(4, body)));
  EXPECT_EQ(node.read(12, 3).messages.at(0).routing_key, "l");
}

TEST(SharedData, IsThereAsLongAsAnyQueueHasTheMessage) {
  constexpr std::uint64_t kMessages = 30;  // four segments or so
  for (const auto& [survivor, lane] : kQueues) {
    SimulatedDisk disk;
    Node::Lanes known = kQueues;
    {
      Node node(disk, kQueues, 1);
      for (std::uint64_t position = 1; position <= kMessages; ++position) {
        node.append({{10, position}, {11, position}, {12, position}, {13, position}},
                    large(std::to_string(position)));
        commit(node);
      }
      // One is emptied bit by bit, one purged, one deleted.
      int how = 0;
      for (const auto& [queue, of] : kQueues) {
        if (queue == survivor) continue;
        if (++how == 3) {
          node.store(queue).close_queue(queue);
          node.store(queue).remove_queue(queue);
          known.erase(queue);
        } else if (how == 2) {
          node.store(queue).settle(queue, 1, kMessages);
        } else {
          for (std::uint64_t p = 1; p <= kMessages; ++p) node.store(queue).settle(queue, p, p);
        }
        commit(node);
      }
      const auto indexed = [&] { return load_index(*disk.files(), {1, 0, kSmallSegment, {1, 2}}); };
      for (int i = 0; i < 5000 && !indexed(); ++i) node.wait();
      ASSERT_TRUE(indexed());
      EXPECT_THAT(node.all(survivor), SizeIs(kMessages));
    }
    expect_same_without_indexes(disk, known);
    for (const bool with_indexes : {true, false}) {
      if (!with_indexes) EXPECT_TRUE(remove_indexes(*disk.files(), {}));
      Node node(disk, known, 2);
      std::map<std::uint64_t, std::string> expected;
      for (std::uint64_t p = 1; p <= kMessages; ++p) expected[p] = large(std::to_string(p));
      EXPECT_EQ(node.all(survivor), expected);
      EXPECT_THAT(node.damages, IsEmpty());
      for (const auto& [queue, of] : known) {
        if (queue != survivor) EXPECT_EQ(count(node.found(queue)), 0u) << queue;
      }
      if (with_indexes) continue;
      node.store(survivor).settle(survivor, 1, kMessages);
      commit(node);
      for (int i = 0; i < 5000 && node.journal().usage().segments > 1; ++i) node.wait();
      EXPECT_EQ(node.journal().usage().segments, 1u) << "nobody has it any more";
      EXPECT_EQ(node.journal().usage().live_bytes, 0u);
    }
  }
}

TEST(SharedData, PartsOfAStretchThatLiveAreFoundAfterARestart) {
  SimulatedDisk disk;
  std::map<std::uint64_t, std::string> left;
  {
    Node node(disk, kQueues, 1);
    for (std::uint64_t position = 1; position <= 12; ++position) {
      node.append({{12, position}, {13, position}}, large(std::to_string(position), 4097));
      left[position] = large(std::to_string(position), 4097);
    }
    commit(node);
    for (const std::uint64_t gone : {2, 3, 7, 12}) {
      node.store(13).settle(13, gone, gone);
      left.erase(gone);
    }
    commit(node);
    EXPECT_EQ(node.all(13), left);
    EXPECT_THAT(node.all(12), SizeIs(12));
  }
  expect_same_without_indexes(disk, kQueues);
  Node node(disk, kQueues, 3);
  EXPECT_EQ(node.all(13), left);
  EXPECT_THAT(node.all(12), SizeIs(12));
}

// Of two that go other ways each queue's order is its own: not that of the data.
TEST(SharedData, IsFoundWhateverElseLiesBetween) {
  SimulatedDisk disk;
  Node node(disk, kQueues, 1);
  node.append({{13, 1}, {12, 1}}, large("first"));
  node.append({{10, 1}, {12, 2}}, large("second"));
  node.append({{10, 2}, {11, 1}}, large("third"));
  node.append({{11, 2}, {12, 3}, {13, 2}}, large("fourth"));
  commit(node);
  EXPECT_THAT(node.all(12), ElementsAre(Pair(1, large("first")), Pair(2, large("second")),
                                        Pair(3, large("fourth"))));
  EXPECT_THAT(node.all(13), ElementsAre(Pair(1, large("first")), Pair(2, large("fourth"))));
}

TEST(SharedData, CountsOnceTowardsWhatIsStaged) {
  constexpr std::size_t kMiB = 1024 * 1024;
  SimulatedDisk disk;
  Node node(disk, kQueues, 1);
  for (std::uint64_t position = 1; position <= 3; ++position) {
    node.append({{10, position}, {11, position}, {12, position}, {13, position}},
                large("m", 5 * kMiB));
  }
  EXPECT_FALSE(node.store(10).behind()) << "15 MiB are in memory";
  node.append(10, 4, large("m", 5 * kMiB));
  EXPECT_TRUE(node.store(10).behind());
  for (const auto& [queue, lane] : kQueues) node.store(queue).settle(queue, 1, 4);
  EXPECT_FALSE(node.store(10).behind());
}

TEST(SharedData, IsReadInPartsOfAboutTheBytesThatWereAskedFor) {
  SimulatedDisk disk;
  Node node(disk, kQueues, 1);
  for (std::uint64_t position = 1; position <= 40; ++position) {
    node.append({{10, position}, {11, position}, {12, position}}, large("m"));
  }
  commit(node);
  EXPECT_THAT(node.read(12, 1, 50'000).messages.size(),
              testing::AllOf(testing::Ge(3u), testing::Le(6u)));
}

TEST(SharedData, MovesOutOfSegmentsOfWhichLittleLives) {
  SimulatedDisk disk;
  std::map<std::uint64_t, std::string> stays;
  {
    Node node(disk, kQueues, 2);
    for (std::uint64_t position = 1; position <= 600; ++position) {
      node.append({{10, position}, {11, position}}, large(std::to_string(position), 5000));
      if (position % 16 == 0) {
        stays[position] = large("stays " + std::to_string(position), 4200);
        node.append({{11, position + 1000}, {13, position}}, stays[position]);
      }
      commit(node);
      node.store(10).settle(10, position, position);
      node.store(11).settle(11, position, position);
      node.store(11).settle(11, position + 1000, position + 1000);
    }
    for (int i = 0; i < 2000 && node.journal().usage().segments > 14; ++i) {
      node.commit();
      node.wait();
    }
    EXPECT_LE(node.journal().usage().segments, 14u) << "of 50 or so";
    EXPECT_EQ(node.all(13), stays);
  }
  expect_same_without_indexes(disk, kQueues);
  Node node(disk, kQueues, 1);
  EXPECT_EQ(node.all(13), stays);
  EXPECT_THAT(node.damages, IsEmpty());
}

TEST(SharedData, ThatIsDamagedIsNamedByEachQueueAndNothingElseIsHurt) {
  SimulatedDisk disk;
  {
    Node node(disk, kQueues, 1);
    for (std::uint64_t position = 1; position <= 3; ++position) {
      node.append({{10, position}, {12, position}}, large(std::to_string(position)));
    }
    commit(node);
    node.append(10, 4, "behind");
    commit(node);
  }
  const std::size_t at = disk.content(segment_name(1)).find("[2]");
  disk.corrupt(segment_name(1), at, "#");
  Node node(disk, kQueues, 2);
  EXPECT_THAT(node.recovered_damages, IsEmpty());
  EXPECT_THAT(node.all(10),
              ElementsAre(Pair(1, large("1")), Pair(3, large("3")), Pair(4, "behind")));
  EXPECT_THAT(node.all(12), ElementsAre(Pair(1, large("1")), Pair(3, large("3"))));
  EXPECT_THAT(node.damages, ElementsAre(HasSubstr("wrong checksum"), HasSubstr("wrong checksum")));
}

TEST(SharedData, InALostChunkCostsTheMessagesThatHadIt) {
  const auto files = SimulatedDisk().files();
  const auto file = *files->create(segment_name(1));
  const MessageRecord message{.queue = 10, .position = 1, .routing_key = "k", .body = "shared"};
  Buffer bytes;
  ChunkWriter writer;
  const DataPlace data = writer.data(message);
  writer.finish(3, 1, bytes);
  const std::uint64_t offset = bytes.size();
  const std::uint32_t at = writer.shared_message(message, data, {3, 1});
  writer.finish(4, 7, bytes);
  writer.data({.body = "of others"});
  const std::uint64_t other = bytes.size();
  writer.finish(5, 1, bytes);
  const std::string_view part = bytes.view();
  ASSERT_TRUE(file->write(4096, {&part, 1}));
  const auto read = [&](std::uint64_t shared_offset) {
    ReadMessages read;
    read_part(*file, 10,
              {.segment = 1,
               .offset = 4096 + offset,
               .index_offset = at,
               .count = 1,
               .first = 1,
               .shared = true,
               .shared_offset = shared_offset},
              read);
    return read;
  };
  ASSERT_THAT(read(4096).messages, SizeIs(1));
  EXPECT_EQ(read(4096).messages[0], message);
  for (const std::uint64_t wrong : {std::uint64_t{0}, 4096 + offset, 4096 + other, other + 1}) {
    const ReadMessages lost = read(wrong);
    EXPECT_THAT(lost.messages, IsEmpty()) << wrong;
    ASSERT_THAT(lost.damages, SizeIs(1)) << wrong;
    EXPECT_EQ(lost.damages[0].first, 1u);
    EXPECT_EQ(lost.damages[0].last, 1u);
    EXPECT_THAT(lost.damages[0].what, testing::StartsWith(segment_name(1) + ", "));
  }
  EXPECT_THAT(read(0).damages[0].what, HasSubstr("the chunk with its data is lost"));
}

}  // namespace
}  // namespace polymq::storage::journal
