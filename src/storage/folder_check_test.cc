// Promises of the check of a data folder: it counts what is there and names what cannot be read.
#include "storage/folder_check.h"

#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>

#include "storage/journal/layout.h"
#include "storage/journal/segment.h"
#include "storage/testing/folder_user.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::storage {
namespace {

using testing::FolderUser;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FolderCheckTest : public ::testing::Test {
 protected:
  FolderCheckTest() {
    FolderUser user(path_);
    user.declare(10, 5, "orders");
    user.declare(11, 6, "empty");
    for (std::uint64_t position = 1; position <= 5; ++position) {
      user.keep(10, position, "order number " + std::to_string(position));
    }
    user.settle(10, 2);
  }
  std::string refusal(const std::string& path) {
    const auto checked = check_folder(path);
    return checked ? "" : checked.error().text;
  }
  /// Overwrites the first byte of `text`, wherever in the journal it is.
  void corrupt(const std::string& text) {
    for (const auto& entry : std::filesystem::directory_iterator(path_ + "/journal")) {
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(file), {}};
      const std::size_t at = content.find(text);
      if (at == std::string::npos) continue;
      file.clear();
      file.seekp(static_cast<std::streamoff>(at));
      file.put('#');
      return;
    }
    ADD_FAILURE() << "there is no " << text;
  }

  testing::TemporaryFolder temporary_;
  const std::string path_ = temporary_.path() / "data";
};

TEST_F(FolderCheckTest, CountsTheMessagesOfEachQueue) {
  for (int time = 0; time < 2; ++time) {  // it changes nothing
    const auto checked = check_folder(path_);
    ASSERT_TRUE(checked) << checked.error().text;
    EXPECT_THAT(checked->damages, IsEmpty());
    EXPECT_EQ(checked->messages, 4u);
    EXPECT_EQ(checked->use.segments, 1u);
    ASSERT_THAT(checked->queues, SizeIs(2));
    EXPECT_EQ(checked->queues[0].name, "orders");
    EXPECT_EQ(checked->queues[0].id, 10u);
    EXPECT_EQ(checked->queues[0].messages, 4u);
    EXPECT_EQ(checked->queues[0].body_bytes, 4 * std::string("order number 1").size());
    EXPECT_EQ(checked->queues[1].messages, 0u);
  }
}

TEST_F(FolderCheckTest, ARunningNodeTellsTheSameOfTheDisk) {
  const std::uint64_t ids = log_of(10, LogPart::kSeenIds);
  std::map<std::uint64_t, CheckedUse> told;
  journal::DiskUse total;
  {
    FolderUser user(path_, 2);
    user.declare(12, 7, "deleted");
    user.open(ids, 5);
    for (std::uint64_t position = 6; position <= 60; ++position) {  // some segments
      user.keep(10, position, std::string(3000, 'x'));
      user.keep(11, position, std::string(position, 'y'));
      user.keep(12, position, std::string(2000, 'z'));
      user.keep(ids, position, "id");
    }
    for (const std::uint64_t position : {1, 7, 8, 30, 59}) user.settle(10, position);
    for (std::uint64_t position = 6; position <= 60; ++position) user.settle(11, position);
    user.forget(12);
    const auto found = user.folder().survey_use(std::atomic<bool>(false));
    ASSERT_TRUE(found) << found.error().text;
    EXPECT_THAT(found->declared.queues, SizeIs(2));
    total = found->use;
    for (const journal::LogUse& log : total.logs) {
      told[incarnation_of(log.log)].live += log.live;
      told[incarnation_of(log.log)].dead += log.dead;
    }
  }
  const auto checked = check_folder(path_);
  ASSERT_TRUE(checked) << checked.error().text;
  EXPECT_EQ(total.live, checked->use.live);
  EXPECT_EQ(total.dead, checked->use.dead);
  EXPECT_GT(total.live, 0u);
  ASSERT_THAT(checked->queues, SizeIs(2));
  EXPECT_EQ(told.size(), 2u) << "what was deleted is in the total only";
  for (const CheckedQueue& queue : checked->queues) {
    EXPECT_EQ(told[queue.id].live, queue.use.live) << queue.name;
    EXPECT_EQ(told[queue.id].dead, queue.use.dead) << queue.name;
    EXPECT_GT(told[queue.id].dead, 0u) << queue.name;
  }
}

// A message's record, its empty exchange, its key `k`, the size of its properties, its body.
std::uint64_t stored(const std::string& body) {
  return journal::kMessageRecord + 1 + 2 + 4 + body.size();
}

TEST_F(FolderCheckTest, TellsWhatEachQueueTakesOnDisk) {
  for (int time = 0; time < 2; ++time) {  // it changes nothing
    const auto checked = check_folder(path_);
    ASSERT_TRUE(checked) << checked.error().text;
    EXPECT_EQ(checked->queues[0].use.live, 4 * stored("order number 1"));
    EXPECT_EQ(checked->queues[0].use.dead, stored("order number 2"));
    EXPECT_EQ(checked->queues[1].use.live, 0u);
    EXPECT_EQ(checked->queues[1].use.dead, 0u);
    EXPECT_EQ(checked->use.bytes, 64 * 1024u);
    EXPECT_EQ(checked->use.live, 4 * stored("order number 1"));
    EXPECT_EQ(checked->use.dead, stored("order number 2"));
    EXPECT_EQ(checked->use.reclaimable(), checked->use.bytes - checked->use.live);
    EXPECT_THAT(checked->exchanges, IsEmpty());
  }
}

TEST_F(FolderCheckTest, CountsAllLogsToTheirQueuesAndExchanges) {
  {
    FolderUser user(path_);
    const std::uint64_t ids = log_of(11, LogPart::kSeenIds);
    user.open(ids, 6);
    user.keep(ids, 1, "");
    user.keep(ids, 2, "");
    user.settle(ids, 1);
    user.declare_exchange(70, "unused");
    user.declare_exchange(71, "later");
    const std::uint64_t history = log_of(71, LogPart::kHistory);
    user.open(71, lane_of_exchange(71));
    user.open(history, lane_of_exchange(71));
    user.keep(71, 1, "held");
    user.keep(history, 1, "gone");
    user.keep(history, 2, "remembered");
    user.settle(history, 1);
  }
  const auto checked = check_folder(path_);
  ASSERT_TRUE(checked) << checked.error().text;
  ASSERT_THAT(checked->queues, SizeIs(2));
  const CheckedQueue& queue = checked->queues[1];
  EXPECT_EQ(queue.messages, 0u);
  EXPECT_EQ(queue.seen_ids, 1u);
  EXPECT_EQ(queue.use.live, stored(""));
  EXPECT_EQ(queue.use.dead, stored(""));
  ASSERT_THAT(checked->exchanges, SizeIs(1)) << "others have nothing";
  const CheckedExchange& exchange = checked->exchanges[0];
  EXPECT_EQ(exchange.id, 71u);
  EXPECT_EQ(exchange.name, "later");
  EXPECT_EQ(exchange.held, 1u);
  EXPECT_EQ(exchange.seen_ids, 0u);
  EXPECT_EQ(exchange.history, 1u);
  EXPECT_EQ(exchange.use.live, stored("held") + stored("remembered"));
  EXPECT_EQ(exchange.use.dead, stored("gone"));
  EXPECT_EQ(checked->messages, 4u) << "of queues";
}

TEST_F(FolderCheckTest, WhatDeletedQueuesLeftIsDeadInTheTotal) {
  FolderUser(path_).forget(10);
  const auto checked = check_folder(path_);
  ASSERT_TRUE(checked) << checked.error().text;
  ASSERT_THAT(checked->queues, SizeIs(1));
  EXPECT_EQ(checked->use.live, 0u);
  EXPECT_EQ(checked->use.dead, 5 * stored("order number 1"));
}

TEST_F(FolderCheckTest, NamesTheQueueAndThePlaceOfADamagedMessage) {
  corrupt("order number 3");
  const auto checked = check_folder(path_);
  ASSERT_TRUE(checked) << checked.error().text;
  EXPECT_EQ(checked->messages, 3u);
  ASSERT_THAT(checked->damages, SizeIs(1));
  EXPECT_THAT(checked->damages[0], HasSubstr("queue 'orders', position 3: "));
}

TEST_F(FolderCheckTest, ReadsSegmentsThoughTheyHaveIndexes) {
  const std::string segment = path_ + "/journal/" + journal::segment_name(1);
  {
    FolderUser user(path_);
    for (std::uint64_t position = 6; position <= 30; ++position) {
      user.keep(10, position, std::string(20'000, 'x'));
    }
  }
  {
    const FolderUser again(path_);
  }  // a start makes those that are missing
  ASSERT_TRUE(std::filesystem::exists(path_ + "/journal/" + journal::index_name(1)));
  {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2 * journal::kBlock);  // the second commit's head
    file.put('#');
  }
  EXPECT_THAT(FolderUser(path_).folder().damages(), IsEmpty()) << "a start does not look there";
  const auto checked = check_folder(path_);
  ASSERT_TRUE(checked) << checked.error().text;
  ASSERT_THAT(checked->damages, SizeIs(1));
  EXPECT_THAT(checked->damages[0], HasSubstr(journal::segment_name(1)));
  EXPECT_FALSE(FolderUser(path_).folder().damages().empty()) << "from now on a start knows it";
}

TEST_F(FolderCheckTest, RefusesAFolderInUseAndWhatIsNone) {
  EXPECT_THAT(refusal(temporary_.path()), HasSubstr("is no data folder"));
  EXPECT_THAT(refusal(path_ + "/nothing"), HasSubstr("is no data folder"));
  EXPECT_FALSE(std::filesystem::exists(path_ + "/nothing")) << "a check makes no folder";
  const FolderUser user(path_);
  EXPECT_THAT(refusal(path_), HasSubstr("in use"));
}

}  // namespace
}  // namespace polymq::storage
