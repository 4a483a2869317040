// Which message of a queue with groups is next: the first of a group that nobody holds.
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
#include "engine/ids.h"
#include "engine/message.h"
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
/// A message is leased, waits (it must not be handed out yet), or is ready. A group is locked while
/// one of its messages is leased: only who holds it may have more of it. It is blocked while its
/// first message that is not leased waits. A message without a group is alone: it is its own group.
/// Invariants:
///  1. a group's messages are in `first`..`last` in order of position, or leased, or have been
///     leased and are in `returned`: these come before the others of the group;
///  2. available_ has the first position of each group that is not blocked, under who may have it.
/// Cost: O(log n) each; about 30 bytes for a message and 150 for a group.
class GroupIndex {
 public:
  /// Who leases: any number that is never used again.
  using Holder = std::uint64_t;
  /// Holds a group and never comes back for more.
  static constexpr Holder kNobody = UINT64_MAX;

  explicit GroupIndex(MemoryMeter& meter) : meter_(meter) {}
  ~GroupIndex();
  GroupIndex(const GroupIndex&) = delete;
  GroupIndex& operator=(const GroupIndex&) = delete;

  /// Positions only grow. Without a key it is alone.
  void add(Position position, std::optional<GroupKey> key, bool waits);
  /// Of one that next() named. The group is `holder`'s until nothing of it is leased.
  void lease(Position position, Holder holder);
  /// One that was leased, or that waits, becomes ready.
  void give_back(Position position);
  /// One that was leased, or is ready, waits.
  void wait(Position position);
  /// It is gone, whatever it was.
  void erase(Position position);

  /// The first ready message that `holder` may have. `stay`: of a group that it holds, if there is
  /// one. nullopt: there is none.
  std::optional<Position> next(Holder holder, bool stay = false) const;

  bool contains(Position position) const { return entries_.find(position) != nullptr; }
  bool leased(Position position) const { return entries_.find(position)->place == Place::kLeased; }
  /// It is not leased, nor is another one of its group.
  bool is_open(Position position) const;
  bool same_group(Position a, Position b) const;
  /// Messages that are not leased.
  std::size_t size() const { return entries_.size() - leased_; }
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
  enum class Place : std::uint8_t { kInLine, kReturned, kLeased };
  struct Entry {
    Position before = 0;  // in line; 0: none
    Position behind = 0;
    GroupNumber group = kAlone;
    Place place = Place::kInLine;
    bool waits = false;
  };
  /// Who may have it (kFree: anybody), and its position.
  using Shown = std::pair<Holder, Position>;
  struct Group {
    GroupKey key;
    Position first = 0;
    Position last = 0;
    ReturnedRuns returned;
    std::uint32_t leased = 0;
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

  MemoryMeter& meter_;
  SlidingWindow<Entry> entries_{1};
  std::size_t leased_ = 0;
  std::vector<Group> groups_;
  std::vector<GroupNumber> free_;  // numbers of groups that are gone
  boost::unordered_flat_map<GroupKey, GroupNumber, KeyHash> by_key_;
  std::set<Shown> available_;
};

}  // namespace polymq::engine
