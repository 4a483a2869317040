// Promises of a repair: whatever is damaged, afterwards a check passes, all that could be read is
// there in order, the rest is listed, and no damaged file is gone.
#include "storage/folder_repair.h"

#include <gmock/gmock.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "storage/journal/layout.h"
#include "storage/testing/folder_user.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FolderUser;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;

using Bodies = std::map<std::uint64_t, std::string>;
constexpr std::uint64_t kQueue = 10;
constexpr std::uint64_t kMessages = 8;
constexpr auto kBlock = static_cast<std::streamoff>(journal::kBlock);

class FolderRepairTest : public ::testing::Test {
 protected:
  FolderRepairTest() {
    FolderUser user(path_);
    user.declare(kQueue, 5, "orders");
    user.declare(kQueue + 1, 6, "others");
    user.keep(kQueue + 1, 1, body(100));
    for (std::uint64_t position = 1; position <= kMessages; ++position) {
      user.keep(kQueue, position, body(position));
    }
    user.settle(kQueue, 2);
  }
  /// Three or so fill a segment.
  static std::string body(std::uint64_t position) {
    return "order number " + std::to_string(position) + std::string(15'000, '.');
  }
  /// All but those.
  static Bodies without(const std::set<std::uint64_t>& gone) {
    Bodies bodies;
    for (std::uint64_t position = 1; position <= kMessages; ++position) {
      if (!gone.contains(position)) bodies[position] = body(position);
    }
    return bodies;
  }
  fs::path file_with(const std::string& text, std::streamoff& at) {
    for (const auto& entry : fs::directory_iterator(path_ + "/journal")) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(file), {}};
      const std::size_t found = content.find(text);
      if (found == std::string::npos) continue;
      at = static_cast<std::streamoff>(found);
      return entry.path();
    }
    ADD_FAILURE() << "there is no " << text;
    return {};
  }
  static void overwrite(const fs::path& file, std::streamoff at, const std::string& bytes) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at);
    stream << bytes;
  }
  static std::string content(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  RepairedFolder repaired() {
    EXPECT_FALSE(check_folder(path_)->damages.empty()) << "the test damages nothing";
    auto done = repair_folder(path_);
    EXPECT_TRUE(done) << done.error().text;
    if (!done) return {};
    EXPECT_THAT(done->now.damages, IsEmpty());
    for (const std::string& file : done->kept_aside) {
      EXPECT_TRUE(fs::exists(file)) << file;
      EXPECT_THAT(file, HasSubstr(path_ + "/damaged/"));
    }
    const auto again = repair_folder(path_);
    EXPECT_TRUE(again && again->lost.empty() && again->kept_aside.empty()) << "it is whole";
    return *done;
  }
  /// The other queue is whole, and the folder can be used.
  void expect_left(const Bodies& bodies) {
    FolderUser user(path_);
    ASSERT_THAT(user.error(), IsEmpty());
    EXPECT_THAT(user.folder().damages(), IsEmpty());
    EXPECT_EQ(user.all(kQueue), bodies);
    EXPECT_EQ(user.all(kQueue + 1), (Bodies{{1, body(100)}}));
    EXPECT_EQ(user.found(kQueue).next_position, kMessages + 1);
    user.keep(kQueue, kMessages + 1, "new");
    EXPECT_THAT(user.all(kQueue), Contains(Key(kMessages + 1)));
  }

  testing::TemporaryFolder temporary_;
  const std::string path_ = temporary_.path() / "data";
};

TEST_F(FolderRepairTest, AWholeFolderIsLeftAsItIs) {
  const auto done = repair_folder(path_);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_THAT(done->lost, IsEmpty());
  EXPECT_THAT(done->kept_aside, IsEmpty());
  EXPECT_EQ(done->now.messages, kMessages);
  EXPECT_FALSE(fs::exists(path_ + "/damaged"));
  expect_left(without({2}));
}

TEST_F(FolderRepairTest, WhatCameAfterASegmentLostItsHeaderIsThereBesideWhatIsInIt) {
  constexpr std::uint64_t kNeighbor = kQueue + 2;  // in the same lane
  FolderUser(path_).declare(kNeighbor, 5, "neighbors");
  FolderUser(path_).keep(kNeighbor, 1, body(50));
  for (const char* text : {"order number 8", "order number 50"}) {
    std::streamoff at = 0;
    const fs::path file = file_with(text, at);
    overwrite(file, 3, "damaged");
  }
  Bodies all = without({2});
  {
    FolderUser user(path_);
    EXPECT_THAT(user.folder().damages(), SizeIs(2));
    EXPECT_EQ(user.all(kQueue), all) << "what can be read is handed out";
    for (std::uint64_t n = 0; n < 3; ++n) {
      const std::uint64_t position = user.found(kQueue).next_position + n;
      EXPECT_TRUE(all.emplace(position, "came later").second) << "two at one position";
      user.keep(kQueue, position, "came later");
    }
  }
  repaired();
  FolderUser user(path_);
  EXPECT_EQ(user.all(kQueue), all);
  EXPECT_EQ(user.all(kNeighbor), (Bodies{{1, body(50)}}));
}

TEST_F(FolderRepairTest, AMessageWithDamagedDataIsDroppedAndNamed) {
  std::streamoff at = 0;
  const fs::path file = file_with("order number 4", at);
  overwrite(file, at, "#");
  const std::string before = content(file);
  const RepairedFolder done = repaired();
  EXPECT_THAT(done.lost, ElementsAre(AllOf(HasSubstr("queue 'orders', positions 4 to 4: "),
                                           HasSubstr(file.filename().native()))));
  EXPECT_EQ(done.messages_lost, 1u);
  ASSERT_THAT(done.kept_aside, ElementsAre(path_ + "/damaged/" + file.filename().native()));
  EXPECT_EQ(content(done.kept_aside.front()), before);
  expect_left(without({2, 4}));
}

TEST_F(FolderRepairTest, AChunkWithADamagedIndexCostsThatChunk) {
  std::streamoff at = 0;
  const fs::path file = file_with("order number 4", at);
  // Its commit begins at a block; the index follows the two headers.
  const std::streamoff commit = at / kBlock * kBlock;
  overwrite(file, commit + 64 + 32 + 10 + 20, "#");
  const std::string before = content(file);
  const RepairedFolder done = repaired();
  ASSERT_THAT(done.lost, SizeIs(1));
  EXPECT_THAT(done.lost[0],
              AllOf(HasSubstr(file.filename().native() + ", offset " + std::to_string(commit + 64)),
                    HasSubstr("it seems to have held 1 entries of queue or exchange 10")));
  ASSERT_THAT(done.kept_aside, SizeIs(1));
  EXPECT_EQ(content(done.kept_aside.front()), before);
  expect_left(without({2, 4}));
}

TEST_F(FolderRepairTest, DamagedDataThatQueuesShareIsDroppedFromEachOfThem) {
  {
    FolderUser user(path_);
    const std::string bodies[] = {"order number 9" + std::string(15'000, '.'),
                                  "order number 10" + std::string(15'000, '.')};
    for (std::uint64_t i = 0; i < 2; ++i) {
      MessageStore& store = user.folder().store(0);
      store.append({.queue = kQueue, .position = kMessages + 1 + i, .body = bodies[i]});
      store.append({.queue = kQueue + 1, .position = 2 + i, .body = bodies[i]});
    }
    user.keep(kQueue + 1, 4, "and another");
  }
  {
    const FolderUser start(path_);
  }  // which says that all of it counts
  std::streamoff at = 0;
  overwrite(file_with("order number 9", at), at, "#");
  const RepairedFolder done = repaired();
  EXPECT_THAT(done.lost, ElementsAre(HasSubstr("queue 'orders', positions 9 to 9: "),
                                     HasSubstr("queue 'others', positions 2 to 2: ")));
  EXPECT_EQ(done.messages_lost, 2u);
  FolderUser user(path_);
  EXPECT_THAT(user.all(kQueue), AllOf(Contains(Key(10)), SizeIs(kMessages)));
  EXPECT_THAT(user.all(kQueue + 1), ElementsAre(Key(1), Key(3), Key(4)));
}

// Exchanges and queues keep more than messages.
TEST_F(FolderRepairTest, WhatElseIsKeptIsRepairedToo) {
  const std::uint64_t seen = log_of(kQueue, LogPart::kSeenIds);
  {
    FolderUser user(path_);
    MessageStore& store = user.folder().store(0);
    store.open_queue(seen, 5);
    const std::array<std::string, 3> ids{"id number 1", "id number 2", "id number 3"};
    for (std::uint64_t position = 1; position <= ids.size(); ++position) {
      store.append({.queue = seen, .position = position, .body = ids.at(position - 1)});
    }
    user.keep(kQueue, kMessages + 1, "and a message");
  }
  {
    const FolderUser start(path_);
  }  // which says that all of it counts
  std::streamoff at = 0;
  overwrite(file_with("id number 2", at), at, "#");
  const RepairedFolder done = repaired();
  EXPECT_THAT(done.lost, ElementsAre(HasSubstr("ids seen by queue 'orders', positions 2 to 2: ")));
  EXPECT_EQ(done.messages_lost, 0u);
  EXPECT_EQ(done.now.messages, kMessages + 1) << "ids are none";
}

TEST_F(FolderRepairTest, ALostCommitCostsThatCommit) {
  std::streamoff at = 0;
  const fs::path file = file_with("order number 4", at);
  const std::streamoff commit = at / kBlock * kBlock;
  overwrite(file, commit, "no commit");
  const RepairedFolder done = repaired();
  ASSERT_THAT(done.lost, SizeIs(1));
  EXPECT_THAT(done.lost[0], HasSubstr("commits are missing"));
  expect_left(without({2, 4}));
}

TEST_F(FolderRepairTest, ALostSettlementBringsItsMessageBack) {
  std::streamoff at = 0;
  const fs::path file = file_with("order number 8", at);
  // What was committed behind the last message.
  const std::streamoff settled =
      at / kBlock * kBlock + (96 + 10 + 41 + 15'100 + kBlock) / kBlock * kBlock;
  ASSERT_EQ(content(file).substr(static_cast<std::size_t>(settled), 4), "PMQC");
  {
    const FolderUser start(path_);
  }  // which says that all of it counts
  overwrite(file, settled + 64 + 32 + 11, "#");
  const RepairedFolder done = repaired();
  ASSERT_THAT(done.lost, SizeIs(1));
  EXPECT_THAT(done.lost[0], HasSubstr("checksum"));
  expect_left(without({}));
}

TEST_F(FolderRepairTest, ADamagedHeaderCostsNothing) {
  std::streamoff at = 0;
  const fs::path file = file_with("order number 4", at);
  overwrite(file, 0, std::string(64, '\0'));
  const RepairedFolder done = repaired();
  EXPECT_THAT(done.lost, IsEmpty());
  EXPECT_THAT(done.kept_aside, SizeIs(1));
  expect_left(without({2}));
}

TEST_F(FolderRepairTest, ASegmentOfWhichNothingIsLeftGoesWithWhatItHad) {
  std::streamoff at = 0;
  const fs::path file = file_with("order number 4", at);
  overwrite(file, 0, std::string(fs::file_size(file), '#'));
  const RepairedFolder done = repaired();
  ASSERT_THAT(done.lost, SizeIs(1));
  EXPECT_THAT(done.lost[0], HasSubstr("nothing of it can be read"));
  FolderUser user(path_);
  EXPECT_THAT(user.folder().damages(), IsEmpty());
  const Bodies left = user.all(kQueue);
  EXPECT_FALSE(left.contains(4));
  EXPECT_EQ(left.at(1), body(1));
  EXPECT_EQ(left.at(kMessages), body(kMessages));
}

TEST_F(FolderRepairTest, SeveralDamagesAtOnceAndAgain) {
  std::streamoff at = 0;
  fs::path file = file_with("order number 1.", at);
  overwrite(file, at / kBlock * kBlock, "no commit");
  overwrite(file, 0, "no segment");
  file = file_with("order number 7", at);
  overwrite(file, at, "#");
  EXPECT_THAT(repaired().kept_aside, SizeIs(2));
  file = file_with("order number 8", at);
  overwrite(file, at, "#");
  repaired();
  expect_left(without({1, 2, 7, 8}));
}

TEST_F(FolderRepairTest, DamagedMetadataIsSaidToBeForOthers) {
  overwrite(path_ + "/metadata.sqlite", 0, std::string(8192, '#'));
  const auto done = repair_folder(path_);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text,
              AllOf(HasSubstr("metadata.sqlite"), HasSubstr("restore a backup")));
}

TEST_F(FolderRepairTest, RefusesAFolderInUseAndWhatIsNone) {
  EXPECT_THAT(repair_folder(temporary_.path()).error().text, HasSubstr("is no data folder"));
  const FolderUser user(path_);
  EXPECT_THAT(repair_folder(path_).error().text, HasSubstr("in use"));
}

}  // namespace
}  // namespace polymq::storage
