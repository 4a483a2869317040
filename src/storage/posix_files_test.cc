// Promises of the operating system's files behind the interface that the journal uses.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <numeric>

#include "storage/files.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class PosixFilesTest : public ::testing::Test {
 protected:
  std::unique_ptr<File> created(const std::string& name) {
    auto file = files_->create(name);
    EXPECT_TRUE(file) << file.error().text;
    return *std::move(file);
  }
  static void write(File& file, std::uint64_t offset, std::vector<std::string_view> parts) {
    const auto done = file.write(offset, parts);
    EXPECT_TRUE(done) << done.error().text;
  }
  static std::string all_of(const File& file) {
    std::string bytes(*file.size(), '\0');
    const auto done = file.read(0, bytes.data(), bytes.size());
    EXPECT_TRUE(done) << done.error().text;
    return bytes;
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Files> files_ = open_folder(folder_.path());
};

TEST_F(PosixFilesTest, PartsAreWrittenOneBehindTheOther) {
  const auto file = created("a");
  write(*file, 0, {"", "one", "", "two", ""});
  write(*file, 6, {"three"});
  write(*file, 0, {"O"});
  EXPECT_EQ(all_of(*file), "Onetwothree");
  write(*file, 20, {});
  write(*file, 20, {"", ""});
  EXPECT_EQ(*file->size(), 11u) << "nothing was written";
}

TEST_F(PosixFilesTest, ANewFileIsFilledWithZeros) {
  constexpr std::uint64_t kSize = 3 * 256 * 1024 + 4096;
  const auto file = created("a");
  int pauses = 0;
  const auto done = file->fill(kSize, [&] { ++pauses; });
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(all_of(*file), std::string(kSize, '\0'));
  EXPECT_GE(pauses, 4);
  write(*file, 4090, {"over a page"});
  EXPECT_EQ(all_of(*file).substr(4090, 11), "over a page");
}

TEST_F(PosixFilesTest, MorePartsThanTheSystemTakesAtOnceAreWrittenToo) {
  std::vector<std::string> texts(5000);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    texts[i] = i % 7 == 0 ? "" : std::to_string(i) + std::string(i % 50, '.');
  }
  const std::string expected = std::accumulate(texts.begin(), texts.end(), std::string("head"));
  const auto file = created("a");
  write(*file, 0, {"head"});
  write(*file, 4, {texts.begin(), texts.end()});
  EXPECT_EQ(all_of(*file), expected);
}

TEST_F(PosixFilesTest, AGapReadsAsZeros) {
  const auto file = created("a");
  write(*file, 10'000, {"x"});
  EXPECT_EQ(*file->size(), 10'001u);
  EXPECT_EQ(all_of(*file), std::string(10'000, '\0') + "x");
}

TEST_F(PosixFilesTest, WhatIsSyncedIsSeenByAnotherWhoOpensIt) {
  const auto file = created("a");
  write(*file, 0, {"text"});
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(files_->sync_names());
  const auto again = open_folder(folder_.path())->open("a");
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(all_of(**again), "text");
}

TEST_F(PosixFilesTest, ReadingBehindTheEndIsAnError) {
  const auto file = created("a");
  write(*file, 0, {"text"});
  std::string bytes(5, '\0');
  const auto read = file->read(0, bytes.data(), 5);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().text, HasSubstr("too short"));
  EXPECT_FALSE(file->read(4, bytes.data(), 1));
  EXPECT_TRUE(file->read(4, bytes.data(), 0));
  EXPECT_TRUE(file->read(3, bytes.data(), 1));
}

TEST_F(PosixFilesTest, FilesAreForTheirOwnerOnly) {
  created("a");
  struct stat status{};
  ASSERT_EQ(::stat((folder_.path() / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(PosixFilesTest, NamesAreListedRenamedAndRemoved) {
  EXPECT_THAT(*files_->list(), IsEmpty());
  write(*created("a"), 0, {"the a"});
  created("b");
  created("c");
  EXPECT_THAT(*files_->list(), UnorderedElementsAre("a", "b", "c"));
  EXPECT_TRUE(files_->rename("a", "b")) << "replaces what was there";
  EXPECT_TRUE(files_->remove("c"));
  EXPECT_THAT(*files_->list(), UnorderedElementsAre("b"));
  EXPECT_EQ(all_of(**files_->open("b")), "the a");
}

TEST_F(PosixFilesTest, NamesAreListedInOrder) {
  for (const char* name : {"3", "1", "2", "10"}) created(name);
  EXPECT_THAT(*files_->list(), ::testing::ElementsAre("1", "10", "2", "3"));
}

TEST_F(PosixFilesTest, ErrorsNameTheFile) {
  created("there");
  const auto text = [](const auto& result) {
    EXPECT_FALSE(result);
    if (result) return std::string();
    EXPECT_FALSE(result.error().no_space);
    return result.error().text;
  };
  EXPECT_THAT(text(files_->open("none")), HasSubstr("/none: No such file"));
  EXPECT_THAT(text(files_->create("there")), HasSubstr("/there: File exists"));
  EXPECT_THAT(text(files_->remove("none")), HasSubstr("/none: No such file"));
  EXPECT_THAT(text(files_->rename("none", "there")), HasSubstr("/none: No such file"));
  const auto nowhere = open_folder(folder_.path() / "none");
  EXPECT_THAT(text(nowhere->list()), HasSubstr("/none"));
  EXPECT_THAT(text(nowhere->sync_names()), HasSubstr("/none: No such file"));
  EXPECT_THAT(text(nowhere->free_space()), HasSubstr("/none: No such file"));
}

TEST_F(PosixFilesTest, AFullDiskIsToldApart) {
  const auto device = open_folder("/dev")->open("full");
  if (!device) GTEST_SKIP() << device.error().text;
  const std::string_view part = "text";
  const auto written = (*device)->write(0, {&part, 1});
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().no_space);
}

TEST_F(PosixFilesTest, FreeSpaceIsWhatTheSystemSays) {
  const auto free = files_->free_space();
  ASSERT_TRUE(free) << free.error().text;
  const auto space = std::filesystem::space(folder_.path());
  EXPECT_GT(*free, 0u);
  EXPECT_LE(*free, space.capacity);
}

}  // namespace
}  // namespace polymq::storage
