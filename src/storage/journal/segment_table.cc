// What keeps a segment alive.
#include "storage/journal/segment_table.h"

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

bool SegmentTable::has_nothing(const Segment& segment) {
  return segment.sealed && !segment.damaged && segment.live_chunks == 0 && segment.readers == 0;
}

std::optional<SegmentNumber> SegmentTable::removable() const {
  bool oldest = true;
  for (const auto& [number, segment] : segments_) {
    if (has_nothing(segment) && (oldest || number < restated_below_)) return number;
    oldest = false;
  }
  return std::nullopt;
}

std::uint64_t SegmentTable::waiting_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [number, segment] : segments_) {
    if (has_nothing(segment) && number >= restated_below_) sum += segment.size;
  }
  return sum;
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
