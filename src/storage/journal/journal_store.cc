// Staging, sealing, and what follows when a batch has ended.
#include "storage/journal/journal_store.h"

#include <algorithm>

#include "storage/journal/chunk_writer.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

// What nobody waits for is handed over that late at most, or when it has become that much.
constexpr MonotonicMs kLazyMs = 2;
constexpr std::uint64_t kLazyBytes = 256 * 1024;
// Staged or under way: publishers wait beyond it.
constexpr std::uint64_t kBehindBytes = 16 * 1024 * 1024;
// What a record costs besides the body, roughly.
constexpr std::uint64_t kRecordBytes = 64;

constexpr LogPart kParts[] = {LogPart::kMessages, LogPart::kSeenIds, LogPart::kHistory};

std::uint64_t staged_size(const KeptQueue::Staged& staged) {
  const MessageRecord& message = staged.message;
  return kRecordBytes + message.exchange.size() + message.routing_key.size() +
         message.properties.size() + (staged.again ? 0 : message.body.size());
}

}  // namespace

JournalStore::JournalStore(Journal& journal, std::size_t writer)
    : journal_(journal), writer_(writer) {
  for (SlidingWindow<KeptChunk>& chunks : lanes_) chunks.skip();  // the first one is number 1
}

void JournalStore::adopt(Lane lane, const RecoveredLane& found) {
  const std::uint64_t first = found.chunks.empty() ? found.next_chunk : found.chunks.begin()->first;
  SlidingWindow<KeptChunk> chunks(first);
  for (const auto& [number, kept] : found.chunks) {
    while (chunks.end() < number) chunks.skip();
    chunks.push(kept);
  }
  while (chunks.end() < found.next_chunk) chunks.skip();
  lanes_[lane] = std::move(chunks);
}

KeptQueue* JournalStore::find(std::uint64_t queue) {
  const auto it = queues_.find(queue);
  return it == queues_.end() || it->second.closed ? nullptr : &it->second;
}
const KeptQueue* JournalStore::find(std::uint64_t queue) const {
  return const_cast<JournalStore*>(this)->find(queue);
}

StoredQueue JournalStore::open_queue(std::uint64_t queue, Lane lane) {
  KeptQueue& kept = queues_[queue];
  kept.lane = lane;
  return std::exchange(kept.stored, {});
}

void JournalStore::set_sync(std::uint64_t incarnation, std::optional<SyncPolicy> policy) {
  if (policy) {
    syncs_[incarnation] = *policy;
  } else {
    syncs_.erase(incarnation);
  }
}

SyncPolicy JournalStore::sync_of(std::uint64_t log) const {
  const auto own = syncs_.find(incarnation_of(log));
  return own == syncs_.end() ? journal_.sync_policy() : own->second;
}

void JournalStore::close_queue(std::uint64_t incarnation) {
  for (const LogPart part : kParts) close_log(log_of(incarnation, part));
}

void JournalStore::close_log(std::uint64_t log) {
  KeptQueue* kept = find(log);
  if (kept == nullptr) return;
  for (const KeptQueue::Staged& staged : kept->appended) {
    if (!staged.settled) staged_bytes_ -= staged_size(staged);
  }
  kept->appended.clear();
  kept->moved.clear();
  kept->closed = true;
}

void JournalStore::remove_queue(std::uint64_t incarnation) {
  syncs_.erase(incarnation);
  for (const LogPart part : kParts) remove_log(log_of(incarnation, part));
}

void JournalStore::remove_log(std::uint64_t log) {
  const auto it = queues_.find(log);
  if (it == queues_.end() || it->second.removed) return;
  KeptQueue& kept = it->second;
  kept.extents.remove(0, kLastPosition, [&](std::uint64_t number, std::uint32_t count) {
    cut({kept.lane, number}, count);
  });
  stage(log, kept);
  kept.removed = true;
}

void JournalStore::queues_known(std::uint64_t newest) {
  if (newest > told_known_) journal_.queues_known(told_known_ = newest);
}

// --- staging ------------------------------------------------------------------------------------
KeptQueue& JournalStore::stage(std::uint64_t queue, KeptQueue& kept) {
  if (!kept.dirty) {
    kept.dirty = true;
    dirty_.push_back(queue);
  }
  return kept;
}

void JournalStore::append(const MessageRecord& message) {
  std::vector<KeptQueue::Staged>& appended = stage(message.queue, *find(message.queue)).appended;
  appended.push_back({.message = message, .again = staged_again(message)});
  staged_bytes_ += staged_size(appended.back());
}

void JournalStore::settle(std::uint64_t queue, std::uint64_t first, std::uint64_t last) {
  KeptQueue* kept = find(queue);
  if (kept == nullptr) return;  // removed: all is settled
  if (!kept->appended.empty() && last >= kept->appended.front().message.position) {
    auto at = kept->first_staged(first);
    for (; at != kept->appended.end() && at->message.position <= last; ++at) {
      if (std::exchange(at->settled, true)) continue;
      staged_bytes_ -= staged_size(*at);
    }
  }
  if (!kept->leases.empty()) erase_positions(kept->leases, first, last);
  bool any = false;
  kept->extents.remove(first, last, [&](std::uint64_t number, std::uint32_t count) {
    any = true;
    cut({kept->lane, number}, count);
  });
  if (!any) return;
  if (!kept->counts.empty()) erase_positions(kept->counts, first, last);
  stage(queue, *kept);
  if (!kept->settled.empty() && kept->settled.back().last + 1 == first) {
    kept->settled.back().last = last;
    return;
  }
  kept->settled.push_back({queue, first, last});
  staged_bytes_ += kRecordBytes;
}

void JournalStore::cut(const ChunkName& name, std::uint32_t count) {
  if (!open_.cuts.empty() && open_.cuts.back().chunk == name) {
    open_.cuts.back().count += count;
  } else {
    open_.cuts.push_back({name, count});
  }
}

void JournalStore::returned(std::uint64_t queue, std::uint64_t position, std::uint16_t acquired,
                            std::uint16_t failed) {
  KeptQueue* kept = find(queue);
  if (kept == nullptr) return;
  kept->leases.erase(position);
  if (const auto at = kept->first_staged(position);
      at != kept->appended.end() && at->message.position == position) {
    at->message.acquired = acquired;
    at->message.failed = failed;
    return;
  }
  if (!kept->extents.contains(position)) return;
  stage(queue, *kept).returned.push_back({queue, position, acquired, failed});
  kept->counts[position] = {acquired, failed};
  staged_bytes_ += kRecordBytes;
}

void JournalStore::handed_out(std::uint64_t queue, std::uint64_t below) {
  KeptQueue* kept = find(queue);
  if (kept == nullptr) return;
  if (below <= kept->mark) return;
  // What is not sealed yet will say so itself.
  const auto sealed = kept->extents.find(kept->mark);
  if (sealed != kept->extents.end() && sealed->first < below) {
    stage(queue, *kept).handed_out = below;
  }
  kept->mark = below;
  if (!kept->dirty && under_way_.empty()) kept->marked_below = below;
}

Unmarked JournalStore::unmarked(std::uint64_t queue) const {
  const KeptQueue* kept = find(queue);
  // A disk that takes nothing must not keep consumers from what is there.
  if (kept == nullptr || refuses()) return {};
  return {kept->marked_below, kept->sealed_below};
}

void JournalStore::join_unit(std::uint64_t unit, std::uint32_t parts) {
  if (parts < 2) return;
  // One part for each shard, however often it is named.
  const auto same = [&](const SealedPart& part) { return part.unit == unit; };
  if (std::none_of(parts_.begin(), parts_.end(), same)) parts_.push_back({unit, parts});
}

// --- sealing ------------------------------------------------------------------------------------
CommitNumber JournalStore::await_staged() {
  if (dirty_.empty() && parts_.empty()) return 0;
  awaited_ = true;
  return sealed_count_ + 1;
}

CommitNumber JournalStore::await_everything() {
  if (const CommitNumber staged = await_staged(); staged != 0) return staged;
  return under_way_.empty() && ended_.empty() ? 0 : sealed_count_;
}

bool JournalStore::behind() const { return staged_bytes_ + under_way_bytes_ > kBehindBytes; }

MonotonicMs JournalStore::seal_due() const {
  // While a batch is under way, its end is what is waited for.
  return staged_at_ == 0 || !under_way_.empty() ? kNever : staged_at_ + kLazyMs;
}

// One batch at a time is under way: what comes meanwhile collects, and what is settled meanwhile is
// never written. Parts of units go at once, because others wait for them.
void JournalStore::seal(MonotonicMs now) {
  if (dirty_.empty() && parts_.empty() && !restated_) return;
  if (staged_at_ == 0) staged_at_ = std::max<MonotonicMs>(now, 1);
  const bool due =
      awaited_ || restated_ || staged_bytes_ > kLazyBytes || now >= staged_at_ + kLazyMs;
  // Behind one that nobody waits for, and that is synced when it likes, none has to wait.
  const bool wait = std::any_of(under_way_.begin(), under_way_.end(), [this](const Sealed& sealed) {
    return sealed.awaited || !awaited_;
  });
  if (parts_.empty() && (wait || !due)) return;
  seal_now();
}

void JournalStore::flush() {
  if (!dirty_.empty() || !parts_.empty()) seal_now();
}

void JournalStore::seal_now() {
  SealedBatch batch{.parts = std::exchange(parts_, {}),
                    .awaited = std::exchange(awaited_, false),
                    .sync = dirty_.empty() ? journal_.sync_policy() : SyncPolicy::kNever};
  const auto lane_of = [this](std::uint64_t id) { return queues_.find(id)->second.lane; };
  std::sort(dirty_.begin(), dirty_.end(), [&](std::uint64_t a, std::uint64_t b) {
    return std::pair(lane_of(a), a) < std::pair(lane_of(b), b);
  });
  for (const std::uint64_t log : dirty_) {
    batch.newest_queue = std::max(batch.newest_queue, incarnation_of(log));
    batch.sync = std::max(batch.sync, sync_of(log));
  }
  share_large(batch);
  for (auto from = dirty_.cbegin(); from != dirty_.cend();) {
    const Lane lane = lane_of(*from);
    const auto to =
        std::find_if(from, dirty_.cend(), [&](std::uint64_t id) { return lane_of(id) != lane; });
    encode_lane(lane, {from, to}, batch);
    from = to;
  }
  dirty_.clear();
  if (!moved_bytes_.empty()) moving_ = !open_.moved.empty();
  moved_bytes_.clear();
  staged_bytes_ = 0;
  staged_at_ = 0;
  ++sealed_count_;
  restated_ = false;
  // All of it may have been settled meanwhile. Ends come in order: behind another one it goes
  // along.
  if (batch.chunks.empty() && batch.parts.empty() && open_.restates == 0 && under_way_.empty()) {
    marks_durable(open_.marked);
    ended_.push_back(CommitEnd::kDurable);
    return;
  }
  Sealed sealed = std::exchange(open_, {});
  for (const SealedChunk& one : batch.chunks) sealed.chunks.push_back({one.lane, one.number});
  sealed.bytes = batch.bytes.size();
  sealed.awaited = batch.awaited;
  under_way_bytes_ += sealed.bytes;
  under_way_.push_back(std::move(sealed));
  batch.number = sealed_count_;
  journal_.submit(writer_, std::move(batch));
}

void JournalStore::encode_lane(Lane lane, std::span<const std::uint64_t> queues,
                               SealedBatch& batch) {
  SlidingWindow<KeptChunk>& chunks = lanes_[lane];
  ChunkWriter writer;
  while (!queues.empty()) {
    const std::uint64_t number = chunks.end();
    KeptChunk kept;
    // Ids are small, and would count for as much as the messages beside them.
    const std::uint64_t part = queues.front() >> kLogPartShift;
    for (; !queues.empty() && writer.size() < kMostPerChunk &&
           queues.front() >> kLogPartShift == part;
         queues = queues.subspan(1)) {
      encode_queue(queues.front(), writer, number, kept);
    }
    if (writer.empty()) continue;
    const std::size_t before = batch.bytes.size();
    writer.finish(lane, number, batch.bytes);
    const auto size = static_cast<std::uint32_t>(batch.bytes.size() - before);
    kept.weight += size;
    batch.chunks.push_back({lane, number, size, kept.messages != 0, kept.weight});
    if (kept.messages == 0) {
      chunks.skip();
    } else {
      chunks.push(kept);
    }
  }
}

// Counts the messages in the chunk.
void JournalStore::encode_queue(std::uint64_t id, ChunkWriter& writer, std::uint64_t number,
                                KeptChunk& chunk) {
  KeptQueue& queue = queues_.find(id)->second;
  if (queue.removed) {
    writer.removed({id});
    queues_.erase(id);
    return;
  }
  std::sort(queue.settled.begin(), queue.settled.end(),
            [](const Settled& a, const Settled& b) { return a.first < b.first; });
  for (const Settled& range : queue.settled) writer.settled(range);
  for (const Returned& message : queue.returned) writer.returned(message);
  if (queue.handed_out != 0) writer.handed_out({id, queue.handed_out});
  encode_moved(queue, writer, number, chunk);
  encode_appended(queue, writer, number, chunk);
  encode_lent(id, queue, writer);
  if (!queue.appended.empty()) {
    queue.sealed_below = queue.appended.back().message.position + 1;
    open_.readable.push_back({id, queue.sealed_below});
  }
  if (queue.mark > queue.marked_below) open_.marked.push_back({id, queue.mark});
  queue.appended.clear();
  queue.settled.clear();
  queue.returned.clear();
  queue.lent.clear();
  queue.handed_out = 0;
  queue.dirty = false;
}

void JournalStore::take_ended(std::vector<CommitEnd>& ended) {
  std::move(ended_.begin(), ended_.end(), std::back_inserter(ended));
  ended_.clear();
  std::vector<EndedBatch> batches;
  const Wanted wanted = journal_.take_ended(writer_, batches);
  refuses_ = wanted.state != JournalState::kOpen;
  if (wanted.restate != 0 && wanted.restate != restating_) restate(wanted.restate);
  for (const EndedBatch& batch : batches) {
    Sealed sealed = std::move(under_way_.front());
    under_way_.pop_front();
    under_way_bytes_ -= sealed.bytes;
    if (batch.end == CommitEnd::kDurable) batch_durable(batch, sealed);
    if (!sealed.moved.empty()) moving_ = false;
    ended.push_back(batch.end);
  }
  if (!moving_ && wanted.evacuate) evacuate();
}

// Of every queue: all positions but those that live are settled. That is what older segments said,
// in many more words.
void JournalStore::restate(SegmentNumber number) {
  restating_ = number;
  for (auto& [id, kept] : queues_) {
    if (kept.removed) continue;
    std::uint64_t from = 0;
    std::vector<Settled> settled;
    for (const Extent& extent : kept.extents) {
      if (extent.first > from) settled.push_back({id, from, extent.first - 1});
      from = extent.end();
    }
    if (kept.sealed_below > from) settled.push_back({id, from, kept.sealed_below - 1});
    const bool nothing = settled.empty() && kept.counts.empty() && kept.leases.empty();
    if (nothing && kept.mark == 0) continue;
    KeptQueue& staged = stage(id, kept);
    staged.settled = std::move(settled);
    staged.returned.clear();
    for (const auto& [position, counts] : kept.counts) {
      staged.returned.push_back({id, position, counts.acquired, counts.failed});
    }
    staged.lent.clear();
    for (const auto& [position, lease] : kept.leases) staged.lent.push_back(position);
    staged.handed_out = kept.mark;
  }
  open_.restates = number;
  restated_ = true;
}

void JournalStore::marks_durable(std::vector<Sealed::Below>& marked) {
  for (const auto& [log, below] : std::exchange(marked, {})) {
    KeptQueue* queue = find(log);
    if (queue != nullptr) queue->marked_below = std::max(queue->marked_below, below);
  }
}

void JournalStore::batch_durable(const EndedBatch& ended, Sealed& sealed) {
  for (std::size_t i = 0; i < sealed.chunks.size(); ++i) {
    KeptChunk* kept = chunk(sealed.chunks[i]);
    if (kept == nullptr) continue;  // it has no messages
    kept->segment = ended.segment;
    kept->offset = ended.offsets[i];
    if (sealed.shares) kept->shared_offset = ended.offsets.front();
  }
  for (const auto& [log, below] : sealed.readable) {
    if (KeptQueue* queue = find(log)) queue->readable_below = below;
  }
  marks_durable(sealed.marked);
  moves_durable(sealed);
  std::vector<ShrunkChunk> shrunk;
  for (const auto& [name, count] : sealed.cuts) {
    KeptChunk& kept = *chunk(name);
    kept.settled += count;
    const bool gone = kept.settled == kept.messages;
    shrunk.push_back({kept.segment, kept.share(count), gone});
    if (gone) lanes_[name.lane].erase(name.number);
  }
  if (!shrunk.empty()) journal_.chunks_shrunk(shrunk);
  if (sealed.restates != 0) journal_.restated(writer_, sealed.restates, sealed.bytes);
}

// --- reading back -------------------------------------------------------------------------------
std::uint64_t JournalStore::readable_below(std::uint64_t queue) const {
  const KeptQueue* kept = find(queue);
  return kept == nullptr ? 0 : kept->readable_below;
}

void JournalStore::read_ranges(std::uint64_t queue, std::span<const PositionRange> wanted,
                               std::uint64_t bytes) {
  ReadRequest request{queue, wanted.front().first, kLastPosition, {}};
  const KeptQueue& kept = *find(queue);
  for (const PositionRange& range : wanted) {
    request.next = add_parts(kept, range, bytes, request.parts);
    if (request.next != kLastPosition) break;
  }
  if (request.parts.empty()) {
    read_.push_back({queue, request.first, request.next, {}, {}, {}});
  } else {
    journal_.read(writer_, std::move(request));
  }
}

ReadPart JournalStore::part_of(const KeptChunk& chunk, const Extent& extent, std::uint64_t from,
                               std::uint64_t count) {
  return {.segment = chunk.segment,
          .offset = chunk.offset,
          .index_offset = extent.index_offset_of(static_cast<std::uint32_t>(from - extent.first)),
          .count = static_cast<std::uint32_t>(count),
          .first = from,
          .shared = extent.shared,
          .shared_offset = chunk.shared_offset};
}

// Takes what it adds from the budget. Returns the first position that it left out, or
// kLastPosition.
std::uint64_t JournalStore::add_parts(const KeptQueue& kept, const PositionRange& range,
                                      std::uint64_t& budget, std::vector<ReadPart>& parts) {
  for (auto extent = kept.extents.find(range.first);
       extent != kept.extents.end() && extent->first < range.end; ++extent) {
    const std::uint64_t from = std::max(range.first, extent->first);
    const std::uint64_t end = std::min(range.end, extent->end());
    const KeptChunk& of = *chunk({kept.lane, extent->chunk});
    if (from >= kept.readable_below || (budget == 0 && !parts.empty())) return from;
    const std::uint64_t each = of.each();
    const auto count = std::clamp<std::uint64_t>(budget / each, 1, end - from);
    parts.push_back(part_of(of, *extent, from, count));
    budget -= std::min(budget, count * each);
    if (from + count != end) return from + count;
  }
  return kLastPosition;
}

void JournalStore::mark_delivered(const KeptQueue& queue, MessageRecord& message) const {
  message.delivered = message.delivered || message.position < queue.handed_out_before;
  const auto told = [&](const Counts& counts) {
    message.acquired = counts.acquired;
    message.failed = counts.failed;
    message.delivered = message.delivered || counts.acquired != 0;
  };
  const auto lease = queue.leases.find(message.position);
  if (lease != queue.leases.end()) return told(lease->second.counts);
  const auto counts = queue.counts.find(message.position);
  if (counts != queue.counts.end()) told(counts->second);
}

void JournalStore::take_read(std::vector<ReadMessages>& read) {
  std::move(read_.begin(), read_.end(), std::back_inserter(read));
  read_.clear();
  std::vector<ReadMessages> done;
  journal_.take_read(writer_, done);
  for (ReadMessages& one : done) {
    if (one.moving) {
      move(std::move(one));
      continue;
    }
    if (const KeptQueue* kept = find(one.queue)) {
      std::erase_if(one.messages, [&](const MessageRecord& message) {
        return !kept->extents.contains(message.position);  // settled while it was read
      });
      for (MessageRecord& message : one.messages) mark_delivered(*kept, message);
    }
    read.push_back(std::move(one));
  }
}

}  // namespace polymq::storage::journal
