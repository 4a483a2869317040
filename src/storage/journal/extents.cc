// Cutting and finding extents.
#include "storage/journal/extents.h"

#include <algorithm>

#include "storage/journal/layout.h"

namespace polymq::storage::journal {

std::size_t Extents::find(std::uint64_t position) const {
  if (extents_.empty() || extents_.front().end() > position) return 0;  // mostly the first
  const auto it = std::upper_bound(
      extents_.begin(), extents_.end(), position,
      [](std::uint64_t wanted, const Extent& extent) { return wanted < extent.end(); });
  return static_cast<std::size_t>(it - extents_.begin());
}

void Extents::insert(const Extent& extent) {
  const std::size_t at = find(extent.first);
  if (at != 0) {
    Extent& before = extents_[at - 1];
    if (before.chunk == extent.chunk && before.end() == extent.first &&
        before.index_offset + before.count * kMessageRecord == extent.index_offset) {
      before.count += extent.count;
      return;
    }
  }
  extents_.insert(extents_.begin() + static_cast<std::ptrdiff_t>(at), extent);
}

void Extents::remove(std::uint64_t first, std::uint64_t last,
                     const std::function<void(std::uint64_t, std::uint32_t)>& cut) {
  std::size_t at = find(first);
  std::size_t gone_from = at;  // whole extents from there to `at` go
  while (at < extents_.size() && extents_[at].first <= last) {
    Extent& extent = extents_[at];
    const std::uint64_t from = std::max(first, extent.first);
    const std::uint64_t to = std::min(last + 1, extent.end());
    const auto count = static_cast<std::uint32_t>(to - from);
    cut(extent.chunk, count);
    const auto before = static_cast<std::uint32_t>(from - extent.first);
    const auto after = static_cast<std::uint32_t>(extent.end() - to);
    const Extent rest{
        to, after,
        extent.index_offset + static_cast<std::uint32_t>((before + count) * kMessageRecord),
        extent.chunk};
    if (before != 0) {
      extent.count = before;
      ++at;
      gone_from = at;  // nothing whole has gone yet: this was the first one
      if (after != 0) {
        extents_.insert(extents_.begin() + static_cast<std::ptrdiff_t>(at), rest);
        return;
      }
    } else if (after != 0) {
      extent = rest;
      break;
    } else {
      ++at;
    }
  }
  extents_.erase(extents_.begin() + static_cast<std::ptrdiff_t>(gone_from),
                 extents_.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace polymq::storage::journal
