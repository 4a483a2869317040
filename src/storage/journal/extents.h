// Where a queue's messages lie in the journal: stretches of positions, each a row of records in one
// chunk's index. What is settled is cut out, so that what is left lives.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace polymq::storage::journal {

struct Extent {
  std::uint64_t first = 0;  // position
  std::uint32_t count = 0;  // of positions, without gaps
  std::uint32_t index_offset = 0;
  std::uint64_t chunk = 0;  // number within the queue's lane

  std::uint64_t end() const { return first + count; }
  bool operator==(const Extent&) const = default;
};

/// Sorted by position, none overlap.
class Extents {
 public:
  bool empty() const { return extents_.empty(); }
  const std::deque<Extent>& all() const { return extents_; }
  /// Behind all others.
  void add(const Extent& extent) { extents_.push_back(extent); }
  /// Among them.
  void insert(const Extent& extent);
  /// Takes the positions `first`..`last` out. `cut` hears of each piece: its chunk, and how many
  /// messages there were.
  void remove(std::uint64_t first, std::uint64_t last,
              const std::function<void(std::uint64_t chunk, std::uint32_t count)>& cut);
  /// The first extent that ends behind `position`, as an index into all().
  std::size_t find(std::uint64_t position) const;
  bool contains(std::uint64_t position) const {
    const std::size_t at = find(position);
    return at < extents_.size() && extents_[at].first <= position;
  }

 private:
  std::deque<Extent> extents_;
};

}  // namespace polymq::storage::journal
