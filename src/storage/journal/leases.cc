// Leases that end by themselves: the last word on each is kept, and written with the next batch.
#include <algorithm>

#include "storage/journal/chunk_writer.h"
#include "storage/journal/journal_store.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {

// What may get lost takes no room where there is little.
void JournalStore::lent(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
                        std::uint16_t failed, const Lease& lease) {
  KeptQueue* kept = find(queue);
  if (kept == nullptr || refuses_) return;
  const auto staged = kept->first_staged(position);
  const bool is_staged = staged != kept->appended.end() && staged->message.position == position;
  if (!is_staged && !kept->extents.contains(position)) return;
  stage(queue, *kept).lent.push_back(position);
  kept->leases[position] = {{acquired, failed}, lease};
  staged_bytes_ += kRecordHeader + content_size(RecordType::kLent);
}

// Those that are over by now are not written. What is received together is one record, mostly.
void JournalStore::encode_lent(std::uint64_t id, KeptQueue& queue, ChunkWriter& writer) {
  std::sort(queue.lent.begin(), queue.lent.end());
  const auto end = std::unique(queue.lent.begin(), queue.lent.end());
  for (auto position = queue.lent.begin(); position != end; ++position) {
    const auto kept = queue.leases.find(*position);
    if (kept == queue.leases.end()) continue;
    const auto& [counts, lease] = kept->second;
    writer.lent({id, *position, 1, counts.acquired, counts.failed, lease});
  }
}

}  // namespace polymq::storage::journal
