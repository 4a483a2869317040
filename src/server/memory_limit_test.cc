// Which of the machine's and the control groups' limits counts.
#include "server/memory_limit.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace polymq::server {
namespace {

class MemoryLimit : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "memory_limit_" + std::to_string(::getpid());
    write("/proc/meminfo", "MemTotal:        8000000 kB\nMemFree:  1 kB\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }

  static constexpr std::uint64_t kMachine = 8'000'000ull * 1024;
  std::string root_;
};

TEST_F(MemoryLimit, IsTheMachinesMemoryWithoutGroups) { EXPECT_EQ(memory_limit(root_), kMachine); }

TEST_F(MemoryLimit, OfVersion2IsTheSmallestOfTheGroupAndThoseAbove) {
  write("/proc/self/cgroup", "0::/system.slice/polymq.service\n");
  write("/sys/fs/cgroup/system.slice/polymq.service/memory.max", "max\n");
  EXPECT_EQ(memory_limit(root_), kMachine);
  write("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
  EXPECT_EQ(memory_limit(root_), 1073741824u);
  write("/sys/fs/cgroup/system.slice/polymq.service/memory.max", "536870912\n");
  EXPECT_EQ(memory_limit(root_), 536870912u);
}

TEST_F(MemoryLimit, OfAContainerIsAtTheTopOfWhatItSees) {
  write("/proc/self/cgroup", "0::/kubepods/pod1/abc\n");
  write("/sys/fs/cgroup/memory.max", "268435456\n");
  EXPECT_EQ(memory_limit(root_), 268435456u);
}

TEST_F(MemoryLimit, OfVersion1IsTheMemoryControllers) {
  write("/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:hugetlb,memory:/docker/abc\n");
  write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "134217728\n");
  EXPECT_EQ(memory_limit(root_), 134217728u);
  write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(memory_limit(root_), kMachine) << "version 1's way to say unlimited";
}

TEST_F(MemoryLimit, IsUnknownWithoutProc) { EXPECT_EQ(memory_limit(root_ + "/nowhere"), 0u); }

TEST_F(MemoryLimit, OfThisMachineIsKnown) { EXPECT_GT(memory_limit(), 64u << 20); }

TEST_F(MemoryLimit, AWatermarkIsAFractionOfItOrAbsolute) {
  EXPECT_EQ(watermark_bytes({.fraction = 0.5, .bytes = 0}, 1000), 500u);
  EXPECT_EQ(watermark_bytes({.fraction = 0, .bytes = 77}, 1000), 77u);
}

}  // namespace
}  // namespace polymq::server
