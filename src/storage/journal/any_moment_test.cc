// Promises of the journal about a crash between any two steps of the disk, while batches are under
// way, units move messages between shards, and segments are moved, said again and removed.
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/testing/opened_journal.h"
#include "storage/testing/simulated_disk.h"

namespace polymq::storage::journal {
namespace {

const Lanes kQueues{{10, 0}, {11, 1}, {12, 1}, {13, 6}, {14, 3}, {15, 4}};
constexpr std::uint64_t kFirst = 10;
constexpr std::uint64_t kEnd = 16;
constexpr std::uint64_t kTokens = 12;
using Place = std::pair<std::uint64_t, std::uint64_t>;  // queue and position

/// As their queues have it: these two may lose what a power cut takes.
std::optional<SyncPolicy> policy_of(std::uint64_t queue) {
  if (queue == 14) return SyncPolicy::kNever;
  if (queue == 15) return SyncPolicy::kInterval;
  return std::nullopt;
}

enum class State : std::uint8_t { kStaged, kThere, kGoing, kGone };
struct Known {
  State state = State::kStaged;
  std::string body;
};
struct Model {
  std::map<Place, Known> messages;
  std::map<std::uint64_t, std::uint64_t> next;
  std::map<std::uint64_t, Place> tokens;  // where each was sent last
  std::set<std::uint64_t> safe;           // those that have arrived for good once
};
struct Snapshot {
  SimulatedDisk disk;
  Model model;
  bool cut = false;
};

std::string token_body(std::uint64_t token) { return "token " + std::to_string(token); }

class Life {
 public:
  Life(Snapshot left, std::size_t shards, std::uint64_t seed)
      : shards_(shards),
        disk_(std::move(left.disk)),
        cut_(left.cut),
        model_(std::move(left.model)),
        random_(seed) {
    disk_.watch([this] { look(); });
    opened_.emplace(disk_.files(), kQueues, shards_, options(), [] {});
    EXPECT_TRUE(opened_->damages.empty());
    const std::lock_guard lock(mutex_);
    for (const auto& [queue, lane] : kQueues) {
      model_.next[queue] = store(queue).open_queue(queue, lane).next_position;
      store(queue).set_sync(queue, policy_of(queue));
    }
    opened_->journal->queues_known(UINT64_MAX);
    told_.resize(shards_, 0);
  }
  ~Life() {
    {
      const std::lock_guard lock(mutex_);
      looking_ = false;
    }
    opened_.reset();
  }

  static JournalOptions options() {
    return {.segment_size = 64 * 1024, .sync_interval = std::chrono::milliseconds(2)};
  }

  /// What is there agrees with what was told before.
  void check() {
    std::map<std::uint64_t, int> tokens;
    std::map<Place, std::string> there;
    for (std::uint64_t queue = kFirst; queue < kEnd; ++queue) {
      for (auto& [position, body] : all(queue)) there[{queue, position}] = std::move(body);
    }
    for (const auto& [place, body] : there) {
      const auto known = model_.messages.find(place);
      const bool is_known = known != model_.messages.end();
      EXPECT_TRUE(is_known) << place.first << "/" << place.second << " was never there";
      if (!is_known) continue;
      EXPECT_EQ(body, known->second.body) << place.first << "/" << place.second;
      if (body.starts_with("token")) ++tokens[std::stoull(body.substr(6))];
      const bool back = known->second.state == State::kGone && !(cut_ && policy_of(place.first));
      EXPECT_FALSE(back) << place.first << "/" << place.second << " is back";
    }
    for (const auto& [place, known] : model_.messages) {
      if (known.state != State::kThere || (cut_ && policy_of(place.first))) continue;
      EXPECT_TRUE(there.contains(place)) << place.first << "/" << place.second << " is lost";
    }
    for (const std::uint64_t token : model_.safe) EXPECT_EQ(tokens[token], 1) << "token " << token;
    const std::lock_guard lock(mutex_);
    cut_ = false;
    model_.messages.clear();
    model_.tokens.clear();
    for (const auto& [place, body] : there) {
      model_.messages[place] = {State::kThere, body};
      if (!body.starts_with("token")) continue;
      model_.tokens[std::stoull(body.substr(6))] = place;
      model_.safe.insert(std::stoull(body.substr(6)));
    }
  }

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      std::uint64_t pause = 0;
      {
        const std::lock_guard lock(mutex_);
        pause = draw(3) == 0 ? draw(300) : 0;
        for (std::uint64_t n = draw(12); n != 0; --n) append_some();
        settle_some();
        for (std::uint64_t n = draw(3); n != 0; --n) move_token();
        for (std::size_t s = 0; s < shards_; ++s) {
          const CommitNumber commit = draw(4) != 0 ? opened_->stores[s]->await_staged() : 0;
          for (auto& follows : std::exchange(staged_[s], {})) {
            const CommitNumber its = commit != 0 ? commit : opened_->stores[s]->await_staged();
            follows_[s][its].push_back(follows);
          }
        }
      }
      turn();
      std::this_thread::sleep_for(std::chrono::microseconds(pause));
    }
  }

  std::vector<Snapshot> take() {
    const std::lock_guard lock(mutex_);
    looking_ = false;
    return std::move(snapshots_);
  }

 private:
  struct Follows {
    Place place;
    State state;
    std::optional<std::uint64_t> token;
  };

  JournalStore& store(std::uint64_t queue) { return *opened_->stores[kQueues.at(queue) % shards_]; }
  std::size_t shard_of(std::uint64_t queue) const { return kQueues.at(queue) % shards_; }
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  void look() {
    const std::lock_guard lock(mutex_);
    if (!looking_ || draw(80) != 0) return;
    const bool cut = draw(3) != 0;
    if (snapshots_.size() == 3) snapshots_.erase(snapshots_.begin() + static_cast<int>(draw(3)));
    snapshots_.push_back(
        {cut ? disk_.crashed([this](std::uint64_t below) { return draw(below); }) : disk_.killed(),
         model_, cut || cut_});
  }

  Place append(std::uint64_t queue, const std::string& body) {
    const Place place{queue, model_.next[queue]++};
    if (draw(12) == 0) model_.next[queue] += draw(4);
    bodies_.push_back(std::make_unique<std::string>(body));
    store(queue).append({.queue = queue,
                         .position = place.second,
                         .enqueued = 5,
                         .routing_key = "k",
                         .body = *bodies_.back()});
    model_.messages[place] = {State::kStaged, body};
    return place;
  }
  void append_some() {
    const std::uint64_t number = draw(1000);
    std::string body = "message " + std::to_string(number);
    const bool large = draw(12) == 0;
    body.resize(large ? 1500 + draw(6000) : 20 + draw(900), '.');
    const std::uint64_t queue = kFirst + draw(kEnd - kFirst);
    bodies_.push_back(std::make_unique<std::string>(body));
    for (std::uint64_t q = queue; q < (large ? kEnd : queue + 1); ++q) {
      const Place place{q, model_.next[q]++};
      store(q).append({.queue = q,
                       .position = place.second,
                       .enqueued = 5,
                       .routing_key = "k",
                       .body = *bodies_.back()});
      model_.messages[place] = {State::kStaged, body};
      staged_[shard_of(q)].push_back({place, State::kThere, {}});
    }
  }
  void settle(const Place& place) {
    store(place.first).settle(place.first, place.second, place.second);
    model_.messages[place].state = State::kGoing;
    staged_[shard_of(place.first)].push_back({place, State::kGone, {}});
  }
  void settle_some() {
    const std::uint64_t one_in = draw(10) == 0 ? 2 : 12;
    std::vector<Place> going;
    for (const auto& [place, known] : model_.messages) {
      const bool may = known.state == State::kThere || known.state == State::kStaged;
      if (may && !known.body.starts_with("token") && draw(one_in) == 0) going.push_back(place);
    }
    for (const Place& place : going) settle(place);
  }
  void move_token() {
    const std::uint64_t token = draw(kTokens);
    const auto at = model_.tokens.find(token);
    const bool is_new = at == model_.tokens.end();
    const std::uint64_t to = is_new ? kFirst : kFirst + draw(kEnd - kFirst);
    std::set<std::size_t> shards{shard_of(to)};
    if (!is_new) {
      const Place from = at->second;
      shards.insert(shard_of(from.first));
      settle(from);
    }
    const Place place = append(to, token_body(token));
    staged_[shard_of(to)].push_back({place, State::kThere, token});
    model_.tokens[token] = place;
    if (shards.size() < 2) return;
    ++unit_;
    for (const std::size_t s : shards) {
      opened_->stores[s]->join_unit(unit_, static_cast<std::uint32_t>(shards.size()));
    }
  }

  void turn() {
    ++now_;
    for (std::size_t s = 0; s < shards_; ++s) {
      std::vector<ReadMessages> moved;
      opened_->stores[s]->take_read(moved);
      std::vector<CommitEnd> ended;
      opened_->stores[s]->take_ended(ended);
      {
        const std::lock_guard lock(mutex_);
        for (const CommitEnd end : ended) {
          EXPECT_EQ(end, CommitEnd::kDurable);
          tell(s, ++told_[s]);
        }
      }
      opened_->stores[s]->seal(now_);
    }
  }
  void tell(std::size_t shard, CommitNumber commit) {
    const auto at = follows_[shard].find(commit);
    if (at == follows_[shard].end()) return;
    for (const Follows& follows : at->second) {
      Known& known = model_.messages[follows.place];
      if (follows.state == State::kGone || known.state == State::kStaged) {
        known.state = follows.state;
      }
      if (follows.token) model_.safe.insert(*follows.token);
    }
    follows_[shard].erase(at);
  }

  std::map<std::uint64_t, std::string> all(std::uint64_t queue) {
    std::map<std::uint64_t, std::string> bodies;
    for (std::uint64_t next = 0; next != kLastPosition;) {
      store(queue).read(queue, next, 100'000);
      std::vector<ReadMessages> read;
      while (read.empty()) store(queue).take_read(read);
      for (const MessageRecord& message : read.front().messages) {
        bodies[message.position] = message.body;
      }
      for (const auto& damage : read.front().damages) ADD_FAILURE() << damage.what;
      if (read.front().next == next) break;
      next = read.front().next;
    }
    return bodies;
  }

  const std::size_t shards_;
  SimulatedDisk disk_;
  std::mutex mutex_;  // of what follows: files are watched on other threads
  bool looking_ = true;
  bool cut_;  // and what is there was not looked at since
  Model model_;
  std::vector<Snapshot> snapshots_;
  std::mt19937_64 random_;
  std::map<std::size_t, std::vector<Follows>> staged_;
  std::map<std::size_t, std::map<CommitNumber, std::vector<Follows>>> follows_;
  std::vector<CommitNumber> told_;
  std::vector<std::unique_ptr<std::string>> bodies_;
  std::uint64_t unit_ = 0;
  MonotonicMs now_ = 0;
  std::optional<OpenedJournal> opened_;
};

class AnyMoment : public testing::TestWithParam<std::uint64_t> {};

TEST_P(AnyMoment, LeavesWhatWasToldAndMovesWholly) {
  std::mt19937_64 random(GetParam());
  Snapshot now;
  for (int life = 0; life < 8 && !HasFailure(); ++life) {
    const std::size_t shards = 1 + random() % 3;
    Life here(std::move(now), shards, random());
    if (life != 0) here.check();
    here.run(static_cast<int>(50 + random() % 500));
    std::vector<Snapshot> snapshots = here.take();
    if (snapshots.empty()) break;
    for (std::size_t i = 0; i + 1 < snapshots.size() && !HasFailure(); ++i) {
      Life(std::move(snapshots[i]), 2, 1).check();
    }
    now = std::move(snapshots.back());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnyMoment, testing::Range<std::uint64_t>(1, 11));

}  // namespace
}  // namespace polymq::storage::journal
