// Promises of the data folder: one process at a time, no other format, numbers that are never given
// twice, and messages that are there again whoever serves them.
#include "storage/data_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "storage/testing/folder_user.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::storage {
namespace {

using ::testing::ElementsAre;
using testing::FolderUser;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class DataFolderTest : public ::testing::Test {
 protected:
  std::string refusal() {
    const auto opened = DataFolder::open(path_);
    return opened ? "" : opened.error().text;
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(path_ + "/" + name) << text;
  }
  std::string read(const std::string& name) {
    std::ifstream file(path_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  unsigned mode(const std::string& name) {
    struct stat status{};
    EXPECT_EQ(::stat((path_ + name).c_str(), &status), 0) << name;
    return status.st_mode & 0777;
  }

  testing::TemporaryFolder temporary_;
  const std::string path_ = temporary_.path() / "data";
};

TEST_F(DataFolderTest, IsMadeForItsOwnerOnly) {
  FolderUser user(path_);
  ASSERT_EQ(user.error(), "");
  EXPECT_EQ(mode(""), 0700u);
  EXPECT_EQ(mode("/journal"), 0700u);
  EXPECT_EQ(mode("/format"), 0600u);
  EXPECT_EQ(mode("/lock"), 0600u);
  EXPECT_EQ(read("format"), "polymq-data 3\n");
}

TEST_F(DataFolderTest, ASecondOneIsRefusedUntilTheFirstHasGone) {
  auto first = DataFolder::open(path_);
  ASSERT_TRUE(first) << first.error().text;
  EXPECT_THAT(refusal(), HasSubstr("in use by another process"));
  first->reset();
  EXPECT_EQ(refusal(), "");
}

TEST_F(DataFolderTest, TheLockOfAnotherProcessCounts) {
  EXPECT_EQ(refusal(), "");
  const int other = ::open((path_ + "/lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(other, 0);
  ASSERT_EQ(::flock(other, LOCK_EX | LOCK_NB), 0) << "nobody holds it after a refusal";
  EXPECT_THAT(refusal(), HasSubstr("in use"));
  ::close(other);
  EXPECT_EQ(refusal(), "");
}

TEST_F(DataFolderTest, AnOlderFormatIsTakenOverAlsoWhereThatBrokeOff) {
  for (const std::string older : {"polymq-data 1\n", "polymq-data 2\n"}) {
    EXPECT_EQ(refusal(), "");
    write("format", older);
    write("format.new", "polymq");
    EXPECT_EQ(refusal(), "");
    EXPECT_EQ(read("format"), "polymq-data 3\n");
    EXPECT_EQ(read("format.new"), "");
  }
}

TEST_F(DataFolderTest, ANewerFormatIsRefusedAndLeftAlone) {
  EXPECT_EQ(refusal(), "");
  write("format", "polymq-data 4\n");
  EXPECT_THAT(refusal(), HasSubstr("another version: 'polymq-data 4'"));
  EXPECT_EQ(read("format"), "polymq-data 4\n");
  write("format", std::string(1000, 'x'));
  EXPECT_THAT(refusal(), HasSubstr("another version"));
  write("format", "");
  EXPECT_THAT(refusal(), HasSubstr("another version"));
}

TEST_F(DataFolderTest, DataWithoutAFormatIsRefused) {
  EXPECT_EQ(refusal(), "");
  std::filesystem::remove(path_ + "/format");
  EXPECT_THAT(refusal(), HasSubstr("no file `format`"));
}

TEST_F(DataFolderTest, AFolderThatCannotBeMadeIsRefusedByName) {
  const auto opened = DataFolder::open(path_ + "/of/nothing");
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().text, HasSubstr(path_ + "/of/nothing: No such file"));
}

TEST_F(DataFolderTest, NoIncarnationIsGivenOutTwice) {
  std::uint64_t before = 0;
  for (int start = 0; start < 4; ++start) {
    const auto folder = DataFolder::open(path_);
    ASSERT_TRUE(folder) << folder.error().text;
    if (start == 2) continue;  // a tool, whose look at the folder is no life
    ASSERT_TRUE((*folder)->begin_life());
    const std::uint64_t first = (*folder)->first_incarnation();
    if (start != 0) EXPECT_GE(first, before + 1'000'000'000) << "a run uses many";
    if (start != 0) EXPECT_EQ((*folder)->incarnation_before(), before);
    EXPECT_GT(first, 0u);
    before = first;
  }
}

TEST_F(DataFolderTest, MessagesAreThereForAnyNumberOfShards) {
  {
    FolderUser user(path_, 3);
    user.declare(10, 5, "five");
    user.declare(11, 6, "six");
    user.keep(10, 1, "one");
    user.keep(10, 2, "two");
    user.keep(10, 3, "three");
    user.keep(11, 1, "other");
    user.settle(10, 2);
  }
  for (const std::size_t shards : {1, 2, 4, 3}) {
    FolderUser user(path_, shards);
    ASSERT_EQ(user.error(), "");
    EXPECT_THAT(user.folder().damages(), IsEmpty());
    EXPECT_EQ(user.found(10).next_position, 4u);
    EXPECT_THAT(user.all(10), ElementsAre(Pair(1, "one"), Pair(3, "three")));
    EXPECT_THAT(user.all(11), ElementsAre(Pair(1, "other")));
  }
}

TEST_F(DataFolderTest, WhatIsWrittenInOneRunIsSettledInTheNext) {
  {
    FolderUser user(path_);
    user.declare(10, 5);
    user.keep(10, 1, "one");
    user.keep(10, 2, "two");
  }
  {
    FolderUser user(path_, 2);
    user.settle(10, 1);
    user.keep(10, 3, "three");
  }
  FolderUser user(path_);
  EXPECT_THAT(user.all(10), ElementsAre(Pair(2, "two"), Pair(3, "three")));
}

}  // namespace
}  // namespace polymq::storage
