// Moving messages: what lives in segments that are mostly dead is read, and written again queue by
// queue, so that these segments can go.
#include <algorithm>

#include "storage/journal/chunk_writer.h"
#include "storage/journal/journal_store.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

// Read, and written again, at a time: a bounded share of what the disk does.
constexpr std::uint64_t kMoveBytes = 1024 * 1024;

}  // namespace

// Asks for the next messages that should move. When there is none, the journal is told.
void JournalStore::evacuate() {
  if (leaving_.empty()) {
    leaving_ = journal_.evacuate_wanted(writer_);
    if (leaving_.empty()) return;
    std::sort(leaving_.begin(), leaving_.end());
    for (const auto& [id, kept] : queues_) {
      if (!kept.closed && !kept.extents.empty()) to_evacuate_.push_back(id);
    }
  }
  if (behind()) return;  // there is enough to write
  while (!to_evacuate_.empty()) {
    const KeptQueue* kept = find(to_evacuate_.back());
    if (kept != nullptr && evacuate_from(to_evacuate_.back(), *kept)) return;
    to_evacuate_.pop_back();
    evacuated_below_ = 0;
  }
  leaving_.clear();
  journal_.evacuated(writer_);
}

// From where it left off: extents may be very many.
bool JournalStore::evacuate_from(std::uint64_t id, const KeptQueue& queue) {
  ReadRequest request{id, 0, 0, {}, true};
  std::uint64_t bytes = 0;
  for (auto at = queue.extents.find(evacuated_below_); at != queue.extents.end(); ++at) {
    const KeptChunk& of = *chunk({queue.lane, at->chunk});
    if (!std::binary_search(leaving_.begin(), leaving_.end(), of.segment)) continue;
    const std::uint64_t each = of.each();
    const std::uint64_t first = std::max(at->first, evacuated_below_);
    const auto count = std::clamp<std::uint64_t>((kMoveBytes - bytes) / each, 1, at->end() - first);
    request.parts.push_back(part_of(of, *at, first, count));
    evacuated_below_ = first + count;
    bytes += count * each;
    if (bytes >= kMoveBytes) break;
  }
  if (request.parts.empty()) return false;
  moving_ = true;
  journal_.read(writer_, std::move(request));
  return true;
}

// What cannot be read stays where it is, and so does its segment: there is nothing to gain.
void JournalStore::move(ReadMessages read) {
  moving_ = false;
  KeptQueue* kept = find(read.queue);
  if (kept == nullptr) return;
  if (!read.damages.empty() || read.messages.empty()) {
    std::erase(to_evacuate_, read.queue);
    evacuated_below_ = 0;
    return;
  }
  for (MessageRecord& message : read.messages) {
    if (!kept->extents.contains(message.position)) continue;
    mark_delivered(*kept, message);
    message.delivered = message.delivered || message.position < kept->mark;
    staged_bytes_ += message.body.size();
    KeptQueue& staged = stage(read.queue, *kept);
    // Its lease may be told in a segment that goes now; nothing older needs that one.
    if (kept->leases.contains(message.position)) staged.lent.push_back(message.position);
    staged.moved.push_back(std::move(message));
  }
  if (kept->moved.empty()) return;
  for (auto& bytes : read.bytes) moved_bytes_.push_back(std::move(bytes));
  moving_ = true;
}

// Until that is durable they stay where they were. Data that was shared is written for each: mostly
// the others have gone.
void JournalStore::encode_moved(KeptQueue& queue, ChunkWriter& writer, std::uint64_t number,
                                KeptChunk& chunk) {
  for (const MessageRecord& message : queue.moved) {
    if (!queue.extents.contains(message.position)) continue;  // settled meanwhile
    const std::uint32_t at = writer.message(message);
    open_.moved.push_back(
        {message.queue, {queue.lane, number}, {message.position, 1, at, number, false}});
    ++chunk.messages;
  }
  queue.moved.clear();
}

void JournalStore::moves_durable(Sealed& sealed) {
  for (const auto& [log, to, message] : sealed.moved) {
    KeptQueue* queue = find(log);
    if (queue == nullptr || !queue->extents.contains(message.first)) {
      sealed.cuts.push_back({to, 1});  // settled meanwhile, where it was
      continue;
    }
    queue->extents.remove(message.first, message.first,
                          [&](std::uint64_t left, std::uint32_t count) {
                            sealed.cuts.push_back({{to.lane, left}, count});
                          });
    queue->extents.insert(message);
  }
}

}  // namespace polymq::storage::journal
