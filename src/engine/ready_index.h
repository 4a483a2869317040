// Which message of a queue is handed out next: by priority, then by position.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/ids.h"

namespace polymq::engine {

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

 private:
  struct Run {
    std::vector<Position> positions;
    std::size_t next = 0;
  };
  // A heap by smallest next position.
  std::vector<Run> heap_;
};

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

 private:
  struct Range {
    Position first;
    Position end;
  };
  std::vector<Range> ranges_;
  std::size_t head_ = 0;
};

/// Shard: the queue's home. Holds positions only; a position whose message has gone meanwhile is
/// skipped by the owner when it surfaces.
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
  /// Messages return to where they were. `sorted`: ascending, all of that priority.
  void give_back(std::vector<Position> sorted, std::uint8_t priority);

 private:
  struct Level {
    RangeFifo fifo;
    ReturnedRuns returned;
    bool empty() const { return fifo.empty() && returned.empty(); }
  };
  std::size_t clamp(std::uint8_t priority) const;
  std::size_t highest() const;
  Level& level(std::size_t n) { return n == 0 ? first_ : (*more_)[n - 1]; }
  const Level& level(std::size_t n) const { return n == 0 ? first_ : (*more_)[n - 1]; }

  Level first_;
  std::unique_ptr<std::vector<Level>> more_;
  std::uint64_t filled_[4] = {};
};

}  // namespace polymq::engine
