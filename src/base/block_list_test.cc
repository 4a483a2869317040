// Promises of a list in blocks: it is a sequence like any other, however it is cut and filled.
#include "base/block_list.h"

#include <gtest/gtest.h>

#include <random>

namespace polymq {
namespace {

class RandomBlockList : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomBlockList, HoldsWhatAVectorHolds) {
  std::mt19937_64 random(GetParam());
  const auto draw = [&](std::size_t below) { return random() % below; };
  BlockList<std::uint64_t> list;
  std::vector<std::uint64_t> model;
  const auto at = [&](std::uint64_t value) {
    return list.partition_point([&](std::uint64_t one) { return one < value; });
  };
  for (int step = 0; step < 3000; ++step) {
    const std::uint64_t value = draw(1'000'000);
    const auto place = std::lower_bound(model.begin(), model.end(), value);
    if (draw(100) != 0) {
      list.insert(at(value), value);
      model.insert(place, value);
    } else {  // some of them go, or none, or all that are larger
      const std::uint64_t end = draw(4) == 0 ? UINT64_MAX : value + draw(300'000);
      list.erase(at(value), at(end));
      model.erase(place, std::lower_bound(model.begin(), model.end(), end));
    }
    if (draw(20) == 0) {
      list.push_back(2'000'000);
      model.push_back(2'000'000);
    }
    if (draw(50) == 0)
      ASSERT_TRUE(std::equal(list.begin(), list.end(), model.begin(), model.end()));
    ASSERT_EQ(list.empty(), model.empty());
  }
  list.erase(list.begin(), list.end());
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.begin(), list.end());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomBlockList, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace polymq
