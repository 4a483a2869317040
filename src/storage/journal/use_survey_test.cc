// Promises of counting the disk's use while the journal works: it tells what a start would find,
// and keeps nobody from writing.
#include "storage/journal/use_survey.h"

#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "storage/journal/layout.h"
#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using testing::Each;
using testing::HasSubstr;

const Node::Lanes kQueues{{10, 3}, {11, 3}, {12, 4}};

void commit(Node& node) { EXPECT_THAT(node.commit(), Each(CommitEnd::kDurable)); }

FileResult<DiskUse> survey(Node& node, const Node::Lanes& known = kQueues) {
  const std::atomic<bool> never{false};
  return node.journal().survey_use(
      [&] {
        std::unordered_set<std::uint64_t> incarnations;
        for (const auto& [queue, lane] : known) incarnations.insert(queue);
        return incarnations;
      },
      never);
}

void expect_as_a_start_would(Node& node, const Node::Lanes& known = kQueues) {
  auto found = survey(node, known);
  ASSERT_TRUE(found) << found.error().text;
  SimulatedDisk copy = node.disk().killed();
  const auto started = recover(*copy.files(), known, {1, 2});
  ASSERT_TRUE(started) << started.error().text;
  EXPECT_EQ(found->live, started->use.live);
  EXPECT_EQ(found->dead, started->use.dead);
  EXPECT_EQ(found->bytes, started->use.bytes);
  EXPECT_EQ(found->segments, started->use.segments);
  EXPECT_EQ(sorted(found->logs), sorted(started->use.logs));
}

TEST(UseSurvey, FindsNothingInANewJournal) {
  Node node(SimulatedDisk(), kQueues, 1);
  const auto found = survey(node);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->live + found->dead, 0u);
  EXPECT_TRUE(found->logs.empty());
}

TEST(UseSurvey, TellsWhatAStartWould) {
  Node node(SimulatedDisk(), kQueues, 2);
  for (std::uint64_t position = 1; position <= 60; ++position) {  // some segments
    node.append(10, 2 * position, std::string(2000, 'a'));
    node.append({{11, position}, {10, 2 * position + 1}}, std::string(3000, 'b'));
    node.append(12, position, std::string(position, 'c'));
    commit(node);
    if (position % 20 == 7) expect_as_a_start_would(node);
  }
  node.store(10).settle(10, 1, 30);
  node.store(11).settle(11, 5, 5);
  node.store(11).settle(11, 9, 44);
  node.store(12).settle(12, 1, 60);
  commit(node);
  expect_as_a_start_would(node);
  expect_as_a_start_would(node, {{10, 3}, {12, 4}});  // one was deleted
  const auto found = survey(node);
  ASSERT_EQ(found->logs.size(), 3u);
  EXPECT_EQ(sorted(found->logs)[2].live, 0u);
  EXPECT_GT(sorted(found->logs)[2].dead, 60 * kMessageRecord);
}

TEST(UseSurvey, MessagesThatMovedCountOnce) {
  Node node(SimulatedDisk(), kQueues, 1);
  for (std::uint64_t position = 1; position <= 400; ++position) {
    node.append(10, position, std::string(3000, 'x'));
    if (position % 8 == 0) node.append(12, position, std::string(1000, 'y'));
    commit(node);
  }
  node.store(10).settle(10, 1, 400);
  commit(node);
  for (int i = 0; i < 2000 && node.journal().usage().segments > 10; ++i) {
    node.turn();
    node.wait();
    // What has moved is in both places until the next turn hears of it.
    const auto found = survey(node);
    ASSERT_TRUE(found) << found.error().text;
    ASSERT_EQ(found->live, 50 * (kMessageRecord + 1 + 2 + 4 + 1000));
  }
  EXPECT_LE(node.journal().usage().segments, 10u) << "of 25 or so";
}

TEST(UseSurvey, NobodyWaitsForIt) {
  Node node(SimulatedDisk(), kQueues, 1);
  node.append(10, 1, "before");
  commit(node);
  const std::atomic<bool> never{false};
  const auto found = node.journal().survey_use(
      [&]() -> FileResult<std::unordered_set<std::uint64_t>> {
        for (std::uint64_t position = 2; position <= 100; ++position) {
          node.append(10, position, std::string(3000, 'x'));  // more segments meanwhile
          commit(node);
        }
        node.store(10).settle(10, 1, 100);
        commit(node);
        return std::unordered_set<std::uint64_t>{10};
      },
      never);
  ASSERT_TRUE(found) << found.error().text;
  const std::uint64_t first = kMessageRecord + 1 + 2 + 4 + 6;
  EXPECT_EQ(found->live, first) << "as it was when it was asked";
  EXPECT_EQ(found->dead, 0u);
  expect_as_a_start_would(node);
}

TEST(UseSurvey, ABackupAndItDoNotMeet) {
  Node node(SimulatedDisk(), kQueues, 1);
  ASSERT_TRUE(node.journal().hold());
  const auto refused = survey(node);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("a backup is under way"));
  node.journal().release();
  EXPECT_TRUE(survey(node));
}

TEST(UseSurvey, IsGivenUpWhenAsked) {
  Node node(SimulatedDisk(), kQueues, 1);
  node.append(10, 1, "1");
  commit(node);
  const std::atomic<bool> now{true};
  EXPECT_FALSE(node.journal().survey_use([] { return std::unordered_set<std::uint64_t>{}; }, now));
  EXPECT_TRUE(survey(node));
}

}  // namespace
}  // namespace polymq::storage::journal
