// Which message of a queue with groups is next: the first of a group that nobody holds, or of one
// that does not take more than its share.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/sliding_window.h"
#include "engine/fair_shares.h"
#include "engine/ids.h"
#include "engine/message.h"
#include "engine/queue_arguments.h"
#include "engine/ready_index.h"

namespace polymq::engine {

/// A group's name as it is remembered: its 128-bit hash.
struct GroupKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  static GroupKey of(std::string_view name);
  bool operator==(const GroupKey&) const = default;
};

/// Shard: its queue's home. Knows positions and groups, not where messages are.
/// A message is leased, waits (it must not be handed out yet), or is ready. A message without a
/// group is alone: it is its own group.
///
/// Exclusive: a group is locked while one of its messages is leased: only who holds it may have
/// more of it. It is blocked while its first message that is not leased waits.
///
/// Fair: nothing is locked nor blocked. A group is noisy while it has too much of what is leased,
/// or of the time that leases took (see FairShares); else it is quiet. Who is alone is quiet. First
/// comes what is quiet, then the noisy group of which the fewest are leased.
///
/// Invariants:
///  1. a group's messages are in `first`..`last` in order of position, or leased, or aside, or have
///     been one of these and are in `returned`, which is in order, too;
///  2. available_ has the first position of each group that has one and is not blocked: under who
///     may have it, or (fair) after what comes before it. That a group has become noisy or quiet by
///     what others do is found when it matters: in next(). Then noisy_ is at most 18: each has more
///     than a tenth of something.
/// Cost: O(log n) each; about 30 bytes for a message and 170 for a group.
class GroupIndex {
 public:
  /// Who leases: any number that is never used again.
  using Holder = std::uint64_t;
  /// Holds a group and never comes back for more.
  static constexpr Holder kNobody = UINT64_MAX;

  explicit GroupIndex(MemoryMeter& meter, MessageGroups rule = MessageGroups::kExclusive)
      : meter_(meter), fair_(rule == MessageGroups::kFair) {}
  ~GroupIndex();
  GroupIndex(const GroupIndex&) = delete;
  GroupIndex& operator=(const GroupIndex&) = delete;

  /// Positions only grow, but for those that are leased at once. Without a key it is alone.
  void add(Position position, std::optional<GroupKey> key, bool waits);
  /// Of one that next() named. Exclusive: the group is `holder`'s until nothing of it is leased.
  /// Fair: of any that is ready, if it is the first of those of its group that came back.
  void lease(Position position, Holder holder, MonotonicMs now = 0);
  /// Fair: its lease was of use, and is about to end.
  void worked(Position position, MonotonicMs now);
  /// One that was leased, or that waits, becomes ready.
  void give_back(Position position);
  /// One that was leased, or is ready, waits.
  void wait(Position position);
  /// It is gone, whatever it was.
  void erase(Position position);

  /// The first ready message that `holder` may have. `stay`: of a group that it holds, if there is
  /// one. nullopt: there is none. Fair: whoever asks.
  std::optional<Position> next(Holder holder, bool stay = false);
  /// Fair, as of the last next(): there are ready ones, all of noisy groups.
  bool only_noisy() const { return fair_ && !available_.empty() && available_.begin()->first != 0; }

  bool fair() const { return fair_; }
  /// The group of a message; nothing: it is alone.
  std::optional<GroupKey> key_of(Position position) const;
  /// The first message of a group of which nothing is leased, if it does not wait.
  std::optional<Position> first_if_open(const GroupKey& key);
  bool contains(Position position) const { return entries_.find(position) != nullptr; }
  bool leased(Position position) const { return entries_.find(position)->place == Place::kLeased; }
  /// It can be handed out soon. Exclusive: neither it is leased, nor another one of its group.
  /// Fair: it is ready, and quiet.
  bool is_open(Position position) const;
  bool same_group(Position a, Position b) const;
  /// It can be handed out soon after `from`, which can be now.
  bool goes_with(Position position, Position from) const;
  /// Messages that are not leased; fair: that are ready.
  std::size_t size() const { return entries_.size() - leased_ - aside_; }
  std::size_t groups() const { return by_key_.size(); }
  /// Calls visit(position) for all, in order; it may erase that one.
  template <class Visit>
  void for_each(Visit visit) {
    for (Position at = entries_.front(); at < entries_.end(); at = entries_.next(at + 1)) visit(at);
  }

 private:
  using GroupNumber = std::uint32_t;
  static constexpr GroupNumber kAlone = UINT32_MAX;
  static constexpr Holder kFree = 0;
  enum class Place : std::uint8_t {
    kInLine,
    kReturned,
    kLeased,
    kAside,  // fair: it waits
  };
  struct Entry {
    Position before = 0;  // in line; 0: none. Fair, leased: since when
    Position behind = 0;
    GroupNumber group = kAlone;
    Place place = Place::kInLine;
    bool waits = false;
  };
  /// Who may have it (kFree: anybody), and its position. Fair: kFree for what is quiet, else how
  /// many of its group are leased, and one.
  using Shown = std::pair<Holder, Position>;
  struct Group {
    GroupKey key;
    Position first = 0;
    Position last = 0;
    ReturnedRuns returned;
    std::uint32_t leased = 0;
    std::uint32_t aside = 0;
    bool noisy = false;
    double busy = 0;  // in units of shares_
    Holder holder = kFree;
    Shown shown = {};  // in available_, if there is a position
  };
  struct KeyHash {
    std::size_t operator()(const GroupKey& key) const { return key.low; }
  };
  static constexpr std::int64_t kEntryBytes = sizeof(Entry);
  /// With its place in the map and in the set.
  static constexpr std::int64_t kGroupBytes = sizeof(Group) + 80;

  GroupNumber number_of(const GroupKey& key);
  void append(Group& group, Position position, Entry& entry);
  void leave_line(Group& group, const Entry& entry);
  /// 0: all are leased.
  Position first_of(Group& group);
  /// After the group, or this entry of it, has changed.
  void update(Position position, const Entry& entry);
  void update(GroupNumber number);
  void show(Shown& shown, Shown wanted);
  /// Counts and places of one that is leased, or aside, and will not be.
  void leave_place(Entry& entry);
  void put_aside(Position position, Entry& entry);
  bool takes_too_much(const Group& group) const {
    return shares_.too_much(group.leased, group.busy);
  }
  std::optional<Position> next_fair();

  MemoryMeter& meter_;
  const bool fair_;
  SlidingWindow<Entry> entries_{1};
  std::size_t leased_ = 0;
  std::size_t aside_ = 0;
  std::vector<Group> groups_;
  std::vector<GroupNumber> free_;  // numbers of groups that are gone
  boost::unordered_flat_map<GroupKey, GroupNumber, KeyHash> by_key_;
  std::set<Shown> available_;
  FairShares shares_;
  std::vector<GroupNumber> noisy_;
};

}  // namespace polymq::engine
