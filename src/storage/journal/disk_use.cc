// Telling a message's own bytes from those that it shares.
#include "storage/journal/disk_use.h"

#include <algorithm>

#include "storage/journal/layout.h"
#include "storage/journal/segment_index.h"

namespace polymq::storage::journal {
namespace {

std::uint64_t own_bytes(const Stretch& stretch) {
  return stretch.record_bytes() + (stretch.shared ? 0 : stretch.data_bytes);
}

}  // namespace

void UseCounter::begin(const IndexedChunk& chunk) {
  if (shared_at_ != 0 && chunk.offset == shared_at_) {
    const std::uint64_t bytes = chunk.size - kChunkHeader;
    all_ += bytes;
    live_ += std::min(bytes, shared_live_);
    shared_at_ = 0;
  }
  if (chunk.shared_offset == 0 || chunk.shared_offset == shared_at_) return;
  shared_at_ = chunk.shared_offset;
  shared_live_ = 0;
}

void UseCounter::found(const Stretch& stretch) { all_ += own_bytes(stretch); }

void UseCounter::lives(const Stretch& stretch) {
  live_ += own_bytes(stretch);
  if (stretch.shared) shared_live_ += stretch.data_bytes;
}

}  // namespace polymq::storage::journal
