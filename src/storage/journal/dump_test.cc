// Promises of the dump: it calls damaged what a start would.
#include "storage/journal/dump.h"

#include <gmock/gmock.h>

#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Node::Lanes kOne{{10, 3}};

std::vector<std::string> damages(SimulatedDisk disk) {
  std::vector<std::string> lines;
  EXPECT_TRUE(dump(*disk.files(), [&](const std::string& line) {
    if (line.find("DAMAGED") != std::string::npos) lines.push_back(line);
  }));
  return lines;
}

void store_one(Node& node, std::uint64_t position) {
  node.append(10, position, "x");
  EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
}

TEST(Dump, OfWhatAKilledNodeLeavesHasNoDamages) {
  SimulatedDisk disk;
  Node node(disk, kOne, 1);
  store_one(node, 1);
  // Behind the segment that was not ended the next one is prepared.
  while (disk.files()->list()->back() != segment_name(2)) node.wait();
  EXPECT_THAT(damages(disk.killed()), IsEmpty());
}

TEST(Dump, TellsOfAnOlderSegmentThatHasLostItsEnd) {
  SimulatedDisk disk;
  for (const std::uint64_t position : {1, 2}) {
    Node node(disk, kOne, 1);
    store_one(node, position);
  }
  EXPECT_THAT(damages(disk), IsEmpty());
  const std::string content = disk.content(segment_name(1));
  disk.replace(segment_name(1), content.substr(0, content.rfind("PMQC")));
  EXPECT_THAT(damages(disk), ElementsAre(HasSubstr("its end is missing")));
  disk.replace(segment_name(1), "");
  EXPECT_THAT(damages(disk), ElementsAre(HasSubstr("segment: DAMAGED")));
}

}  // namespace
}  // namespace polymq::storage::journal
