// Encoding new messages. Large bodies that are in several queues are written once, in a chunk of
// their own before those that speak of the messages.
#include <utility>

#include "storage/journal/chunk_writer.h"
#include "storage/journal/journal_store.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

// Smaller ones are copied: that costs little, and a queue's messages lie behind each other.
constexpr std::size_t kLarge = 1024;

bool is_large(const MessageRecord& message) { return message.body.size() > kLarge; }

/// It is the same message in two queues.
bool same_data(const MessageRecord& a, const MessageRecord& b) {
  return a.body.data() == b.body.data() && a.body.size() == b.body.size() &&
         a.exchange == b.exchange && a.routing_key == b.routing_key &&
         a.properties == b.properties && a.ttl_ms == b.ttl_ms && a.extension == b.extension;
}

}  // namespace

// Whether the one before had the same body: a message is staged for all its queues in a row.
bool JournalStore::staged_again(const MessageRecord& message) {
  if (!is_large(message)) return false;
  const bool again = std::exchange(last_large_, message.body.data()) == message.body.data();
  any_again_ = any_again_ || again;
  return again;
}

// Before the lanes are encoded. Nothing moves in memory until then.
void JournalStore::share_large(SealedBatch& batch) {
  shared_.clear();
  last_large_ = nullptr;
  if (!std::exchange(any_again_, false)) return;
  boost::unordered_flat_map<const char*, KeptQueue::Staged*> seen;
  ChunkWriter writer;
  const auto share = [&](KeptQueue::Staged& staged) {
    const auto [at, fresh] = seen.try_emplace(staged.message.body.data(), &staged);
    KeptQueue::Staged& first = *at->second;
    if (fresh || !same_data(first.message, staged.message)) return;
    if (first.shared == 0) {
      if (writer.size() >= kMostPerChunk) return;
      shared_.push_back(writer.data(first.message));
      first.shared = static_cast<std::uint32_t>(shared_.size());
    }
    staged.shared = first.shared;
  };
  for (const std::uint64_t id : dirty_) {
    KeptQueue& queue = queues_.find(id)->second;
    if (queue.removed) continue;
    for (KeptQueue::Staged& staged : queue.appended) {
      if (!staged.settled && is_large(staged.message)) share(staged);
    }
  }
  if (shared_.empty()) return;
  const Lane lane = queues_.find(dirty_.front())->second.lane;
  shared_in_ = {lane, lanes_[lane].skip()};
  writer.finish(lane, shared_in_.number, batch.bytes);
  batch.chunks.push_back(
      {lane, shared_in_.number, static_cast<std::uint32_t>(batch.bytes.size()), false});
  open_.shares = true;
}

void JournalStore::encode_appended(KeptQueue& queue, ChunkWriter& writer, std::uint64_t number,
                                   KeptChunk& chunk) {
  Extent extent;
  for (KeptQueue::Staged& staged : queue.appended) {
    if (staged.settled) continue;
    MessageRecord& message = staged.message;
    message.delivered = message.delivered || message.position < queue.mark;
    const bool shared = staged.shared != 0;
    const std::uint32_t at =
        shared ? writer.shared_message(message, shared_[staged.shared - 1], shared_in_)
               : writer.message(message);
    if (shared) chunk.weight += message.body.size();
    if (extent.count != 0 && extent.end() == message.position && extent.shared == shared) {
      ++extent.count;
    } else {
      if (extent.count != 0) queue.extents.add(extent);
      extent = {message.position, 1, at, number, shared};
    }
    ++chunk.messages;
  }
  if (extent.count != 0) queue.extents.add(extent);
}

}  // namespace polymq::storage::journal
