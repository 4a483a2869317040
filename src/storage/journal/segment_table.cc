// What keeps a segment alive.
#include "storage/journal/segment_table.h"

#include <algorithm>

namespace polymq::storage::journal {
namespace {

// With more than this part alive, moving costs more than it gains.
constexpr double kSparse = 0.6;

}  // namespace

void SegmentTable::chunk_placed(SegmentNumber number, std::uint64_t bytes) {
  Segment& segment = segments_.at(number);
  segment.live_bytes += bytes;
  ++segment.live_chunks;
}

bool SegmentTable::chunk_shrunk(const ShrunkChunk& chunk) {
  Segment& segment = segments_.at(chunk.segment);
  segment.live_bytes -= std::min(segment.live_bytes, chunk.bytes);
  if (!chunk.gone || --segment.live_chunks != 0) return false;
  segment.live_bytes = 0;
  return true;
}

std::vector<SegmentNumber> SegmentTable::sparse(std::uint64_t bytes) const {
  std::vector<std::pair<double, SegmentNumber>> candidates;
  for (const auto& [number, segment] : segments_) {
    if (!segment.sealed || segment.damaged || segment.live_chunks == 0) continue;
    const double lives =
        static_cast<double>(segment.live_bytes) / static_cast<double>(segment.size);
    if (lives < kSparse) candidates.emplace_back(lives, number);
  }
  std::sort(candidates.begin(), candidates.end());
  std::vector<SegmentNumber> chosen;
  std::uint64_t sum = 0;
  for (const auto& [lives, number] : candidates) {
    sum += segments_.at(number).live_bytes;
    if (!chosen.empty() && sum > bytes) break;
    chosen.push_back(number);
  }
  return chosen;
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

std::optional<SegmentNumber> SegmentTable::unindexed(SegmentNumber below) const {
  for (const auto& [number, segment] : segments_) {
    if (number >= below) break;
    const bool lives = segment.sealed && !segment.damaged && segment.live_chunks != 0;
    if (lives && !segment.indexed) return number;
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
  for (const auto& [number, segment] : segments_) sum += std::min(segment.live_bytes, segment.size);
  return sum;
}

}  // namespace polymq::storage::journal
