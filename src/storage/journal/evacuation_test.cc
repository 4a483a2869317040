// Promises of moving messages out of segments of which little lives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "storage/journal/layout.h"
#include "storage/journal/segment_scan.h"
#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// Queue 11 has a few messages in every segment, between many of queue 10 that are settled.
class EvacuationTest : public testing::Test {
 protected:
  const Node::Lanes lanes_{{10, 3}, {11, 4}};

  void fill(Node& node) {
    for (std::uint64_t position = 1; position <= 800; ++position) {
      node.append(10, position, std::string(3000, 'x'));
      if (position % 8 == 0) {
        stays_[position] = "stays " + std::to_string(position) + std::string(1500, ' ');
        node.append(11, position, stays_[position]);
      }
      node.commit();
    }
    EXPECT_GT(node.journal().usage().segments, 40u);
    node.store(10).settle(10, 1, 800);
    node.commit();
  }
  /// Nothing else happens; `each` is called after each turn.
  template <class Each>
  void empty_segments(Node& node, Each each) {
    for (int i = 0; i < 2000 && node.journal().usage().segments > 16; ++i) {
      node.turn();
      each();
      node.wait();
    }
    EXPECT_LE(node.journal().usage().segments, 16u);
    node.commit();
  }
  void expect_found_again() {
    expect_same_without_indexes(disk_, lanes_);
    Node node(disk_, lanes_, 1);
    EXPECT_EQ(node.all(11), stays_);
    EXPECT_THAT(node.all(10), IsEmpty());
  }

  SimulatedDisk disk_;
  std::map<std::uint64_t, std::string> stays_;
};

TEST_F(EvacuationTest, LittleThatLivesDoesNotKeepSegments) {
  {
    Node node(disk_, lanes_, 2);
    fill(node);
    empty_segments(node, [] {});
    EXPECT_EQ(node.all(11), stays_);
  }
  expect_found_again();
}

/// The newest segment with a commit, and where its commits end.
std::pair<SegmentNumber, std::uint64_t> newest_of(SimulatedDisk disk) {
  const auto files = disk.files();
  std::vector<std::string> names = files->list().value();
  for (; !names.empty(); names.pop_back()) {  // they are sorted
    const auto number = segment_of_name(names.back());
    if (!number) continue;
    const auto header = decode_segment_header(disk.content(names.back()));
    const auto contents = scan_segment(**files->open(names.back()), *header, true);
    if (contents->last != 0) return {*number, contents->end};
  }
  return {};
}

TEST_F(EvacuationTest, AMoveThatBreaksOffAnywhereChangesNothing) {
  SegmentNumber before = 0;  // the last one without moves
  {
    Node node(disk_, lanes_, 2);
    fill(node);
    for (int i = 0; i < 5000 && node.journal().evacuate_wanted(0).empty(); ++i) node.wait();
    ASSERT_FALSE(node.journal().evacuate_wanted(0).empty());
    before = node.journal().hold().value();  // what they are moved out of stays meanwhile
    for (int i = 0; i < 5000 && newest_of(disk_).first <= before; ++i) {
      node.turn();
      node.wait();
    }
    disk_ = disk_.killed();
    node.journal().release();
  }
  const auto [number, end] = newest_of(disk_);
  ASSERT_GT(number, before);
  const std::string name = segment_name(number);
  const std::string whole = disk_.content(name);
  constexpr std::uint64_t kThreeSectors = 1536;
  for (std::uint64_t prefix = kBlock; prefix < end + kThreeSectors; prefix += kThreeSectors) {
    SCOPED_TRACE("up to " + std::to_string(prefix));
    SimulatedDisk broken = disk_.killed();
    broken.replace(name, whole.substr(0, prefix) + std::string(whole.size() - prefix, '\0'));
    Node node(broken, lanes_, 1);
    EXPECT_THAT(node.recovered_damages, IsEmpty());
    EXPECT_EQ(count(node.found(10)), 0u);
    std::map<std::uint64_t, std::string> there;
    for (const MessageRecord& message : node.read(11, 0).messages) {
      there[message.position] = message.body;
    }
    EXPECT_EQ(there, stays_);
    if (HasFailure()) return;
  }
}

TEST_F(EvacuationTest, WhatMovesKeepsItsLease) {
  {
    Node node(disk_, lanes_, 2);
    fill(node);
    node.store(11).lent(11, 80, 3, 1, {1, 2, 50, 7});
    node.store(11).lent(11, 160, 3, 1, {1, 2, 50, 7});
    node.commit();
    empty_segments(node, [] {});
    node.store(11).returned(11, 160, 3, 2);
    node.commit();
  }
  expect_found_again();
  Node node(disk_, lanes_, 1);
  EXPECT_THAT(node.found(11).leases, ElementsAre(StoredLease{80, {1, 2, 50, 7}}));
  EXPECT_EQ(node.read(11, 80).messages[0].acquired, 3u);
  EXPECT_EQ(node.read(11, 160).messages[0].failed, 2u);
}

// The segment in which it was told goes as the oldest: nothing is said again for that.
TEST_F(EvacuationTest, WhatMovesKeepsTheLeaseThatWasToldBesideIt) {
  const auto keep = [&](Node& node, std::uint64_t position) {
    stays_[position] = "stays" + std::string(1500, ' ');
    node.append(11, position, stays_[position]);
    node.commit();
  };
  {
    Node node(disk_, lanes_, 2);
    keep(node, 1);
    node.store(11).lent(11, 1, 3, 1, {1, 2, 50, 7});
    node.commit();
    std::uint64_t last = 1;
    while (node.journal().usage().segments < 10) {
      node.append(10, ++last, std::string(3000, 'x'));
      node.commit();
      if (node.journal().usage().segments > 4 && last % 8 == 0) keep(node, last);
    }
    node.store(10).settle(10, 2, last);
    node.commit();
    for (int i = 0; i < 2000 && node.journal().usage().segments > 3; ++i) {
      node.turn();
      node.wait();
    }
    EXPECT_LE(node.journal().usage().segments, 3u);
    node.commit();
  }
  expect_found_again();
  Node node(disk_, lanes_, 1);
  EXPECT_THAT(node.found(11).leases, ElementsAre(StoredLease{1, {1, 2, 50, 7}}));
}

TEST_F(EvacuationTest, WhatMovesCanBeReadAllTheTime) {
  {
    Node node(disk_, lanes_, 2);
    fill(node);
    empty_segments(node, [&] { ASSERT_EQ(node.all(11), stays_); });
  }
  expect_found_again();
}

TEST_F(EvacuationTest, WhatIsSettledWhileItMovesIsGone) {
  {
    Node node(disk_, lanes_, 2);
    fill(node);
    std::mt19937_64 random(1);
    empty_segments(node, [&] {
      if (stays_.size() < 20) return;
      const auto any = std::next(stays_.begin(), static_cast<int>(random() % stays_.size()));
      node.store(11).settle(11, any->first, any->first);
      stays_.erase(any);
    });
    EXPECT_THAT(stays_, SizeIs(testing::Lt(100u)));
    EXPECT_EQ(node.all(11), stays_);
  }
  expect_found_again();
}

TEST_F(EvacuationTest, WhatCouldNotBeMovedStaysWhereItWas) {
  for (std::uint64_t syncs = 0; syncs < 4; ++syncs) {
    disk_ = SimulatedDisk();
    stays_.clear();
    Node node(disk_, lanes_, 2);
    fill(node);
    node.disk().fail_sync_after(syncs);
    for (int i = 0; i < 2000 && !node.refuses(11); ++i) {
      node.turn();
      node.wait();
    }
    ASSERT_TRUE(node.refuses(11));
    EXPECT_EQ(node.all(11), stays_) << "failed after " << syncs;
  }
}

}  // namespace
}  // namespace polymq::storage::journal
