// From segments to queues.
#include "storage/journal/recovery.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "storage/journal/interval_set.h"
#include "storage/journal/living.h"
#include "storage/journal/lost_header.h"
#include "storage/journal/segment_index.h"
#include "storage/journal/segment_scan.h"

namespace polymq::storage::journal {
namespace {

/// What is known of a queue while segments are read.
struct Gathering {
  Lane lane = 0;
  IntervalSet covered;  // settled, or found in a newer place
  std::vector<Extent> extents;
  struct Range {
    StoredRange range;
    std::size_t runs_from;  // in runs
    std::size_t runs;
  };
  std::vector<Range> ranges;  // for each extent
  std::vector<PriorityRun> runs;
  // The last word on a message is in one of them.
  boost::unordered_flat_map<std::uint64_t, Counts> counts;
  boost::unordered_flat_map<std::uint64_t, KeptLease> leases;
  std::uint64_t handed_out = 0;
  std::uint64_t next_position = 1;
  std::uint64_t bytes = 0;  // as LogUse has them
  std::uint64_t live_bytes = 0;
};

/// With all data as if it was its own.
std::uint64_t bytes_of(const Stretch& stretch) {
  return stretch.record_bytes() + stretch.data_bytes;
}

struct OpenSegment {
  SegmentNumber number;
  SegmentHeader header;
  std::shared_ptr<File> file;
  std::uint64_t size;
  std::string wrong = {};  // with its header
};

class Recovery {
 public:
  Recovery(Files& files, const std::unordered_map<std::uint64_t, Lane>& lanes) : files_(files) {
    for (const auto& [queue, lane] : lanes) queues_[queue].lane = lane;
  }
  FileResult<Recovered> run(JournalId fresh_id, const RecoveryProgress& progress);

 private:
  /// Null: of something that the metadata does not know.
  Gathering* find(std::uint64_t log);
  FileResult<void> open_segments();
  FileResult<void> find_header(OpenSegment segment, const std::string& head);
  FileResult<void> read_segment(const OpenSegment& segment, bool newest, bool& has_commits);
  FileResult<void> end_segment(const OpenSegment& segment, const SegmentContents& contents);
  static FileResult<void> rewrite(File& file, std::uint64_t begin, std::uint64_t end);
  void keep(const OpenSegment& segment, std::uint64_t last_commit, bool indexed);
  FileResult<void> gather(const OpenSegment& segment, const SegmentIndex& index);
  void gather_others(const SegmentIndex& index);
  FileResult<void> gather_messages(const OpenSegment& segment, const IndexedChunk& chunk);
  std::uint32_t gather_stretch(Gathering& queue, const IndexedChunk& chunk, const Stretch& stretch);
  static void join_ranges(Gathering& queue, StoredQueue& stored);
  void finish_queues();
  void finish_use();
  void damaged(SegmentNumber segment, std::uint64_t offset, const std::string& what);

  Files& files_;
  Recovered result_;
  UseCounter use_;
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
  std::vector<std::pair<OpenSegment, std::string>> without_header;
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
    OpenSegment segment{*number, {}, *std::move(file), *size};
    if (header) {
      segment.header = *header;
      segments_.push_back(std::move(segment));
    } else {
      segment.wrong = header.error().text;
      without_header.emplace_back(std::move(segment), std::move(bytes));
    }
  }
  for (auto& [segment, head] : without_header) {
    if (auto found = find_header(std::move(segment), head); !found) return found;
  }
  std::set<SegmentNumber> numbers;
  for (const OpenSegment& segment : segments_) numbers.insert(segment.number);
  return remove_indexes(files_, numbers);
}

// What is in the segment counts all the same: were it passed over, its positions would be given
// again, and a repair would bring two messages to one place.
FileResult<void> Recovery::find_header(OpenSegment segment, const std::string& head) {
  std::optional<JournalId> id;  // they all have the same
  if (!segments_.empty()) id = segments_.front().header.journal;
  const auto header = guess_header(*segment.file, segment.number, head, id);
  if (!header) return tl::make_unexpected(header.error());
  if (!*header) {
    // It stays, and with it all that newer ones say of its messages.
    result_.segments
        .add(segment.number, {.file = segment.file, .size = segment.size, .sealed = true})
        .damaged = true;
    damaged(segment.number, 0, segment.wrong);
    return {};
  }
  segment.header = **header;
  const auto at = std::ranges::lower_bound(segments_, segment.number, {}, &OpenSegment::number);
  segments_.insert(at, std::move(segment));
  return {};
}

FileResult<Recovered> Recovery::run(JournalId fresh_id, const RecoveryProgress& progress) {
  if (auto opened = open_segments(); !opened) return tl::make_unexpected(opened.error());
  result_.id = segments_.empty() ? fresh_id : segments_.front().header.journal;
  bool newest = true;
  std::size_t count = 0;
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    bool has_commits = false;
    if (auto read = read_segment(*segment, newest, has_commits); !read) {
      return tl::make_unexpected(read.error());
    }
    newest = newest && !has_commits;
    if (progress) progress(++count, segments_.size());
  }
  finish_use();
  finish_queues();
  return std::move(result_);
}

FileResult<void> Recovery::read_segment(const OpenSegment& segment, bool newest,
                                        bool& has_commits) {
  // It was synced before the next one was begun; a copy of a folder was not, perhaps.
  if (!newest) {
    if (auto done = segment.file->sync(); !done) return done;
  }
  if (const auto index = load_index(files_, segment.header)) {
    has_commits = true;
    keep(segment, index->last_commit, true);
    return gather(segment, *index);
  }
  SegmentIndexer indexer;
  std::vector<Damage> wrong;
  auto contents =
      scan_segment(*segment.file, segment.header, newest, [&](const FoundCommit& commit) {
        for (const FoundChunk& chunk : commit.chunks) {
          const auto added = indexer.add(chunk);
          if (!added) wrong.push_back({chunk.offset, added.error().text});
        }
      });
  if (!contents) return tl::make_unexpected(contents.error());
  wrong.insert(wrong.end(), contents->damages.begin(), contents->damages.end());
  has_commits = contents->last != 0;
  if (!has_commits && wrong.empty() && segment.wrong.empty()) {
    // Prepared, and not used before the end came; or nothing of it was ever synced.
    return files_.remove(segment_name(segment.number));
  }
  keep(segment, contents->last, false);
  for (const Damage& damage : wrong) damaged(segment.number, damage.offset, damage.what);
  if (newest) {
    if (auto done = end_segment(segment, *contents); !done) return done;
  }
  const SegmentIndex index = indexer.finish(contents->last);
  if (auto done = gather(segment, index); !done) return done;
  SegmentTable::Segment& kept = *result_.segments.find(segment.number);
  // Without it the next start reads the segment again.
  if (!newest && !kept.damaged && kept.live_chunks != 0) {
    kept.indexed = store_index(files_, index, segment.header).has_value();
  }
  return {};
}

void Recovery::keep(const OpenSegment& segment, std::uint64_t last_commit, bool indexed) {
  result_.next_commit = std::max(result_.next_commit, last_commit + 1);
  result_.segments.add(segment.number, {.file = segment.file,
                                        .size = segment.size,
                                        .generation = segment.header.generation,
                                        .sealed = true,
                                        .indexed = indexed});
  if (!segment.wrong.empty()) damaged(segment.number, 0, segment.wrong);
}

// It counts from now on, wherever it is: after the death of a process it may not be on the disk
// yet, and after a failed sync the system believes that it is. So it is written again.
FileResult<void> Recovery::rewrite(File& file, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t kPiece = 1024 * 1024;
  std::string bytes;
  for (; begin < end; begin += bytes.size()) {
    bytes.resize(std::min(kPiece, end - begin));
    if (auto read = file.read(begin, bytes.data(), bytes.size()); !read) return read;
    const std::string_view part = bytes;
    if (auto done = file.write(begin, {&part, 1}); !done) return done;
  }
  return {};
}

// What lies behind was never confirmed: after this it is not looked at again. The mark says that
// all before it was synced: a power cut must not leave the mark alone. What fills the last commit's
// blocks may be missing, if the file was cut short.
FileResult<void> Recovery::end_segment(const OpenSegment& segment,
                                       const SegmentContents& contents) {
  File& file = *segment.file;
  const std::uint64_t end = std::min(contents.end, segment.size);
  if (auto done = rewrite(file, contents.unsure, end); !done) return done;
  if (auto done = file.sync(); !done || contents.ended) return done;
  const CommitHeader mark{
      .number = contents.last + 1, .synced = contents.last, .ends_segment = true};
  std::string block = encode(mark, segment.header.seed());
  block.resize(kBlock, '\0');
  const std::string_view part = block;
  if (auto done = file.write(contents.end, {&part, 1}); !done) return done;
  result_.next_commit = contents.last + 2;
  return file.sync();
}

// What is settled in a segment may be about messages in it: those come last.
FileResult<void> Recovery::gather(const OpenSegment& segment, const SegmentIndex& index) {
  gather_others(index);
  for (auto chunk = index.chunks.rbegin(); chunk != index.chunks.rend(); ++chunk) {
    RecoveredLane& lane = result_.lanes[chunk->lane];
    lane.next_chunk = std::max(lane.next_chunk, chunk->number + 1);
    if (auto done = gather_messages(segment, *chunk); !done) return done;
  }
  return {};
}

void Recovery::gather_others(const SegmentIndex& index) {
  for (const Settled& settled : index.settled) {
    Gathering* const queue = find(settled.queue);
    if (queue == nullptr) continue;
    queue->covered.add(settled.first, settled.last);
    queue->next_position = std::max(queue->next_position, settled.last + 1);
  }
  for (const Returned& returned : index.returned) {
    Gathering* const queue = find(returned.queue);
    if (queue == nullptr) continue;
    queue->next_position = std::max(queue->next_position, returned.position + 1);
    // That of a newer segment came first.
    if (queue->leases.contains(returned.position)) continue;
    queue->counts.try_emplace(returned.position, Counts{returned.acquired, returned.failed});
  }
  for (const Lent& lent : index.lent) {
    Gathering* const queue = find(lent.queue);
    if (queue == nullptr) continue;
    queue->next_position = std::max(queue->next_position, lent.last() + 1);
    for (std::uint64_t position = lent.first; position <= lent.last(); ++position) {
      if (queue->counts.contains(position)) continue;
      queue->leases.try_emplace(position, KeptLease{{lent.acquired, lent.failed}, lent.lease});
    }
  }
  for (const HandedOut& mark : index.handed_out) {
    Gathering* const queue = find(mark.queue);
    if (queue == nullptr) continue;
    queue->next_position = std::max(queue->next_position, mark.below);
    queue->handed_out = std::max(queue->handed_out, mark.below);
  }
}

FileResult<void> Recovery::gather_messages(const OpenSegment& segment, const IndexedChunk& chunk) {
  KeptChunk kept{.segment = segment.number,
                 .offset = chunk.offset,
                 .shared_offset = chunk.shared_offset,
                 .weight = chunk.size};
  std::uint32_t live = 0;
  use_.begin(chunk);
  for (const Stretch& stretch : chunk.stretches) {
    use_.found(stretch);
    kept.messages += stretch.count;
    if (stretch.shared) kept.weight += stretch.body_bytes;
    Gathering* const queue = find(stretch.queue);
    if (queue == nullptr) continue;
    queue->bytes += bytes_of(stretch);
    queue->next_position = std::max(queue->next_position, stretch.last() + 1);
    const auto living = living_parts(*segment.file, segment.size, chunk, stretch, queue->covered);
    if (!living) return tl::make_unexpected(living.error());
    if (!living->damage.empty()) damaged(segment.number, chunk.offset, living->damage);
    for (const Stretch& part : living->parts) live += gather_stretch(*queue, chunk, part);
  }
  if (live == 0) return {};
  kept.settled = kept.messages - live;
  result_.lanes[chunk.lane].chunks[chunk.number] = kept;
  result_.segments.chunk_placed(segment.number, kept.share(live));
  return {};
}

// None of it is covered. Returns how many messages it has.
std::uint32_t Recovery::gather_stretch(Gathering& queue, const IndexedChunk& chunk,
                                       const Stretch& stretch) {
  use_.lives(stretch);
  queue.live_bytes += bytes_of(stretch);
  queue.covered.add(stretch.first, stretch.last());
  queue.extents.push_back(
      {stretch.first, stretch.count, stretch.index_offset, chunk.number, stretch.shared});
  queue.ranges.push_back({{stretch.first, stretch.last(), stretch.body_bytes, stretch.with_ttl},
                          queue.runs.size(),
                          stretch.priorities.size()});
  queue.runs.insert(queue.runs.end(), stretch.priorities.begin(), stretch.priorities.end());
  return stretch.count;
}

// In order of positions; those that follow each other are one.
void Recovery::join_ranges(Gathering& queue, StoredQueue& stored) {
  std::sort(queue.ranges.begin(), queue.ranges.end(),
            [](const auto& a, const auto& b) { return a.range.first < b.range.first; });
  std::vector<StoredRange>& ranges = stored.ranges;
  for (const auto& [range, runs_from, runs] : queue.ranges) {
    for (std::size_t i = 0; i < runs; ++i) append_run(stored.priorities, queue.runs[runs_from + i]);
    if (ranges.empty() || ranges.back().last + 1 != range.first) {
      ranges.push_back(range);
      continue;
    }
    ranges.back().last = range.last;
    ranges.back().body_bytes += range.body_bytes;
    ranges.back().with_ttl += range.with_ttl;
  }
}

void Recovery::finish_use() {
  DiskUse& use = result_.use;
  use.segments = result_.segments.size();
  use.bytes = result_.segments.bytes();
  use.live = use_.live();
  use.dead = use_.dead();
  for (const auto& [log, found] : queues_) {
    if (found.bytes == 0) continue;
    use.logs.push_back({log, found.live_bytes, found.bytes - found.live_bytes});
  }
}

void Recovery::finish_queues() {
  for (auto& [id, queue] : queues_) {
    KeptQueue kept;
    kept.lane = queue.lane;
    kept.counts = std::move(queue.counts);
    kept.leases = std::move(queue.leases);
    kept.handed_out_before = queue.handed_out;
    kept.mark = kept.marked_below = queue.handed_out;
    kept.sealed_below = queue.next_position;
    kept.readable_below = queue.next_position;
    kept.stored.next_position = queue.next_position;
    std::sort(queue.extents.begin(), queue.extents.end(),
              [](const Extent& a, const Extent& b) { return a.first < b.first; });
    for (const Extent& extent : queue.extents) kept.extents.add(extent);
    join_ranges(queue, kept.stored);
    const auto gone = [&](const auto& of) { return !kept.extents.contains(of.first); };
    boost::unordered::erase_if(kept.counts, gone);
    boost::unordered::erase_if(kept.leases, gone);
    for (const auto& [position, of] : kept.leases)
      kept.stored.leases.push_back({position, of.lease});
    std::sort(kept.stored.leases.begin(), kept.stored.leases.end(),
              [](const auto& a, const auto& b) { return a.position < b.position; });
    result_.queues[id] = std::move(kept);
  }
}

}  // namespace

FileResult<Recovered> recover(Files& files, const std::unordered_map<std::uint64_t, Lane>& lanes,
                              JournalId fresh_id, const RecoveryProgress& progress) {
  return Recovery(files, lanes).run(fresh_id, progress);
}

}  // namespace polymq::storage::journal
