// Promises of what an operator sees of a long start.
#include "storage/start_progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "base/log.h"
#include "storage/testing/temporary_folder.h"

namespace polymq::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;

TEST(StartProgress, SaysNothingOfAShortStartAndALineEveryFewSecondsOfALongOne) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "log").string();
  ASSERT_TRUE(log::configure({.file = path}));
  const auto at = [](int ms) {
    return StartProgress::Clock::time_point(std::chrono::milliseconds(ms));
  };
  StartProgress progress(at(10'000));
  progress.read(1, 100, at(10'999));
  progress.read(2, 100, at(11'000));
  progress.read(3, 100, at(15'999));
  progress.read(70, 100, at(18'000));
  progress.read(71, 100, at(19'000));
  log::shutdown();
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  EXPECT_THAT(lines, ElementsAre(EndsWith("reading the journal segments_read=2 segments=100"),
                                 EndsWith("reading the journal segments_read=70 segments=100")));
}

}  // namespace
}  // namespace polymq::storage
