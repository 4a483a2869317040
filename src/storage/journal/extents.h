// Where a queue's messages lie in the journal: stretches of positions, each a row of records in one
// chunk's index. What is settled is cut out, so that what is left lives.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/block_list.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {

struct Extent {
  std::uint64_t first = 0;  // position
  std::uint32_t count = 0;  // of positions, without gaps
  std::uint32_t index_offset = 0;
  std::uint64_t chunk : 63 = 0;  // number within the queue's lane
  bool shared : 1 = false;       // the data is in another chunk of the commit

  std::uint64_t end() const { return first + count; }
  /// Where the record of its n-th message begins.
  std::uint32_t index_offset_of(std::uint32_t n) const {
    return index_offset + static_cast<std::uint32_t>(n * record_size(shared));
  }
  bool operator==(const Extent&) const = default;
};

static_assert(sizeof(Extent) == 24, "a deep backlog has many");

/// Sorted by position, none overlap.
class Extents {
 public:
  using value_type = Extent;
  using const_reference = const Extent&;
  using const_iterator = BlockList<Extent>::const_iterator;

  bool empty() const { return extents_.empty(); }
  const_iterator begin() const { return extents_.begin(); }
  const_iterator end() const { return extents_.end(); }
  /// Behind all others.
  void add(const Extent& extent) { extents_.push_back(extent); }
  /// Among them.
  void insert(const Extent& extent);
  /// Takes the positions `first`..`last` out. `cut` hears of each piece: its chunk, and how many
  /// messages there were.
  template <class Cut>
  void remove(std::uint64_t first, std::uint64_t last, Cut cut);
  /// The first extent that ends behind `position`.
  const_iterator find(std::uint64_t position) const {
    return extents_.partition_point(EndsBefore{position});
  }
  bool contains(std::uint64_t position) const {
    const auto found = find(position);
    return found != end() && found->first <= position;
  }

 private:
  struct EndsBefore {
    std::uint64_t position;
    bool operator()(const Extent& extent) const { return extent.end() <= position; }
  };
  BlockList<Extent> extents_;
};

template <class Cut>
void Extents::remove(std::uint64_t first, std::uint64_t last, Cut cut) {
  auto at = extents_.partition_point(EndsBefore{first});
  auto gone_from = at;  // whole extents from there to `at` go
  while (at != extents_.end() && at->first <= last) {
    Extent& extent = *at;
    const std::uint64_t from = std::max(first, extent.first);
    const std::uint64_t to = std::min(last + 1, extent.end());
    const auto count = static_cast<std::uint32_t>(to - from);
    cut(extent.chunk, count);
    const auto before = static_cast<std::uint32_t>(from - extent.first);
    const auto after = static_cast<std::uint32_t>(extent.end() - to);
    const Extent rest{to, after, extent.index_offset_of(before + count), extent.chunk,
                      extent.shared};
    if (before != 0) {
      extent.count = before;
      ++at;
      gone_from = at;  // nothing whole has gone yet: this was the first one
      if (after != 0) return extents_.insert(at, rest);
    } else if (after != 0) {
      extent = rest;
      break;
    } else {
      ++at;
    }
  }
  extents_.erase(gone_from, at);
}

}  // namespace polymq::storage::journal
