// Promises of a start about a log that breaks off anywhere: what the commits that are whole say is
// there, nothing of the others is, and the node goes on from it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/journal/layout.h"
#include "storage/journal/segment_scan.h"
#include "storage/testing/journal_node.h"

namespace polymq::storage::journal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr SegmentNumber kSegment = 2;
// Each commit has a message of one of these, whose position is the commit's number in the script.
constexpr std::uint64_t kClocks[] = {20, 21};  // of the two shards
const Node::Lanes kQueues{{10, 2}, {11, 3}, {12, 4}, {13, 2}, {20, 2}, {21, 3}};

struct KnownMessage {
  std::string body;
  int acquired = 0;
  int failed = 0;
  bool delivered = false;
  std::optional<WallMs> until = {};  // it is out under a lease
  bool operator==(const KnownMessage&) const = default;
};
void PrintTo(const KnownMessage& message, std::ostream* to) {
  *to << message.body.substr(0, 20) << " " << message.acquired << "/" << message.failed
      << (message.delivered ? " delivered" : "") << (message.until ? " lent" : "");
}
struct KnownQueue {
  std::map<std::uint64_t, KnownMessage> messages;  // by position
  std::uint64_t next = 1;
};
using State = std::map<std::uint64_t, KnownQueue>;  // by incarnation; those that are declared

/// Does all that a log can tell of, a commit each time, and knows what is there after each.
class Script {
 public:
  /// `salt`: what bodies are made of. Nothing else depends on it.
  Script(Node& node, char salt) : node_(node), salt_(salt) {
    for (const auto& [queue, lane] : kQueues) now_[queue];
    states.push_back(now_);
    run();
  }

  std::vector<State> states;  // after so many commits

 private:
  void run();
  void append(std::vector<Node::Place> places, std::size_t size) {
    const std::string body(size, salt_);
    for (const auto& [queue, position] : places) {
      now_[queue].messages[position] = {.body = body};
      now_[queue].next = position + 1;
    }
    node_.append(places, body);
  }
  void settle(std::uint64_t queue, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t at = first; at <= last; ++at) now_[queue].messages.erase(at);
    node_.store(queue).settle(queue, first, last);
  }
  KnownMessage& counted(std::uint64_t queue, std::uint64_t position, int acquired, int failed) {
    KnownMessage& message = now_[queue].messages[position];
    message.acquired = acquired;
    message.failed = failed;
    message.delivered = true;
    message.until.reset();
    return message;
  }
  void returned(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
                std::uint16_t failed) {
    counted(queue, position, acquired, failed);
    node_.store(queue).returned(queue, position, acquired, failed);
  }
  void lent(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired, WallMs until) {
    counted(queue, position, acquired, 0).until = until;
    node_.store(queue).lent(queue, position, acquired, 0, {1, 2, until, 3});
  }
  void handed_out(std::uint64_t queue, std::uint64_t below) {
    for (auto& [position, message] : now_[queue].messages) message.delivered |= position < below;
    node_.store(queue).handed_out(queue, below);
  }
  /// Ends a commit of this shard.
  void commit(std::size_t shard) {
    append({{kClocks[shard], states.size()}}, 1);
    EXPECT_THAT(node_.commit(), ElementsAre(CommitEnd::kDurable));
    states.push_back(now_);
  }
  /// Ends a commit with a part on each shard.
  void commit_unit(std::uint64_t unit) {
    for (const std::uint64_t clock : kClocks) {
      node_.store(clock).join_unit(unit, 2);
      append({{clock, states.size()}}, 1);
    }
    EXPECT_THAT(node_.commit(), ElementsAre(CommitEnd::kDurable, CommitEnd::kDurable));
    states.push_back(now_);
  }

  Node& node_;
  const char salt_;
  State now_;
};

void Script::run() {
  for (std::uint64_t position = 1; position <= 6; ++position) append({{10, position}}, 40);
  commit(0);
  for (std::uint64_t position = 1; position <= 4; ++position) append({{11, position}}, 900);
  commit(1);
  append({{12, 1}, {13, 1}, {10, 7}}, 3000);  // it has its data once
  append({{13, 2}}, 10);
  commit(0);
  settle(10, 2, 3);
  handed_out(10, 2);
  commit(0);
  returned(10, 4, 3, 2);
  lent(10, 5, 1, 500);
  lent(10, 6, 1, 500);
  commit(0);
  settle(10, 7, 7);  // moves to a queue of another shard
  append({{11, 5}}, 3000);
  commit_unit(77);
  append({{10, 12}}, 5000);  // behind positions that never were
  lent(10, 5, 2, 900);
  returned(10, 6, 1, 1);
  settle(12, 1, 1);
  append({{12, 2}}, 100);  // moves within a shard
  commit(0);
  // The metadata has forgotten it: then its end is said.
  node_.store(13).close_queue(13);
  node_.store(13).remove_queue(13);
  now_.erase(13);
  commit(0);
  settle(11, 1, 4);
  lent(11, 5, 1, 700);
  commit(1);
  settle(10, 5, 5);
  settle(11, 5, 5);
  append({{12, 3}}, 20);
  commit_unit(78);
  append({{10, 13}}, 40);
  commit(0);
}

/// Where a commit lies in the file, and how many of the script's are there with it.
struct Place {
  std::uint64_t begin;
  std::uint64_t end;
};

/// Where the script's commits lie in the file, without what fills their last blocks.
std::vector<Place> places_of(SimulatedDisk& disk, const std::string& content) {
  const auto header = decode_segment_header(content);
  EXPECT_TRUE(header);
  std::vector<Place> places;
  const auto file = disk.files()->open(segment_name(kSegment));
  const auto scanned = scan_segment(**file, *header, true, [&](const FoundCommit& commit) {
    const auto head = decode_commit_header(content.substr(commit.offset), header->seed());
    places.push_back({commit.offset, commit.offset + kCommitHeader + head->size});
  });
  EXPECT_TRUE(scanned);
  return places;
}

struct Log {
  std::string content;         // of the file
  std::vector<Place> commits;  // in it
  std::vector<State> states;   // after so many of them
};

/// The script in a log that is not the first, so that another one may have used its file before.
Log write_log(SegmentNumber number, char salt) {
  SimulatedDisk disk;
  for (SegmentNumber before = 1; before < number; ++before) Node(disk, kQueues, 1);
  Log log;
  {
    Node node(disk, kQueues, 2);
    log.states = Script(node, salt).states;
  }
  log.content = disk.content(segment_name(number));
  if (number == kSegment) log.commits = places_of(disk, log.content);
  return log;
}

/// The log up to `prefix`, and from there on `rest`, as far as that goes.
struct BrokenOff {
  BrokenOff(const Log& log, std::uint64_t prefix, const std::string& rest) {
    content = log.content.substr(0, prefix);
    if (rest.size() > prefix) content += rest.substr(prefix);
    for (const Place& commit : log.commits) {
      // The rest may happen to be the same.
      if (content.compare(0, commit.end, log.content, 0, commit.end) != 0) break;
      ++whole;
    }
    const auto files = disk.files();
    EXPECT_TRUE(files->create(segment_name(kSegment)));
    EXPECT_TRUE(files->sync_names());
    disk.replace(segment_name(kSegment), content);
    expected = &log.states[whole];
    for (const auto& [queue, known] : *expected) lanes[queue] = kQueues.at(queue);
  }

  std::string content;
  std::size_t whole = 0;  // commits
  const State* expected;
  Node::Lanes lanes;
  SimulatedDisk disk;
};

/// What was found of a queue, without bodies.
void expect_found(const KnownQueue& expected, const StoredQueue& found) {
  EXPECT_EQ(found.next_position, expected.next);
  std::vector<std::uint64_t> positions;
  std::uint64_t bytes = 0;
  for (const StoredRange& range : found.ranges) {
    bytes += range.body_bytes;
    for (std::uint64_t at = range.first; at <= range.last; ++at) positions.push_back(at);
  }
  std::vector<std::uint64_t> known;
  std::vector<StoredLease> leases;
  for (const auto& [position, message] : expected.messages) {
    known.push_back(position);
    bytes -= message.body.size();
    if (message.until) leases.push_back({position, {1, 2, *message.until, 3}});
  }
  EXPECT_EQ(positions, known);
  EXPECT_EQ(bytes, 0u);
  EXPECT_EQ(found.leases, leases);
}

/// That is there, and nothing else, when it is read back.
void expect_there(const State& expected, Node& node) {
  EXPECT_THAT(node.recovered_damages, IsEmpty());
  for (const auto& [queue, known] : expected) {
    const ReadMessages read = node.read(queue, 0);
    EXPECT_THAT(read.damages, IsEmpty());
    std::map<std::uint64_t, KnownMessage> messages;
    for (const MessageRecord& message : read.messages) {
      messages[message.position] = {std::string(message.body), message.acquired, message.failed,
                                    message.delivered};
    }
    for (const auto& [position, lease] : node.found(queue).leases) {
      messages[position].until = lease.deadline;
    }
    EXPECT_EQ(messages, known.messages) << "of queue " << queue;
    EXPECT_EQ(node.found(queue).next_position, known.next) << "of queue " << queue;
  }
}

void expect_node_goes_on(const BrokenOff& broken) {
  State expected = *broken.expected;
  {
    Node node(broken.disk, broken.lanes, 2);
    expect_there(expected, node);
    KnownQueue& clock = expected[kClocks[0]];
    node.append(kClocks[0], clock.next, "goes on");
    clock.messages[clock.next++] = {.body = "goes on"};
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  }
  Node again(broken.disk, broken.lanes, 1);
  expect_there(expected, again);
}

/// What is behind a prefix.
enum class Rest : std::uint8_t {
  kZeros,
  kAnOlderGeneration,  // the same script has run in this file before, as another segment
  kNothing,            // the file ends there
};

void PrintTo(Rest rest, std::ostream* to) {
  constexpr std::string_view kNames[] = {"Zeros", "AnOlderGeneration", "Nothing"};
  *to << kNames[static_cast<std::size_t>(rest)];
}

std::string rest_of(const Log& log, Rest rest) {
  switch (rest) {
    case Rest::kZeros:
      return std::string(log.content.size(), '\0');
    case Rest::kAnOlderGeneration:
      return write_log(1, 'o').content;
    case Rest::kNothing:
      break;
  }
  return {};
}

class Prefixes : public testing::TestWithParam<Rest> {
 protected:
  const Log log_ = write_log(kSegment, 'n');
  const std::string rest_ = rest_of(log_, GetParam());
};

TEST_P(Prefixes, TheScriptIsAllInOneFileACommitAtATime) {
  ASSERT_EQ(log_.commits.size(), log_.states.size() - 1);
  if (GetParam() != Rest::kAnOlderGeneration) return;
  ASSERT_EQ(rest_.size(), log_.content.size());
  // As much alike as can be: what is behind a prefix fits to it in every length.
  for (const Place& commit : log_.commits) EXPECT_EQ(rest_.substr(commit.begin, 4), "PMQC");
}

TEST_P(Prefixes, OfSectorsGiveWhatTheirCommitsSaidAndTheNodeGoesOn) {
  constexpr std::uint64_t kSector = 512;
  std::size_t most = 0;
  for (std::uint64_t prefix = kSector; prefix <= log_.commits.back().end + kSector;
       prefix += kSector) {
    const BrokenOff broken(log_, prefix, rest_);
    most = broken.whole;
    SCOPED_TRACE("up to " + std::to_string(prefix) + ", " + std::to_string(broken.whole) +
                 " commits are whole");
    expect_node_goes_on(broken);
    if (HasFailure()) return;
  }
  EXPECT_EQ(most, log_.commits.size());
}

TEST_P(Prefixes, OfBytesGiveAUnitAsAWholeOrNothingOfIt) {
  const Place& unit = log_.commits[9];
  ASSERT_GT(unit.end - unit.begin, 300u);
  for (std::uint64_t prefix = unit.begin; prefix <= unit.end; ++prefix) {
    BrokenOff broken(log_, prefix, rest_);
    EXPECT_EQ(broken.whole, prefix == unit.end ? 10u : 9u);
    SCOPED_TRACE("up to " + std::to_string(prefix));
    const auto found = recover(*broken.disk.files(), broken.lanes, {1, 2});
    ASSERT_TRUE(found);
    EXPECT_THAT(found->damages, IsEmpty());
    for (const auto& [queue, expected] : *broken.expected) {
      expect_found(expected, found->queues.at(queue).stored);
    }
    if (HasFailure()) return;
  }
}

TEST(EmptyFile, OfALogIsDamageAndTheNodeGoesOn) {
  const BrokenOff broken(write_log(kSegment, 'n'), 0, "");
  {
    Node node(broken.disk, kQueues, 2);
    EXPECT_THAT(node.recovered_damages, ElementsAre(HasSubstr("offset 0")));
    node.append(10, 1, "goes on");
    EXPECT_THAT(node.commit(), ElementsAre(CommitEnd::kDurable));
  }
  Node again(broken.disk, kQueues, 1);
  EXPECT_THAT(again.recovered_damages, SizeIs(1));
  EXPECT_THAT(again.all(10), ElementsAre(Pair(1, "goes on")));
}

INSTANTIATE_TEST_SUITE_P(BehindThem, Prefixes,
                         testing::Values(Rest::kZeros, Rest::kAnOlderGeneration, Rest::kNothing),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace polymq::storage::journal
