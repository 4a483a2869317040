// Cutting and finding extents.
#include "storage/journal/extents.h"

#include <algorithm>

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
    if (before.chunk == extent.chunk && before.shared == extent.shared &&
        before.end() == extent.first &&
        before.index_offset_of(before.count) == extent.index_offset) {
      before.count += extent.count;
      return;
    }
  }
  extents_.insert(extents_.begin() + static_cast<std::ptrdiff_t>(at), extent);
}

}  // namespace polymq::storage::journal
