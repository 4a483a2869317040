// Promises of extents: what is cut out is gone, everything else stays where it was.
#include "storage/journal/extents.h"

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>

#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::uint32_t kRecord = kMessageRecord;

struct Cuts {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> pieces;  // chunk, count
};

Cuts removed(Extents& extents, std::uint64_t first, std::uint64_t last) {
  Cuts cuts;
  extents.remove(first, last, [&](std::uint64_t chunk, std::uint32_t count) {
    cuts.pieces.emplace_back(chunk, count);
  });
  return cuts;
}

/// 10..19 in chunk 1, 20..29 in chunk 2, 40..49 in chunk 3.
Extents three() {
  Extents extents;
  extents.add({10, 10, 100, 1});
  extents.add({20, 10, 200, 2});
  extents.add({40, 10, 300, 3});
  return extents;
}

TEST(Extents, LoseTheirFront) {
  Extents extents = three();
  EXPECT_THAT(removed(extents, 0, 12).pieces, ElementsAre(Pair(1, 3)));
  EXPECT_THAT(extents, ElementsAre(Extent{13, 7, 100 + 3 * kRecord, 1}, Extent{20, 10, 200, 2},
                                   Extent{40, 10, 300, 3}));
}

TEST(Extents, LoseTheirBack) {
  Extents extents = three();
  EXPECT_THAT(removed(extents, 45, 1000).pieces, ElementsAre(Pair(3, 5)));
  EXPECT_THAT(extents,
              ElementsAre(Extent{10, 10, 100, 1}, Extent{20, 10, 200, 2}, Extent{40, 5, 300, 3}));
}

TEST(Extents, ACutInTheMiddleLeavesTwo) {
  Extents extents = three();
  EXPECT_THAT(removed(extents, 22, 26).pieces, ElementsAre(Pair(2, 5)));
  EXPECT_THAT(extents, ElementsAre(Extent{10, 10, 100, 1}, Extent{20, 2, 200, 2},
                                   Extent{27, 3, 200 + 7 * kRecord, 2}, Extent{40, 10, 300, 3}));
}

TEST(Extents, ACutAcrossSeveralTellsEachChunkItsOwn) {
  Extents extents = three();
  EXPECT_THAT(removed(extents, 15, 44).pieces, ElementsAre(Pair(1, 5), Pair(2, 10), Pair(3, 5)));
  EXPECT_THAT(extents, ElementsAre(Extent{10, 5, 100, 1}, Extent{45, 5, 300 + 5 * kRecord, 3}));
}

TEST(Extents, OfSharedDataHaveLongerRecords) {
  constexpr std::uint32_t kLonger = kSharedRecord;
  Extents extents;
  extents.add({10, 10, 100, 1, true});
  EXPECT_THAT(removed(extents, 13, 14).pieces, ElementsAre(Pair(1, 2)));
  EXPECT_THAT(extents,
              ElementsAre(Extent{10, 3, 100, 1, true}, Extent{15, 5, 100 + 5 * kLonger, 1, true}));
  extents.insert({13, 1, 100 + 3 * kLonger, 1, false});
  EXPECT_EQ(std::distance(extents.begin(), extents.end()), 3)
      << "others do not go on where they end";
  extents.insert({14, 1, 100 + 3 * kLonger + kRecord, 1, false});
  EXPECT_EQ(std::distance(extents.begin(), extents.end()), 3);
}

TEST(Extents, WhatIsNotThereCannotBeCut) {
  Extents extents = three();
  EXPECT_THAT(removed(extents, 0, 9).pieces, IsEmpty());
  EXPECT_THAT(removed(extents, 30, 39).pieces, IsEmpty());
  EXPECT_THAT(removed(extents, 50, 60).pieces, IsEmpty());
  EXPECT_EQ(std::distance(extents.begin(), extents.end()), 3);
  EXPECT_THAT(removed(extents, 0, 1'000'000).pieces,
              ElementsAre(Pair(1, 10), Pair(2, 10), Pair(3, 10)));
  EXPECT_TRUE(extents.empty());
  EXPECT_THAT(removed(extents, 0, 1'000'000).pieces, IsEmpty());
}

TEST(Extents, TheOneAtOrBehindAPositionIsFound) {
  const Extents extents = three();
  EXPECT_EQ(std::distance(extents.begin(), extents.find(0)), 0);
  EXPECT_EQ(std::distance(extents.begin(), extents.find(19)), 0);
  EXPECT_EQ(std::distance(extents.begin(), extents.find(20)), 1);
  EXPECT_EQ(std::distance(extents.begin(), extents.find(30)), 2);
  EXPECT_EQ(std::distance(extents.begin(), extents.find(49)), 2);
  EXPECT_EQ(std::distance(extents.begin(), extents.find(50)), 3) << "there is none";
  EXPECT_FALSE(extents.contains(35));
  EXPECT_TRUE(extents.contains(40));
}

/// Every position with its chunk and the place of its record.
using Places = std::map<std::uint64_t, std::pair<std::uint64_t, std::uint32_t>>;

Places places_of(const Extents& extents) {
  Places places;
  std::uint64_t before = 0;
  for (const Extent& extent : extents) {
    EXPECT_GT(extent.count, 0u);
    EXPECT_GE(extent.first, before) << "they are in order";
    before = extent.end();
    for (std::uint32_t i = 0; i < extent.count; ++i) {
      places[extent.first + i] = {extent.chunk, extent.index_offset_of(i)};
    }
  }
  return places;
}

class RandomExtents : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomExtents, HoldWhatASetHolds) {
  std::mt19937_64 random(GetParam());
  const auto draw = [&](std::uint64_t below) { return random() % below; };
  Extents extents;
  Places model;
  std::uint64_t next = 1;
  for (int step = 0; step < 300; ++step) {
    if (draw(3) == 0) {
      next += draw(4);
      const Extent extent{next, static_cast<std::uint32_t>(1 + draw(12)),
                          static_cast<std::uint32_t>(draw(1000)), draw(20), draw(2) == 0};
      extents.add(extent);
      for (std::uint32_t i = 0; i < extent.count; ++i) {
        const auto record = static_cast<std::uint32_t>(extent.shared ? kSharedRecord : kRecord);
        model[next + i] = {extent.chunk, extent.index_offset + i * record};
      }
      next = extent.end();
    } else {
      const std::uint64_t first = draw(next + 2);
      const std::uint64_t last = first + draw(draw(4) == 0 ? 60 : 4);
      std::map<std::uint64_t, std::uint64_t> expected;
      for (auto it = model.lower_bound(first); it != model.end() && it->first <= last;) {
        ++expected[it->second.first];
        it = model.erase(it);
      }
      std::map<std::uint64_t, std::uint64_t> told;
      for (const auto& [chunk, count] : removed(extents, first, last).pieces) told[chunk] += count;
      EXPECT_EQ(told, expected);
    }
    ASSERT_EQ(places_of(extents), model) << "after step " << step;
    for (std::uint64_t position = 0; position < next + 2; ++position) {
      ASSERT_EQ(extents.contains(position), model.contains(position)) << position;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomExtents, testing::Range<std::uint64_t>(1, 11));

}  // namespace
}  // namespace polymq::storage::journal
