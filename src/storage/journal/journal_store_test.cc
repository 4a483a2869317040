// Promises of the journal as a store: what has ended durable is there after any crash, what was
// settled is not, and everything else is either whole or not there.
#include "storage/journal/journal_store.h"

#include <gmock/gmock.h>

#include <map>
#include <random>

#include "storage/journal/segment_index.h"
#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Node::Lanes kOne{{10, 3}};

TEST(JournalStore, WhatEndedDurableIsThereAfterARestart) {
  SimulatedDisk disk;
  {
    Node node(disk, kOne, 1);
    node.append(10, 1, "one");
    node.append(10, 2, "two");
    node.append(10, 3, "three");
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
    node.store(10).settle(10, 2, 2);
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  }
  Node node(disk, kOne, 1);
  EXPECT_EQ(count(node.found(10)), 2u);
  EXPECT_EQ(node.found(10).next_position, 4u);
  EXPECT_EQ(node.found(10).ranges.front().body_bytes, 3u);
  EXPECT_THAT(node.all(10), ElementsAre(std::pair(1, "one"), std::pair(3, "three")));
}

TEST(JournalStore, WhatIsSettledBeforeItWasSealedIsNeverWritten) {
  SimulatedDisk disk;
  Node node(disk, kOne, 1);
  node.append(10, 1, std::string(2000, 'x'));
  node.store(10).settle(10, 1, 1);
  const std::uint64_t syncs = node.disk().syncs();
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  EXPECT_EQ(node.disk().syncs(), syncs);
}

TEST(JournalStore, SegmentsGoWhenNothingInThemCounts) {
  SimulatedDisk disk;
  Node node(disk, {{10, 3}, {11, 4}}, 2);
  node.append(11, 1, "stays");
  for (std::uint64_t position = 1; position <= 400; ++position) {
    node.append(10, position, std::string(3000, 'x'));
    node.commit();
    node.store(10).settle(10, position, position);
  }
  node.commit();
  for (int i = 0; i < 5000 && node.journal().usage().segments > 8; ++i) node.wait();
  EXPECT_LE(node.journal().usage().segments, 8u);  // of 29; the oldest has the one that stays
  EXPECT_THAT(node.all(11), ElementsAre(std::pair(1, "stays")));
}

// Saying it takes more segments than make it worth it.
TEST(JournalStore, MuchThatIsSaidAgainIsNotSaidForEver) {
  constexpr std::uint64_t kMany = 30'000;
  SimulatedDisk disk;
  Node node(disk, kOne, 1);
  for (std::uint64_t position = 1; position <= kMany; ++position) node.append(10, position, "x");
  node.commit();
  for (int times = 0; times < 3; ++times) {  // each says as much as a restatement does
    for (std::uint64_t position = 1; position <= kMany; ++position) {
      node.store(10).returned(10, position, 7, 5);
    }
    node.commit();
  }
  std::size_t quiet = 0;
  for (int i = 0; i < 2000 && quiet < 50; ++i) {
    const std::uint64_t syncs = node.disk().syncs();
    node.turn();
    node.wait();
    quiet = node.disk().syncs() == syncs ? quiet + 1 : 0;
  }
  EXPECT_EQ(quiet, 50u);
}

TEST(JournalStore, CountsAndMarksSurvive) {
  SimulatedDisk disk;
  {
    Node node(disk, kOne, 1);
    node.append(10, 1, "one");
    node.append(10, 2, "two");
    node.append(10, 3, "three");
    node.commit();
    node.store(10).returned(10, 2, 7, 5);
    node.store(10).handed_out(10, 2);
    node.commit();
  }
  Node node(disk, kOne, 1);
  const ReadMessages read = node.read(10, 0);
  ASSERT_EQ(read.messages.size(), 3u);
  EXPECT_TRUE(read.messages[0].delivered);
  EXPECT_EQ(read.messages[1].acquired, 7u);
  EXPECT_EQ(read.messages[1].failed, 5u);
  EXPECT_FALSE(read.messages[2].delivered);
}

TEST(JournalStore, ARemovedQueueIsGone) {
  SimulatedDisk disk;
  Node node(disk, kOne, 1);
  for (std::uint64_t position = 1; position <= 100; ++position) {
    node.append(10, position, std::string(3000, 'x'));
    node.commit();
  }
  EXPECT_GE(node.journal().usage().segments, 5u);
  node.store(10).remove_queue(10);
  node.commit();
  for (int i = 0; i < 5000 && node.journal().usage().segments > 1; ++i) node.wait();
  EXPECT_EQ(node.journal().usage().segments, 1u);
  EXPECT_EQ(node.journal().usage().live_bytes, 0u);
}

TEST(JournalStore, AFailedSyncFailsEverythingFromThereOn) {
  SimulatedDisk disk;
  Node node(disk, kOne, 1);
  node.append(10, 1, "kept");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  node.disk().fail_sync_after(0);
  node.append(10, 2, "lost");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kFailed));
  node.append(10, 3, "too late");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kFailed));
  EXPECT_TRUE(node.refuses(10));
  EXPECT_EQ(node.all(10).count(1), 1u);
}

TEST(JournalStore, WhatWaitsForAQueueThatIsNeverKnownFailsWhenItGivesUp) {
  SimulatedDisk disk;
  Journal journal(disk.files(), Node::small(), {1, 2}, 1, 1, SegmentTable());
  journal.connect(0, [] {});
  JournalStore store(journal, 0);
  ASSERT_TRUE(journal.start());
  store.open_queue(10, 3);
  store.append({.queue = 10, .position = 1, .body = "x"});
  ASSERT_EQ(store.await_staged(), 1u);
  store.seal(1);
  store.give_up();
  std::vector<CommitEnd> ended;
  for (int i = 0; i < 10'000 && ended.empty(); ++i) {
    store.take_ended(ended);
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_THAT(ended, ElementsAre(CommitEnd::kFailed));
  EXPECT_TRUE(store.refuses());
}

TEST(JournalStore, WhatIsHandedOutIsMarkedByItselfOrByAMarkThatIsDurable) {
  SimulatedDisk disk;
  {
    Node node(disk, kOne, 1);
    node.append(10, 1, "staged when it was handed out");
    node.store(10).handed_out(10, 2);
    EXPECT_FALSE(node.store(10).unmarked(10).covers(1));
    node.append(10, 2, "sealed before it was");
    node.append(10, 3, "never handed out");
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
    EXPECT_FALSE(node.store(10).unmarked(10).covers(1));
    EXPECT_TRUE(node.store(10).unmarked(10).covers(2));
    node.store(10).handed_out(10, 3);
    EXPECT_TRUE(node.store(10).unmarked(10).covers(2)) << "that is not durable yet";
    EXPECT_NE(node.store(10).await_everything(), 0u);
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
    EXPECT_FALSE(node.store(10).unmarked(10).covers(2));
    EXPECT_TRUE(node.store(10).unmarked(10).covers(3));
    EXPECT_EQ(node.store(10).await_everything(), 0u);
    node.store(10).handed_out(10, 3);
    EXPECT_EQ(node.store(10).await_everything(), 0u) << "there is nothing new to say";
  }
  Node node(disk, kOne, 1);
  EXPECT_FALSE(node.store(10).unmarked(10).covers(2));
  EXPECT_TRUE(node.store(10).unmarked(10).covers(3));
  std::vector<bool> delivered;
  for (const MessageRecord& message : node.read(10, 1).messages) {
    delivered.push_back(message.delivered);
  }
  EXPECT_THAT(delivered, ElementsAre(true, true, false));
}

/// How often the disk was synced, when the journal has made the files that it wants.
std::uint64_t syncs_at_rest(Node& node) {
  node.append(10, 1, "the first segment is open");
  node.commit();
  for (int i = 0; i < 10'000 && !node.disk().files()->open(segment_name(2)); ++i) node.wait();
  return node.disk().syncs();
}

TEST(JournalStore, AQueueMayBeSyncedLaterThanOthers) {
  SimulatedDisk disk;
  Node node(disk, {{10, 3}, {11, 4}}, 1, {.segment_size = kSmallSegment, .sync_interval = 1h});
  node.store(11).set_sync(11, SyncPolicy::kInterval);
  const std::uint64_t before = syncs_at_rest(node);
  node.append(11, 1, "later");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  EXPECT_EQ(disk.syncs(), before) << "it is written only";
  node.append(10, 2, "now");
  node.append(11, 2, "later, in company");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  EXPECT_EQ(disk.syncs(), before + 1) << "the strictest of a commit's queues counts";
  node.store(11).set_sync(11, std::nullopt);
  node.append(11, 3, "as the node has it");
  node.commit();
  EXPECT_EQ(disk.syncs(), before + 2);
}

TEST(JournalStore, AQueueMayBeSyncedWhereTheNodeDoesNot) {
  SimulatedDisk disk;
  Node node(disk, {{10, 3}, {11, 4}}, 1,
            {.segment_size = kSmallSegment, .sync = SyncPolicy::kNever, .sync_interval = 1ms});
  node.store(11).set_sync(11, SyncPolicy::kAlways);
  const std::uint64_t before = syncs_at_rest(node);
  node.append(10, 2, "whenever");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(disk.syncs(), before);
  node.append(11, 1, "now");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  EXPECT_EQ(disk.syncs(), before + 1);
}

TEST(JournalStore, WhatNeedNotBeSyncedIsNotHeldUpBehindWhatNobodyWaitsFor) {
  SimulatedDisk disk;
  Node node(disk, {{10, 3}, {11, 4}}, 1, {.segment_size = kSmallSegment, .sync_interval = 1h});
  node.store(11).set_sync(11, SyncPolicy::kNever);
  node.append(10, 1, "must be synced, some time");
  node.store(10).flush();
  node.append(11, 1, "y");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
}

TEST(JournalStore, ACommitThatNeedNotBeSyncedDoesNotOvertakeOneThatMust) {
  SimulatedDisk disk;
  Node node(disk, {{10, 3}, {11, 4}}, 1, {.segment_size = kSmallSegment, .sync_interval = 1h});
  node.store(11).set_sync(11, SyncPolicy::kNever);
  node.append(10, 1, "x");
  node.store(10).seal(1);
  node.store(10).flush();  // nobody waits for it
  node.append(11, 1, "y");
  disk.fail_sync_after(0);
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kFailed)) << "only a sync could end the first";
}

TEST(JournalStore, UnitsAreWrittenWhenAllTheirPartsAreThere) {
  SimulatedDisk disk;
  const Node::Lanes lanes{{10, 2}, {11, 3}};
  {
    Node node(disk, lanes, 2);
    node.store(10).join_unit(77, 2);
    node.append(10, 1, "half");
    node.store(10).await_staged();
    node.store(10).seal(1);
    std::this_thread::sleep_for(20ms);
    std::vector<CommitEnd> ended;
    node.store(10).take_ended(ended);
    EXPECT_THAT(ended, IsEmpty());
    SimulatedDisk half = node.disk().killed();
    Node after(half, lanes, 1);
    EXPECT_THAT(after.all(10), IsEmpty());

    node.store(11).join_unit(77, 2);
    node.append(11, 1, "other half");
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  }
  Node node(disk, lanes, 1);
  EXPECT_EQ(node.all(10).size(), 1u);
  EXPECT_EQ(node.all(11).size(), 1u);
}

TEST(JournalStore, PartsOfAUnitFollowTheStrictestOfTheirQueues) {
  SimulatedDisk disk;
  Node node(disk, {{10, 2}, {11, 3}}, 2);
  node.store(11).set_sync(11, SyncPolicy::kNever);
  syncs_at_rest(node);
  disk.fail_sync_after(0);
  for (const std::uint64_t queue : {10, 11}) {
    node.store(queue).join_unit(77, 2);
    node.append(queue, 2, "part");
  }
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kFailed, CommitEnd::kFailed));
}

TEST(JournalStore, WhatTheDiskDoesNotGiveAtAStartIsNotTakenForGone) {
  SimulatedDisk disk;
  {
    Node node(disk, kOne, 1);
    for (std::uint64_t position = 1; position <= 100; ++position) {
      node.append(10, position, std::string(30, 'x'));
    }
    node.commit();
    for (std::uint64_t position = 101; position <= 150; ++position) {
      node.append(10, position, std::string(3000, 'x'));
      node.commit();
    }
    node.store(10).settle(10, 50, 50);
    node.commit();
  }
  ASSERT_TRUE(recover(*disk.files(), kOne, {1, 2})) << "it makes the index";
  ASSERT_TRUE(load_index(*disk.files(), {1, 0, kSmallSegment, {1, 2}}));
  SimulatedDisk refusing = disk.killed();
  refusing.refuse_reads(segment_name(1), kBlock);
  const auto found = recover(*refusing.files(), kOne, {1, 2});
  ASSERT_FALSE(found) << "of the first hundred one is settled: which, is in the segment";
  EXPECT_EQ(found.error().text, "the read failed");
  EXPECT_TRUE(recover(*disk.files(), kOne, {1, 2}));
}

TEST(JournalStore, AStartTellsHowManySegmentsItHasRead) {
  SimulatedDisk disk;
  for (std::uint64_t position = 1; position <= 3; ++position) {
    Node node(disk, kOne, 1);  // a segment each
    node.append(10, position, "x");
    node.commit();
  }
  std::vector<std::pair<std::size_t, std::size_t>> told;
  ASSERT_TRUE(recover(*disk.files(), kOne, {1, 2},
                      [&](std::size_t read, std::size_t of) { told.emplace_back(read, of); }));
  const std::size_t all = told.size();
  ASSERT_GE(all, 3u);
  for (std::size_t i = 0; i < all; ++i) EXPECT_EQ(told[i], std::pair(i + 1, all));
}

TEST(JournalStore, DamageIsNamedAndHurtsOnlyWhatItHits) {
  SimulatedDisk disk;
  {
    Node node(disk, kOne, 1);
    for (std::uint64_t position = 1; position <= 5; ++position) {
      node.append(10, position, "message number " + std::to_string(position));
      node.commit();
    }
  }
  const std::string name = segment_name(1);
  const std::size_t body = disk.content(name).find("message number 3");
  disk.corrupt(name, body, "X");
  {
    Node node(disk, kOne, 1);
    EXPECT_EQ(node.all(10).size(), 4u);
    EXPECT_EQ(node.damages.size(), 1u);
  }
  disk.corrupt(name, body / 4096 * 4096, std::string(64, 'Y'));  // the commit's head
  Node node(disk, kOne, 1);
  EXPECT_EQ(node.all(10).size(), 4u);
  ASSERT_EQ(node.recovered_damages.size(), 1u);
  EXPECT_THAT(node.recovered_damages.front(), HasSubstr(name));
}

/// What a random run knows of its messages, by queue and position.
struct Model {
  enum class State : std::uint8_t { kStaged, kDurable, kSettling, kSettled };
  std::map<std::pair<std::uint64_t, std::uint64_t>, State> messages;
  std::map<std::uint64_t, std::uint64_t> next;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> large;  // in several queues

  std::uint64_t take(std::uint64_t queue, std::uint64_t gap) {
    const std::uint64_t position = next[queue];
    next[queue] += 1 + gap;
    messages[{queue, position}] = State::kStaged;
    large.erase({queue, position});
    return position;
  }
  std::string body_of(std::uint64_t queue, std::uint64_t position) const {
    if (const auto it = large.find({queue, position}); it != large.end()) return it->second;
    std::string body = std::to_string(queue) + "/" + std::to_string(position) + " ";
    return body.append(position * 37 % 900, 'b');
  }
};

void append_large(Node& node, Model& model, std::mt19937_64& random) {
  std::vector<Node::Place> places;
  for (std::uint64_t queue = 10; queue < 14; ++queue) {
    if (random() % 3 != 0) places.push_back({queue, model.take(queue, 0)});
  }
  if (places.empty()) return;
  std::string body = model.body_of(places.front().queue, places.front().position);
  body.resize(3000 + random() % 9000, static_cast<char>('A' + random() % 26));
  for (const auto& [queue, position] : places) model.large[{queue, position}] = body;
  node.append(places, body);
}

void run_for_a_while(Node& node, Model& model, std::mt19937_64& random, int steps) {
  const auto draw = [&](std::uint64_t below) { return random() % below; };
  for (int step = 0; step < steps; ++step) {
    for (std::uint64_t n = draw(20); n != 0; --n) {
      const std::uint64_t queue = 10 + draw(4);
      const std::uint64_t position = model.take(queue, draw(10) == 0 ? draw(5) : 0);
      node.append(queue, position, model.body_of(queue, position));
      if (draw(16) == 0) append_large(node, model, random);
    }
    for (auto& [name, state] : model.messages) {
      if (state == Model::State::kDurable && draw(8) == 0) {
        node.store(name.first).settle(name.first, name.second, name.second);
        state = Model::State::kSettling;
      }
    }
    if (draw(6) == 0) continue;  // goes with the next one
    node.commit();
    for (auto& [name, state] : model.messages) {
      if (state == Model::State::kStaged) state = Model::State::kDurable;
      if (state == Model::State::kSettling) state = Model::State::kSettled;
    }
  }
}

void check(Node& node, Model& model) {
  for (std::uint64_t queue = 10; queue < 14; ++queue) {
    const auto there = node.all(queue);
    EXPECT_EQ(there.size(), count(node.found(queue)));
    for (const auto& [position, body] : there) {
      EXPECT_EQ(body, model.body_of(queue, position));
      EXPECT_LT(position, node.found(queue).next_position);
    }
    for (auto it = model.messages.begin(); it != model.messages.end();) {
      const auto [of, position] = it->first;
      if (of != queue) {
        ++it;
        continue;
      }
      const bool found = there.contains(position);
      if (it->second == Model::State::kDurable) {
        EXPECT_TRUE(found) << queue << "/" << position << " is lost";
      }
      if (it->second == Model::State::kSettled) {
        EXPECT_FALSE(found) << queue << "/" << position << " is back";
      }
      it->second = Model::State::kDurable;
      it = found ? std::next(it) : model.messages.erase(it);
    }
    model.next[queue] = node.found(queue).next_position;
  }
  EXPECT_THAT(node.recovered_damages, IsEmpty());
}

TEST(JournalStore, SegmentsThatStayHaveIndexesAndAreNotReadAtAStart) {
  SimulatedDisk disk;
  constexpr std::uint64_t kMessages = 300;
  {
    Node node(disk, kOne, 1);
    for (std::uint64_t position = 1; position <= kMessages; ++position) {
      node.append(10, position, std::string(3000, 'x'));
      EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
    }
    node.store(10).settle(10, 2, 2);
    node.commit();
    const auto indexed = [&] { return load_index(*disk.files(), {1, 0, kSmallSegment, {1, 2}}); };
    for (int i = 0; i < 10'000 && !indexed(); ++i) node.wait();
    ASSERT_TRUE(indexed());
  }
  expect_same_without_indexes(disk, kOne);
  disk.corrupt(segment_name(1), 3 * 4096, std::string(64, 'Y'));  // a commit's head
  Node node(disk, kOne, 1);
  EXPECT_THAT(node.recovered_damages, IsEmpty()) << "nobody has looked there";
  EXPECT_EQ(count(node.found(10)), kMessages - 1);
  EXPECT_EQ(node.all(10).size(), kMessages - 1);
}

TEST(JournalStore, AnIndexGoesWithItsSegment) {
  SimulatedDisk disk;
  Node node(disk, kOne, 1);
  std::uint64_t position = 0;
  const auto fill = [&](int messages) {
    for (int i = 0; i < messages; ++i) {
      node.append(10, ++position, std::string(3000, 'x'));
      node.commit();
    }
  };
  const auto has = [&](const std::string& name) { return disk.files()->open(name).has_value(); };
  fill(200);
  for (int i = 0; i < 10'000 && !has(index_name(1)); ++i) node.wait();
  ASSERT_TRUE(has(index_name(1)));
  node.store(10).settle(10, 1, position);
  node.commit();
  for (int i = 0; i < 10'000 && has(segment_name(1)); ++i) node.wait();
  EXPECT_FALSE(has(segment_name(1)));
  EXPECT_FALSE(has(index_name(1)));
}

class Crashes : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Crashes, LoseNothingThatWasDurableAndBringBackNothingSettled) {
  std::mt19937_64 random(GetParam());
  const auto draw = [&](std::uint64_t below) { return random() % below; };
  const Node::Lanes lanes{{10, 0}, {11, 1}, {12, 1}, {13, 6}};
  Model model;
  for (std::uint64_t queue = 10; queue < 14; ++queue) model.next[queue] = 1;
  SimulatedDisk disk;
  for (int life = 0; life < 6 && !HasFailure(); ++life) {
    expect_same_without_indexes(disk, lanes);
    Node node(disk, lanes, 1 + draw(3));
    if (life != 0) check(node, model);
    run_for_a_while(node, model, random, static_cast<int>(draw(250)));
    disk = draw(3) == 0 ? node.disk().killed() : node.disk().crashed(draw);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Crashes, testing::Range<std::uint64_t>(1, 41));

}  // namespace
}  // namespace polymq::storage::journal
