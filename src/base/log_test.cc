// Lines as they reach the file: text and JSON, levels, rotation, overflow.
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>

namespace polymq::log {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "polymq_log_" + std::to_string(::getpid()) + "_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name();
    ::unlink(path_.c_str());
  }
  void TearDown() override {
    shutdown();
    for (std::size_t i = 0; i < kAreaNames.size(); ++i) {
      set_level(static_cast<Area>(i), Level::kInfo);
    }
    ::unlink(path_.c_str());
    ::unlink((path_ + ".1").c_str());
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string path_;
};

TEST_F(LogTest, TextLinesNameTimeLevelAreaAndFields) {
  ASSERT_TRUE(configure({.file = path_}));
  Line(Area::kAuth, Level::kWarning, "login refused")
      .with("peer", "127.0.0.1:4711")
      .with("reason", "wrong password")
      .with("attempt", 3);
  shutdown();
  EXPECT_THAT(read(path_),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\\.[0-9]{3}[+-][0-9]{2}:[0-9]{2} "
                           "warning \\[auth\\] login refused peer=127\\.0\\.0\\.1:4711 "
                           "reason=\"wrong password\" attempt=3\n"));
}

TEST_F(LogTest, JsonLinesHaveRealFields) {
  ASSERT_TRUE(configure({.json = true, .file = path_}));
  Line(Area::kConnection, Level::kInfo, "closed").with("user", "a\"b\n\xff").with("tls", false);
  shutdown();
  EXPECT_THAT(read(path_),
              MatchesRegex("\\{\"time\":\"[0-9-]{10}T[0-9:]{8}\\.[0-9]{3}Z\",\"level\":\"info\","
                           "\"area\":\"connection\",\"message\":\"closed\","
                           "\"user\":\"a\\\\\"b\\\\n\xEF\xBF\xBD\",\"tls\":false\\}\n"));
}

TEST_F(LogTest, APeerCannotForgeALine) {
  ASSERT_TRUE(configure({.file = path_}));
  Line(Area::kAuth, Level::kInfo, "login").with("user", "x\n2026-01-01 error [auth] forged\x1b[2J");
  shutdown();
  const std::string text = read(path_);
  EXPECT_THAT(text, HasSubstr("user=\"x\\n2026-01-01 error [auth] forged\\x1b[2J\""));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST_F(LogTest, EachAreaHasItsOwnLevelThatChangesAtRunTime) {
  ASSERT_TRUE(configure({.file = path_}));
  log(Area::kAuth, Level::kDebug, "hidden");
  set_level(Area::kAuth, Level::kDebug);
  log(Area::kAuth, Level::kDebug, "shown");
  log(Area::kServer, Level::kDebug, "other area");
  set_level(Area::kAuth, Level::kOff);
  log(Area::kAuth, Level::kError, "silenced");
  shutdown();
  EXPECT_THAT(read(path_), ContainsRegex("^[^\n]*debug \\[auth\\] shown\n$"));
}

TEST_F(LogTest, ReopeningFollowsARotatedFile) {
  ASSERT_TRUE(configure({.file = path_}));
  log(Area::kServer, Level::kInfo, "before");
  while (read(path_).empty()) std::this_thread::yield();
  ASSERT_EQ(std::rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  ASSERT_TRUE(reopen());
  log(Area::kServer, Level::kInfo, "after");
  shutdown();
  EXPECT_THAT(read(path_ + ".1"), HasSubstr("before"));
  EXPECT_THAT(read(path_), HasSubstr("after"));
  EXPECT_THAT(read(path_), Not(HasSubstr("before")));
}

TEST_F(LogTest, AFileThatCannotBeOpenedChangesNothing) {
  ASSERT_TRUE(configure({.file = path_}));
  const auto failed = configure({.file = "/no/such/folder/polymq.log"});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text, HasSubstr("/no/such/folder/polymq.log"));
  log(Area::kServer, Level::kInfo, "still here");
  shutdown();
  EXPECT_THAT(read(path_), HasSubstr("still here"));
}

TEST_F(LogTest, WhenTheOutputStallsTheOldestLinesAreDroppedAndCounted) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const std::uint64_t dropped_before = dropped();
  std::string received;
  {
    // Opened for reading and writing so that nobody waits; a pipe holds 64 KiB, then writes stall.
    std::FILE* const reader = std::fopen(path_.c_str(), "r+");
    ASSERT_NE(reader, nullptr);
    ASSERT_TRUE(configure({.file = path_, .queued_lines = 10}));
    const std::string filler(1000, 'x');
    for (int i = 0; i < 300; ++i) {
      Line(Area::kServer, Level::kInfo, "line").with("number", i).with("filler", filler);
    }
    EXPECT_GT(dropped(), dropped_before);
    std::thread stopping([] { shutdown(); });
    std::array<char, 2048> line{};
    while (received.find("number=299 ") == std::string::npos) {
      ASSERT_NE(std::fgets(line.data(), line.size(), reader), nullptr);
      received += line.data();
    }
    stopping.join();
    std::fclose(reader);
  }
  EXPECT_THAT(received, ContainsRegex("warning \\[server\\] [0-9]+ log lines were dropped"));
}

TEST_F(LogTest, LinesFromManyThreadsArriveWhole) {
  ASSERT_TRUE(configure({.file = path_}));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 100; ++i) Line(Area::kServer, Level::kInfo, "work").with("thread", t);
    });
  }
  ASSERT_TRUE(configure({.json = true, .file = path_}));  // replaced under load
  for (std::thread& thread : threads) thread.join();
  shutdown();
  const std::string text = read(path_);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 400);
}

}  // namespace
}  // namespace polymq::log
