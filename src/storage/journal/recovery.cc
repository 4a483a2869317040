// From segments to queues.
#include "storage/journal/recovery.h"

#include <algorithm>

#include "storage/journal/chunk_reader.h"
#include "storage/journal/interval_set.h"
#include "storage/journal/layout.h"
#include "storage/journal/segment_scan.h"

namespace polymq::storage::journal {
namespace {

/// What is known of a queue while segments are read.
struct Gathering {
  Lane lane = 0;
  IntervalSet covered;  // settled, or found in a newer place
  std::vector<Extent> extents;
  std::vector<StoredRange> ranges;  // for each extent
  boost::unordered_flat_map<std::uint64_t, Counts> counts;
  std::uint64_t handed_out = 0;
  std::uint64_t next_position = 1;
};

struct OpenSegment {
  SegmentNumber number;
  SegmentHeader header;
  std::shared_ptr<File> file;
  std::uint64_t size;
};

class Recovery {
 public:
  Recovery(Files& files, const std::unordered_map<std::uint64_t, Lane>& lanes) : files_(files) {
    for (const auto& [queue, lane] : lanes) queues_[queue].lane = lane;
  }
  FileResult<Recovered> run(JournalId fresh_id);

 private:
  /// Null: of something that the metadata does not know.
  Gathering* find(std::uint64_t log);
  FileResult<void> open_segments();
  FileResult<void> read_segment(const OpenSegment& segment, bool newest, bool& has_commits);
  FileResult<void> end_segment(const OpenSegment& segment, const SegmentContents& contents);
  void gather(SegmentNumber segment, const SegmentContents& contents);
  void gather_others(SegmentNumber segment, const FoundChunk& chunk);
  void gather_messages(SegmentNumber segment, const FoundChunk& chunk);
  void finish_queues();
  void damaged(SegmentNumber segment, std::uint64_t offset, const std::string& what);

  Files& files_;
  Recovered result_;
  std::vector<OpenSegment> segments_;
  std::unordered_map<std::uint64_t, Gathering> queues_;
};

Gathering* Recovery::find(std::uint64_t log) {
  if (const auto it = queues_.find(log); it != queues_.end()) return &it->second;
  const auto owner = queues_.find(incarnation_of(log));
  if (owner == queues_.end()) return nullptr;
  const Lane lane = owner->second.lane;
  Gathering& found = queues_[log];
  found.lane = lane;
  return &found;
}

void Recovery::damaged(SegmentNumber segment, std::uint64_t offset, const std::string& what) {
  result_.damages.push_back(segment_name(segment) + ", offset " + std::to_string(offset) + ": " +
                            what);
  if (SegmentTable::Segment* kept = result_.segments.find(segment)) kept->damaged = true;
}

FileResult<void> Recovery::open_segments() {
  auto names = files_.list();
  if (!names) return tl::make_unexpected(names.error());
  for (const std::string& name : *names) {
    const auto number = segment_of_name(name);
    if (!number) continue;
    auto file = files_.open(name);
    if (!file) return tl::make_unexpected(file.error());
    auto size = (*file)->size();
    if (!size) return tl::make_unexpected(size.error());
    result_.next_segment = *number + 1;  // they are sorted
    std::string bytes(std::min<std::uint64_t>(*size, kSegmentHeader), '\0');
    if (auto read = (*file)->read(0, bytes.data(), bytes.size()); !read) return read;
    const auto header = decode_segment_header(bytes);
    if (!header) {
      damaged(*number, 0, header.error().text);
      continue;
    }
    segments_.push_back({*number, *header, *std::move(file), *size});
  }
  return {};
}

FileResult<Recovered> Recovery::run(JournalId fresh_id) {
  if (auto opened = open_segments(); !opened) return tl::make_unexpected(opened.error());
  result_.id = segments_.empty() ? fresh_id : segments_.front().header.journal;
  bool newest = true;
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    bool has_commits = false;
    if (auto read = read_segment(*segment, newest, has_commits); !read) {
      return tl::make_unexpected(read.error());
    }
    newest = newest && !has_commits;
  }
  finish_queues();
  return std::move(result_);
}

FileResult<void> Recovery::read_segment(const OpenSegment& segment, bool newest,
                                        bool& has_commits) {
  auto contents = scan_segment(*segment.file, segment.header, newest);
  if (!contents) return tl::make_unexpected(contents.error());
  has_commits = contents->last != 0;
  if (!has_commits && contents->damages.empty()) {
    // Prepared, and not used before the end came; or nothing of it was ever synced.
    return files_.remove(segment_name(segment.number));
  }
  result_.next_commit = std::max(result_.next_commit, contents->last + 1);
  result_.segments.add(segment.number, {.file = segment.file,
                                        .size = segment.size,
                                        .generation = segment.header.generation,
                                        .sealed = true});
  for (const Damage& damage : contents->damages) {
    damaged(segment.number, damage.offset, damage.what);
  }
  if (newest && !contents->ended) {
    if (auto done = end_segment(segment, *contents); !done) return done;
  }
  gather(segment.number, *contents);
  return {};
}

// What lies behind was never confirmed: after this it is not looked at again.
FileResult<void> Recovery::end_segment(const OpenSegment& segment,
                                       const SegmentContents& contents) {
  const CommitHeader mark{
      .number = contents.last + 1, .synced = contents.last, .ends_segment = true};
  std::string block = encode(mark, segment.header.seed());
  block.resize(kBlock, '\0');
  const std::string_view part = block;
  if (auto done = segment.file->write(contents.end, {&part, 1}); !done) return done;
  result_.next_commit = contents.last + 2;
  return segment.file->sync();
}

// What is settled in a segment may be about messages in it: those come last.
void Recovery::gather(SegmentNumber segment, const SegmentContents& contents) {
  for (auto commit = contents.commits.rbegin(); commit != contents.commits.rend(); ++commit) {
    for (auto chunk = commit->chunks.rbegin(); chunk != commit->chunks.rend(); ++chunk) {
      RecoveredLane& lane = result_.lanes[chunk->lane];
      lane.next_chunk = std::max(lane.next_chunk, chunk->number + 1);
      gather_others(segment, *chunk);
    }
  }
  for (auto commit = contents.commits.rbegin(); commit != contents.commits.rend(); ++commit) {
    for (auto chunk = commit->chunks.rbegin(); chunk != commit->chunks.rend(); ++chunk) {
      gather_messages(segment, *chunk);
    }
  }
}

void Recovery::gather_others(SegmentNumber segment, const FoundChunk& chunk) {
  std::vector<Returned> returned;
  IndexReader reader(chunk.index);
  for (Record record; reader.next(record);) {
    std::visit(
        [&](const auto& what) {
          using What = std::decay_t<decltype(what)>;
          Gathering* const found = find(what.queue);
          if (found == nullptr) return;
          Gathering& queue = *found;
          if constexpr (std::is_same_v<What, Settled>) {
            queue.covered.add(what.first, what.last);
            queue.next_position = std::max(queue.next_position, what.last + 1);
          } else if constexpr (std::is_same_v<What, Returned>) {
            returned.push_back(what);
          } else if constexpr (std::is_same_v<What, HandedOut>) {
            queue.next_position = std::max(queue.next_position, what.below);
            queue.handed_out = std::max(queue.handed_out, what.below);
          }
        },
        record);
  }
  // Newer chunks came first, but within one the last word counts.
  for (auto last = returned.rbegin(); last != returned.rend(); ++last) {
    queues_.find(last->queue)
        ->second.counts.try_emplace(last->position, Counts{last->acquired, last->failed});
  }
  if (!reader.error().empty()) damaged(segment, chunk.offset, reader.error());
}

void Recovery::gather_messages(SegmentNumber segment, const FoundChunk& chunk) {
  KeptChunk kept{segment, chunk.offset, chunk.size, 0, 0};
  std::uint32_t live = 0;
  Gathering* queue = nullptr;
  std::uint64_t queue_id = 0;
  IndexReader reader(chunk.index);
  for (Record record; reader.next(record);) {
    const auto* entry = std::get_if<MessageEntry>(&record);
    if (entry == nullptr) continue;
    ++kept.messages;
    if (entry->queue != queue_id) {
      queue = find(entry->queue);
      queue_id = entry->queue;
    }
    if (queue == nullptr) continue;
    const std::uint64_t position = entry->position;
    queue->next_position = std::max(queue->next_position, position + 1);
    if (queue->covered.contains(position)) continue;
    queue->covered.add(position, position);
    ++live;
    const auto offset = static_cast<std::uint32_t>(reader.offset() - kMessageRecord);
    std::vector<Extent>& extents = queue->extents;
    const bool goes_on =
        !extents.empty() && extents.back().chunk == chunk.number &&
        extents.back().end() == position &&
        extents.back().index_offset + extents.back().count * kMessageRecord == offset;
    if (goes_on) {
      ++extents.back().count;
    } else {
      extents.push_back({position, 1, offset, chunk.number});
      queue->ranges.push_back({position, position, 0, 0, 0});
    }
    StoredRange& range = queue->ranges.back();
    range.last = position;
    range.body_bytes += entry->body_size;
    if (entry->has_ttl) ++range.with_ttl;
    if (entry->priority) ++range.with_priority;
  }
  if (live == 0) return;
  kept.settled = kept.messages - live;
  result_.lanes[chunk.lane].chunks[chunk.number] = kept;
  result_.segments.chunk_placed(segment, kept.share(live));
}

void Recovery::finish_queues() {
  for (auto& [id, queue] : queues_) {
    KeptQueue kept;
    kept.lane = queue.lane;
    kept.counts = std::move(queue.counts);
    kept.handed_out_before = queue.handed_out;
    kept.mark = queue.handed_out;
    kept.sealed_below = queue.next_position;
    kept.readable_below = queue.next_position;
    kept.stored.next_position = queue.next_position;
    std::sort(queue.extents.begin(), queue.extents.end(),
              [](const Extent& a, const Extent& b) { return a.first < b.first; });
    for (const Extent& extent : queue.extents) kept.extents.add(extent);
    std::sort(queue.ranges.begin(), queue.ranges.end(),
              [](const StoredRange& a, const StoredRange& b) { return a.first < b.first; });
    for (const StoredRange& range : queue.ranges) {
      std::vector<StoredRange>& ranges = kept.stored.ranges;
      const bool goes_on = !ranges.empty() && ranges.back().last + 1 == range.first &&
                           (ranges.back().with_priority != 0) == (range.with_priority != 0);
      if (!goes_on) {
        ranges.push_back(range);
        continue;
      }
      ranges.back().last = range.last;
      ranges.back().body_bytes += range.body_bytes;
      ranges.back().with_ttl += range.with_ttl;
      ranges.back().with_priority += range.with_priority;
    }
    boost::unordered::erase_if(
        kept.counts, [&](const auto& count) { return !kept.extents.contains(count.first); });
    result_.queues[id] = std::move(kept);
  }
}

}  // namespace

FileResult<Recovered> recover(Files& files, const std::unordered_map<std::uint64_t, Lane>& lanes,
                              JournalId fresh_id) {
  return Recovery(files, lanes).run(fresh_id);
}

}  // namespace polymq::storage::journal
