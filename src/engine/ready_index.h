// Which message of a queue is handed out next: by priority, then by position; and up to where
// their messages are in memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/ids.h"
#include "storage/message_store.h"

namespace polymq::engine {

using storage::PositionRange;

/// Positions that came back, as sorted runs merged lazily: a dying consumer's million leases are
/// one run, taken over in O(1), not a million insertions.
class ReturnedRuns {
 public:
  bool empty() const { return heap_.empty(); }
  Position front() const { return heap_.front().positions[heap_.front().next]; }
  void pop();
  /// `sorted`: ascending, not empty, none of them present already.
  void add(std::vector<Position> sorted);
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Run& run : heap_) {
      for (std::size_t i = run.next; i < run.positions.size(); ++i) visit(run.positions[i]);
    }
  }
  /// In order, until `visit` says false.
  template <class Visit>
  void visit(Visit visit) const;

 private:
  struct Run {
    std::vector<Position> positions;
    std::size_t next = 0;
  };
  /// More than these are not kept: so many of the smallest are made one.
  static constexpr std::size_t kMostRuns = 64;
  static constexpr std::size_t kJoined = 32;
  static bool later(const Run& a, const Run& b) {
    return a.positions[a.next] > b.positions[b.next];
  }
  void join_small();

  // A heap by smallest next position.
  std::vector<Run> heap_;
};

template <class Visit>
void ReturnedRuns::visit(Visit visit) const {
  struct At {
    const Run* run;
    std::size_t next;
    Position position() const { return run->positions[next]; }
  };
  const auto later = [](const At& a, const At& b) { return a.position() > b.position(); };
  std::vector<At> heap;
  heap.reserve(heap_.size());
  for (const Run& run : heap_) heap.push_back({&run, run.next});
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty() && visit(heap.front().position())) {
    std::pop_heap(heap.begin(), heap.end(), later);
    if (++heap.back().next == heap.back().run->positions.size()) {
      heap.pop_back();
    } else {
      std::push_heap(heap.begin(), heap.end(), later);
    }
  }
}

/// Positions in the order of arrival, as ranges: a plain queue is a single range.
class RangeFifo {
 public:
  bool empty() const { return head_ == ranges_.size(); }
  Position front() const { return ranges_[head_].first; }
  void push(Position position) { push(position, position + 1); }
  /// Those from `first` to before `end`; positions only grow.
  void push(Position first, Position end);
  void pop();
  template <class Visit>
  void for_each_range(Visit visit) const {
    for (std::size_t i = head_; i < ranges_.size(); ++i) visit(ranges_[i].first, ranges_[i].end);
  }
  /// Those from `first` to before `end`, in order; false when `visit` said so and it ended there.
  template <class Visit>
  bool visit(Position first, Position end, Visit visit) const;
  /// Those before `end`, the last one first.
  template <class Visit>
  bool visit_back(Position end, Visit visit) const;
  bool has_between(Position first, Position end) const {
    return !visit(first, end, [](Position) { return false; });
  }
  /// How many there are before `end`: roughly, when they are in many ranges.
  std::uint64_t count_before(Position end) const;

 private:
  /// The first range that ends behind `position`.
  std::size_t find(Position position) const;

  std::vector<PositionRange> ranges_;
  std::size_t head_ = 0;
};

template <class Visit>
bool RangeFifo::visit(Position first, Position end, Visit visit) const {
  for (std::size_t i = find(first); i < ranges_.size() && ranges_[i].first < end; ++i) {
    const Position until = std::min(ranges_[i].end, end);
    for (Position at = std::max(ranges_[i].first, first); at < until; ++at) {
      if (!visit(at)) return false;
    }
  }
  return true;
}

template <class Visit>
bool RangeFifo::visit_back(Position end, Visit visit) const {
  std::size_t i = find(end);
  if (i < ranges_.size() && ranges_[i].first < end) ++i;
  for (; i > head_; --i) {
    const PositionRange& range = ranges_[i - 1];
    for (Position at = std::min(range.end, end); at > range.first; --at) {
      if (!visit(at - 1)) return false;
    }
  }
  return true;
}

/// Shard: the queue's home. Holds positions only; a position whose message has gone meanwhile is
/// skipped by the owner when it surfaces.
/// Each level knows a stretch of positions in which messages are not in memory, but for those that
/// the owner finds there all the same. What came back to its place is never among them.
/// Invariant: `filled_` has a bit for exactly the levels that are not empty.
class ReadyIndex {
 public:
  /// `levels`: 1 for a plain queue, else the highest priority + 1 (at most 256).
  explicit ReadyIndex(std::size_t levels = 1);

  bool empty() const { return (filled_[0] | filled_[1] | filled_[2] | filled_[3]) == 0; }
  std::size_t levels() const { return more_ ? more_->size() + 1 : 1; }
  /// A message that just arrived; positions only grow.
  void push(Position position, std::uint8_t priority) { push(position, position + 1, priority); }
  void push(Position first, Position end, std::uint8_t priority);
  /// The next one to hand out; the index is not empty.
  Position front() const;
  void pop();
  /// Every position that is in it, in ranges from a first to before an end, in no order.
  template <class Visit>
  void for_each_range(Visit visit) const {
    for (std::size_t n = 0; n < levels(); ++n) {
      level(n).fifo.for_each_range(visit);
      level(n).returned.for_each([&](Position position) { visit(position, position + 1); });
    }
  }
  /// Of a single level: those that came back.
  template <class Visit>
  void for_each_returned(Visit visit) const {
    first_.returned.for_each(visit);
  }
  /// Messages return to where they were. `sorted`: ascending, all of that priority.
  void give_back(std::vector<Position> sorted, std::uint8_t priority);

  /// Of the front's level: visits what came back, in order, until `visit` says false. The index is
  /// not empty.
  template <class Visit>
  void visit_returned(Visit visit) const {
    level(highest()).returned.visit(visit);
  }

  // --- what is not in memory ---
  /// push() of messages that are not in memory.
  void push_unread(Position first, Position end, std::uint8_t priority);
  /// The front is where messages are not in memory, mostly; the index is not empty.
  bool front_may_be_unread() const;
  /// Offers what is in memory and below `below` to leave, what would be handed out last first.
  /// `offer` says false to end it before the message it was asked for. False: it was ended.
  template <class Offer>
  bool let_go(Position below, Offer offer);
  /// How many messages come before the first one that may be unread: roughly, and when there are
  /// more than `enough`, at least that.
  std::uint64_t ahead_of_unread(std::uint64_t enough) const;
  /// Positions of one level to be read next, in order.
  struct Wanted {
    std::size_t level = 0;
    std::vector<PositionRange> ranges;
  };
  /// The next ones to hand out that are unread, and for which `in_memory` says false: not more than
  /// `most`. Empty: there are none, or none among those looked through so far.
  template <class InMemory>
  Wanted next_unread(std::uint64_t most, InMemory in_memory);
  /// The level was not changed since it was read from `first` on, and is in memory up to `below`.
  /// False: it was changed.
  bool was_read(std::size_t level, Position first, Position below);
  /// The lowest position that may be unread; nullopt: all is in memory.
  std::optional<Position> first_unread() const;
  void all_read();
  /// What is below, and not in memory, was read before.
  Position seen_below(std::size_t level) const { return this->level(level).seen_below; }
  /// It is in it, and was never read.
  bool is_unseen(Position position) const;
  /// Of a single level: what is below has been read, though not by was_read().
  void see(Position below) { first_.seen_below = std::max(first_.seen_below, below); }
  /// Of a single level: that message is not in memory any more. It has not come back to its place.
  void let_go_of(Position position);
  /// Of a single level: the lowest position from `from` on that may be unread; kLastPosition.
  Position unread_from(Position from) const;
  /// Of a single level, but for what came back: visits positions from `from` on, in order, until
  /// `visit` says false.
  template <class Visit>
  void visit_from(Position from, Visit visit) const {
    first_.fifo.visit(from, storage::kLastPosition, visit);
  }

 private:
  struct Level {
    RangeFifo fifo;
    ReturnedRuns returned;
    PositionRange unread;
    Position seen_below = 0;  // all that is unread there was in memory before
    bool empty() const { return fifo.empty() && returned.empty(); }
  };
  std::size_t clamp(std::uint8_t priority) const;
  std::size_t highest() const { return highest_below(levels()); }
  /// Of the levels that are not empty; kNone.
  std::size_t highest_below(std::size_t n) const;
  static constexpr std::size_t kNone = SIZE_MAX;
  /// The front is one that came back.
  static bool front_returned(const Level& top) {
    return !top.returned.empty() && (top.fifo.empty() || top.returned.front() < top.fifo.front());
  }
  Level& level(std::size_t n) { return n == 0 ? first_ : (*more_)[n - 1]; }
  const Level& level(std::size_t n) const { return n == 0 ? first_ : (*more_)[n - 1]; }

  Level first_;
  std::unique_ptr<std::vector<Level>> more_;
  std::uint64_t filled_[4] = {};
};

template <class Offer>
bool ReadyIndex::let_go(Position below, Offer offer) {
  for (std::size_t n = 0; n < levels(); ++n) {
    Level& from = level(n);
    if (from.fifo.empty()) continue;
    PositionRange& unread = from.unread;
    // What is behind others that are unread has the longest to wait.
    const bool tail_done = unread.empty() || from.fifo.visit(unread.end, below, [&](Position at) {
      if (!offer(at)) return false;
      unread.end = at + 1;
      return true;
    });
    if (!tail_done) return false;
    const Position head_end = unread.empty() ? below : unread.first;
    const bool head_done = from.fifo.visit_back(head_end, [&](Position at) {
      if (!offer(at)) return false;
      if (unread.empty()) unread.end = at + 1;
      unread.first = at;
      return true;
    });
    if (!head_done) return false;
  }
  return true;
}

template <class InMemory>
ReadyIndex::Wanted ReadyIndex::next_unread(std::uint64_t most, InMemory in_memory) {
  std::uint64_t steps = 4 * most;
  for (std::size_t n = highest(); n != kNone; n = highest_below(n)) {
    Level& from = level(n);
    if (from.unread.empty()) continue;
    Wanted wanted{n, {}};
    const bool all = from.fifo.visit(from.unread.first, from.unread.end, [&](Position at) {
      if (most == 0 || steps-- == 0) return false;
      if (in_memory(at)) {
        if (wanted.ranges.empty()) from.unread.first = at + 1;
        return true;
      }
      if (wanted.ranges.empty()) from.unread.first = at;
      append(wanted.ranges, at);
      --most;
      return true;
    });
    if (!wanted.ranges.empty() || !all) return wanted;
    from.unread = {};
  }
  return {};
}

}  // namespace polymq::engine
