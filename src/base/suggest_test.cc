// Which name is proposed for a mistyped one, and when none is.
#include "base/suggest.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace polymq {
namespace {

constexpr std::array<std::string_view, 4> kNames{"port", "bind", "heartbeat", "frame_max"};

TEST(Suggest, CountsChangesAdditionsRemovalsAndSwaps) {
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("port", "port"), 0u);
  EXPECT_EQ(edit_distance("prot", "port"), 1u);
  EXPECT_EQ(edit_distance("pots", "port"), 2u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Suggest, ProposesTheNearestName) {
  EXPECT_EQ(did_you_mean("prot", kNames), "; did you mean 'port'?");
  EXPECT_EQ(did_you_mean("framemax", kNames), "; did you mean 'frame_max'?");
}

TEST(Suggest, ProposesNothingForAStranger) {
  EXPECT_EQ(did_you_mean("certificate", kNames), "");
  EXPECT_EQ(did_you_mean("pxx", kNames), "");
  EXPECT_EQ(did_you_mean("", kNames), "");
  EXPECT_EQ(did_you_mean(std::string(100'000, 'p'), kNames), "");
}

}  // namespace
}  // namespace polymq
