// What keeps a segment alive.
#include "storage/journal/segment_table.h"

#include <algorithm>

namespace polymq::storage::journal {

void SegmentTable::chunk_placed(SegmentNumber number, std::uint64_t bytes) {
  Segment& segment = segments_.at(number);
  segment.live_bytes += bytes;
  ++segment.live_chunks;
}

bool SegmentTable::chunk_dead(SegmentNumber number, std::uint64_t bytes) {
  Segment& segment = segments_.at(number);
  segment.live_bytes -= bytes;
  return --segment.live_chunks == 0;
}

std::vector<SegmentNumber> SegmentTable::dead() const {
  std::vector<SegmentNumber> dead;
  for (const auto& [number, segment] : segments_) {
    if (!segment.sealed || segment.damaged || segment.live_chunks != 0 || segment.owed != 0 ||
        segment.readers != 0) {
      continue;
    }
    const bool needed = std::any_of(
        segment.speaks_of.begin(), segment.speaks_of.end(),
        [&, self = number](SegmentNumber other) { return other != self && segments_.contains(other); });
    if (!needed) dead.push_back(number);
  }
  return dead;
}

void SegmentTable::remove(SegmentNumber number) { segments_.erase(number); }

std::uint64_t SegmentTable::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [number, segment] : segments_) sum += segment.size;
  return sum;
}

std::uint64_t SegmentTable::live_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [number, segment] : segments_) sum += segment.live_bytes;
  return sum;
}

}  // namespace polymq::storage::journal
