// Looking at a stretch message by message.
#include "storage/journal/living.h"

#include <variant>

#include "storage/journal/chunk_reader.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {

FileResult<LivingParts> living_parts(const File& segment, std::uint64_t size,
                                     const IndexedChunk& chunk, const Stretch& stretch,
                                     const IntervalSet& covered) {
  LivingParts living;
  if (covered.covers(stretch.first, stretch.last())) return living;
  if (!covered.touches(stretch.first, stretch.last())) {
    living.parts.push_back(stretch);
    return living;
  }
  if (chunk.offset + chunk.size > size) {
    living.damage = "a chunk is cut off";
    return living;
  }
  const std::size_t each = record_size(stretch.shared);
  std::string records(stretch.count * each, '\0');
  const auto read = segment.read(chunk.offset + kChunkHeader + stretch.index_offset, records.data(),
                                 records.size());
  if (!read) return tl::make_unexpected(read.error());
  std::uint32_t seen = 0;
  IndexReader reader(records, stretch.queue);
  for (Record record; reader.next(record); ++seen) {
    const auto* entry = std::get_if<MessageEntry>(&record);
    if (entry == nullptr || entry->position != stretch.first + seen) break;
    if (covered.contains(entry->position)) continue;
    std::vector<Stretch>& parts = living.parts;
    if (parts.empty() || parts.back().last() + 1 != entry->position) {
      parts.push_back(
          {.queue = stretch.queue,
           .first = entry->position,
           .index_offset = stretch.index_offset + static_cast<std::uint32_t>(seen * each),
           .shared = stretch.shared});
    }
    parts.back().add(*entry);
  }
  if (seen != stretch.count) living.damage = "a chunk's index is wrong";
  return living;
}

}  // namespace polymq::storage::journal
