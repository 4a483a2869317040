// Promises of backups: a copy is of one moment, starts as a folder does, is not changed by what the
// node does later, nor the node by what becomes of the copy; one that fails leaves nothing.
#include "storage/backup.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "storage/folder_check.h"
#include "storage/journal/segment.h"
#include "storage/testing/folder_user.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::storage {
namespace {

namespace fs = std::filesystem;
using testing::FolderUser;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using Bodies = std::map<std::uint64_t, std::string>;
/// A few of them fill a segment.
const std::string kLarge(20'000, 'x');

class BackupTest : public ::testing::Test {
 protected:
  BackedUp back_up(FolderUser& user, const std::string& target) {
    const auto done = user.folder().back_up(target, stop_);
    EXPECT_TRUE(done) << done.error().text;
    return done ? *done : BackedUp{};
  }
  std::string refusal(FolderUser& user, const std::string& target) {
    const auto done = user.folder().back_up(target, stop_);
    return done ? "" : done.error().text;
  }
  static void expect_well(const std::string& path, std::uint64_t messages) {
    const auto checked = check_folder(path);
    ASSERT_TRUE(checked) << checked.error().text;
    EXPECT_THAT(checked->damages, IsEmpty());
    EXPECT_EQ(checked->messages, messages);
  }
  /// Everything in the folder.
  static std::set<std::string> names(const fs::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
    return names;
  }

  testing::TemporaryFolder temporary_;
  const std::string path_ = temporary_.path() / "data";
  const std::string copy_ = temporary_.path() / "copy";
  std::atomic<bool> stop_{false};
};

TEST_F(BackupTest, HasWhatWasKeptBeforeAndNothingOfWhatCameLater) {
  FolderUser user(path_);
  user.declare(10, 5, "orders");
  for (std::uint64_t position = 1; position <= 3; ++position) {
    user.keep(10, position, "order " + std::to_string(position));
  }
  user.settle(10, 2);
  const BackedUp done = back_up(user, copy_);
  EXPECT_EQ(done.segments, 1u);
  EXPECT_EQ(done.linked, 1u);
  user.keep(10, 4, "too late");
  user.settle(10, 1);

  FolderUser restored(copy_);
  ASSERT_THAT(restored.error(), IsEmpty());
  EXPECT_THAT(restored.folder().damages(), IsEmpty());
  EXPECT_EQ(restored.all(10), (Bodies{{1, "order 1"}, {3, "order 3"}}));
  EXPECT_EQ(restored.found(10).next_position, 4u);
  EXPECT_EQ(user.all(10), (Bodies{{3, "order 3"}, {4, "too late"}}));
}

TEST_F(BackupTest, NothingInItIsReadableForOthers) {
  FolderUser user(path_);
  user.declare(10, 5);
  user.keep(10, 1, "a");
  back_up(user, copy_);
  EXPECT_EQ(names(copy_), (std::set<std::string>{"format", "journal", "metadata.sqlite"}));
  for (const auto& entry : fs::recursive_directory_iterator(copy_)) {
    EXPECT_EQ(entry.status().permissions() & (fs::perms::group_all | fs::perms::others_all),
              fs::perms::none)
        << entry.path();
  }
}

TEST_F(BackupTest, OfAnEmptyFolderIsAnEmptyFolder) {
  FolderUser user(path_);
  EXPECT_EQ(back_up(user, copy_).segments, 0u);
  expect_well(copy_, 0);
}

// Segments are removed and used again in both folders, which share files.
TEST_F(BackupTest, TheFolderAndItsCopyGoSeparateWays) {
  FolderUser user(path_);
  user.declare(10, 5);
  std::uint64_t position = 0;
  const auto keep_one = [&] {
    ++position;
    user.keep(10, position, kLarge + std::to_string(position));
  };
  for (int i = 0; i < 20; ++i) keep_one();
  const Bodies before = user.all(10);
  for (std::uint64_t settled = 0; settled < 60;) {
    if (settled % 20 == 0) back_up(user, copy_ + std::to_string(settled));
    user.settle(10, ++settled);
    keep_one();
  }
  expect_well(copy_ + "20", 20);
  expect_well(copy_ + "40", 20);
  FolderUser restored(copy_ + "0");
  ASSERT_THAT(restored.error(), IsEmpty());
  EXPECT_EQ(restored.all(10), before);
  for (std::uint64_t settled = 1; settled <= 20; ++settled) {
    restored.settle(10, settled);
    restored.keep(10, 20 + settled, "other " + kLarge);
  }
  EXPECT_THAT(user.all(10), SizeIs(20));
  EXPECT_EQ(user.all(10).at(position), kLarge + std::to_string(position));
  EXPECT_EQ(restored.all(10).at(40), "other " + kLarge);
}

TEST_F(BackupTest, ACopyOfACopyIsOneToo) {
  {
    FolderUser user(path_);
    user.declare(10, 5);
    user.keep(10, 1, "a");
    back_up(user, copy_);
  }
  FolderUser restored(copy_);
  restored.keep(10, 2, "b");
  back_up(restored, copy_ + "2");
  FolderUser again(copy_ + "2");
  EXPECT_EQ(again.all(10), (Bodies{{1, "a"}, {2, "b"}}));
}

// An id that is given out in the copy never was one in what it was copied from.
TEST_F(BackupTest, HasTheIndexesOfSegments) {
  {
    FolderUser user(path_);
    user.declare(10, 5, "orders");
    for (std::uint64_t position = 1; position <= 30; ++position) user.keep(10, position, kLarge);
  }
  FolderUser again(path_);  // it makes them
  const BackedUp done = back_up(again, copy_);
  EXPECT_EQ(done.linked, done.segments);
  EXPECT_TRUE(fs::exists(copy_ + "/journal/" + journal::index_name(1)));
  EXPECT_EQ(FolderUser(copy_).all(10).size(), 30u);
  expect_well(copy_, 30);
}

TEST_F(BackupTest, IncarnationsGoOnBehindThoseOfTheFolder) {
  FolderUser user(path_);
  const std::uint64_t first = user.folder().first_incarnation();
  user.declare(first + 7, 5, "orders");
  user.keep(first + 7, 1, "a");
  back_up(user, copy_);
  FolderUser restored(copy_);
  EXPECT_GT(restored.folder().first_incarnation(), first + 7);
  EXPECT_EQ(restored.folder().image().queues.size(), 1u);
}

TEST_F(BackupTest, IsMadeWhileOthersWrite) {
  FolderUser user(path_);
  user.declare(10, 5);
  user.declare(11, 6);
  std::atomic<bool> enough{false};
  std::atomic<std::uint64_t> kept{0};
  std::thread writer([&] {
    for (std::uint64_t position = 1; !enough; ++position) {
      user.keep(10, position, std::to_string(position));
      kept = position;
    }
  });
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t asked = kept;
    const std::string copy = copy_ + std::to_string(i);
    back_up(user, copy);
    FolderUser restored(copy);
    EXPECT_THAT(restored.folder().damages(), IsEmpty());
    const Bodies there = restored.all(10);
    EXPECT_GE(there.size(), asked);
    for (std::uint64_t position = 1; position <= there.size(); ++position) {
      ASSERT_EQ(there.at(position), std::to_string(position));
    }
  }
  enough = true;
  writer.join();
  EXPECT_EQ(user.all(10).size(), kept);
}

TEST_F(BackupTest, WhatIsDamagedIsCopiedAsItIs) {
  {
    FolderUser user(path_);
    user.declare(10, 5);
    user.keep(10, 1, kLarge);
    user.keep(10, 2, kLarge);
    user.keep(10, 3, kLarge);
  }
  const std::string first = *names(path_ + "/journal").begin();
  std::ofstream(path_ + "/journal/" + first, std::ios::binary | std::ios::in) << "no header";
  ASSERT_TRUE(back_up_folder(path_, copy_, stop_));
  EXPECT_TRUE(names(copy_ + "/journal").contains(first));
  const auto checked = check_folder(copy_);
  ASSERT_TRUE(checked) << checked.error().text;
  EXPECT_THAT(checked->damages, SizeIs(1));
}

TEST_F(BackupTest, AFolderThatNobodyUsesIsCopiedToo) {
  {
    FolderUser user(path_);
    user.declare(10, 5);
    user.keep(10, 1, "a");
  }
  const auto done = back_up_folder(path_, copy_, stop_);
  ASSERT_TRUE(done) << done.error().text;
  expect_well(copy_, 1);
  expect_well(path_, 1);
  const FolderUser user(path_);
  EXPECT_THAT(back_up_folder(path_, copy_ + "2", stop_).error().text, HasSubstr("in use"));
  EXPECT_THAT(back_up_folder(temporary_.path() / "none", copy_ + "2", stop_).error().text,
              HasSubstr("is no data folder"));
  EXPECT_EQ(names(temporary_.path()), (std::set<std::string>{"copy", "data"}));
}

// What lies on another file system cannot be linked.
class BackupElsewhereTest : public BackupTest {
 protected:
  void SetUp() override {
    struct stat here{};
    struct stat there{};
    ::stat(temporary_.path().c_str(), &here);
    const bool made = ::mkdtemp(other_.data()) != nullptr;
    if (!made || ::stat(other_.c_str(), &there) != 0 || here.st_dev == there.st_dev) {
      GTEST_SKIP() << "there is no other file system at /dev/shm";
    }
  }
  void TearDown() override { fs::remove_all(other_); }

  std::string other_ = "/dev/shm/polymq_backup_XXXXXX";
};

TEST_F(BackupElsewhereTest, SegmentsAreCopied) {
  FolderUser user(path_);
  user.declare(10, 5);
  for (std::uint64_t position = 1; position <= 10; ++position) user.keep(10, position, kLarge);
  const BackedUp done = back_up(user, other_ + "/copy");
  EXPECT_GT(done.segments, 1u);
  EXPECT_EQ(done.linked, 0u);
  expect_well(other_ + "/copy", 10);
}

TEST_F(BackupElsewhereTest, WhatCannotBeWrittenLeavesNothing) {
  {
    FolderUser user(path_);
    user.declare(10, 5);
    user.keep(10, 1, std::string(6'000'000, 'x'));  // more than a start makes
  }
  FolderUser(path_).keep(10, 2, "small");  // which is all that a start writes again
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{5'000'000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto refused = back_up_folder(path_, other_ + "/copy", stop_);
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("cannot write " + other_ + "/copy.partial/journal/"));
  EXPECT_THAT(names(other_), IsEmpty());
  EXPECT_TRUE(back_up_folder(path_, other_ + "/copy", stop_));
  expect_well(other_ + "/copy", 2);
}

TEST_F(BackupTest, RefusesATargetThatIsNotItsOwn) {
  FolderUser user(path_);
  user.declare(10, 5);
  fs::create_directory(copy_);
  std::ofstream(copy_ + "/precious") << "data";
  EXPECT_THAT(refusal(user, copy_), HasSubstr("exists and is not an empty folder"));
  EXPECT_THAT(refusal(user, copy_ + "/precious"), HasSubstr("exists and is not"));
  EXPECT_THAT(refusal(user, path_), HasSubstr("exists and is not"));
  EXPECT_THAT(refusal(user, path_ + "/copy"), HasSubstr("lies in the data folder"));
  EXPECT_THAT(refusal(user, "copy"), HasSubstr("no absolute path"));
  EXPECT_THAT(refusal(user, copy_ + "/no/such"), HasSubstr("cannot make the folder"));
  fs::create_directory(copy_ + "2.partial");
  EXPECT_THAT(refusal(user, copy_ + "2"), HasSubstr("copy2.partial exists"));
  EXPECT_EQ(names(copy_), (std::set<std::string>{"precious"}));
  EXPECT_EQ(names(temporary_.path()), (std::set<std::string>{"copy", "copy2.partial", "data"}));
}

TEST_F(BackupTest, TakesAnEmptyFolderAndASlashAtTheEnd) {
  FolderUser user(path_);
  user.declare(10, 5);
  fs::create_directory(copy_);
  back_up(user, copy_ + "/");
  expect_well(copy_, 0);
}

TEST_F(BackupTest, OneThatIsStoppedLeavesNothingAndTheNextOneIsMade) {
  FolderUser user(path_);
  user.declare(10, 5);
  user.keep(10, 1, "a");
  stop_ = true;
  EXPECT_THAT(refusal(user, copy_), HasSubstr("stopped"));
  EXPECT_EQ(names(temporary_.path()), (std::set<std::string>{"data"}));
  stop_ = false;
  back_up(user, copy_);
  expect_well(copy_, 1);
}

}  // namespace
}  // namespace polymq::storage
