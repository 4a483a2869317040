// Putting extents among others.
#include "storage/journal/extents.h"

namespace polymq::storage::journal {

void Extents::insert(const Extent& extent) {
  // The one that it may go on from ends where it begins.
  const auto before =
      extents_.partition_point([&](const Extent& one) { return one.end() < extent.first; });
  if (before != extents_.end() && before->end() == extent.first && before->chunk == extent.chunk &&
      before->shared == extent.shared &&
      before->index_offset_of(before->count) == extent.index_offset) {
    before->count += extent.count;
    return;
  }
  extents_.insert(extents_.partition_point(EndsBefore{extent.first}), extent);
}

}  // namespace polymq::storage::journal
