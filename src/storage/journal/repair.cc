// From damaged segments to whole ones.
#include "storage/journal/repair.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "storage/journal/checksum.h"
#include "storage/journal/chunk_reader.h"
#include "storage/journal/layout.h"
#include "storage/journal/lost_header.h"
#include "storage/journal/segment.h"
#include "storage/journal/segment_index.h"
#include "storage/journal/segment_scan.h"

namespace polymq::storage::journal {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }

/// Messages that an index which cannot be trusted speaks of.
std::string seems_to_hold(std::string_view index) {
  struct Held {
    std::uint64_t first = UINT64_MAX;
    std::uint64_t last = 0;
    std::uint64_t count = 0;
  };
  std::map<std::uint64_t, Held> queues;
  std::uint64_t others = 0;
  IndexReader reader(index);
  for (Record record; reader.next(record);) {
    const auto* entry = std::get_if<MessageEntry>(&record);
    if (entry == nullptr) {
      ++others;
      continue;
    }
    Held& held = queues[entry->queue];
    held.first = std::min(held.first, entry->position);
    held.last = std::max(held.last, entry->position);
    ++held.count;
  }
  std::string said;
  for (const auto& [queue, held] : queues) {
    said += "; it seems to have held " + text(held.count) + " entries of queue or exchange " +
            text(incarnation_of(queue)) + ", positions " + text(held.first) + " to " +
            text(held.last);
  }
  if (others != 0) said += "; it seems to have held " + text(others) + " other records";
  return said;
}

class Repair {
 public:
  Repair(Files& files, const KeepAside& keep_aside) : files_(files), keep_aside_(keep_aside) {}
  FileResult<std::vector<std::string>> run();

 private:
  struct Segment {
    std::string name;
    SegmentNumber number = 0;
    std::shared_ptr<File> file;
    std::uint64_t size = 0;
    std::optional<SegmentHeader> header;
    std::string head;   // its first bytes, as they are
    std::string wrong;  // with them
  };

  FileResult<void> open_segments();
  FileResult<void> find_header(Segment& segment);
  FileResult<void> repair(Segment& segment);
  FileResult<std::vector<FoundChunk>> chunks_of_commit(const Segment& segment,
                                                       std::uint64_t offset) const;
  FileResult<void> tell(const Segment& segment, const SegmentContents& contents);
  bool drop_unreadable(const Segment& segment, SegmentContents& contents);
  FileResult<void> rewrite(const Segment& segment, const SegmentContents& contents);
  FileResult<void> write(File& to, const Segment& segment, const SegmentContents& contents);
  void lose(const Segment& segment, std::uint64_t offset, const std::string& what) {
    lost_.push_back(segment.name + ", offset " + text(offset) + ": " + what);
  }

  Files& files_;
  const KeepAside& keep_aside_;
  std::vector<Segment> segments_;
  bool newest_ = true;  // none of those looked at has commits
  std::vector<std::string> lost_;
};

FileResult<std::vector<std::string>> Repair::run() {
  // They are made again; of a file that is written anew the old one would be wrong.
  const auto gone = remove_indexes(files_, {}).and_then([&] { return files_.sync_names(); });
  if (!gone) return tl::make_unexpected(gone.error());
  if (auto opened = open_segments(); !opened) return tl::make_unexpected(opened.error());
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    if (!segment->header) {
      if (auto found = find_header(*segment); !found) return tl::make_unexpected(found.error());
    }
    if (auto done = repair(*segment); !done) return tl::make_unexpected(done.error());
  }
  if (auto done = files_.sync_names(); !done) return tl::make_unexpected(done.error());
  return std::move(lost_);
}

FileResult<void> Repair::open_segments() {
  const auto names = files_.list();
  if (!names) return tl::make_unexpected(names.error());
  for (const std::string& name : *names) {
    const auto number = segment_of_name(name);
    if (!number) continue;
    Segment segment;
    segment.name = name;
    segment.number = *number;
    auto file = files_.open(name);
    if (!file) return tl::make_unexpected(file.error());
    segment.file = *std::move(file);
    const auto size = segment.file->size();
    if (!size) return tl::make_unexpected(size.error());
    segment.size = *size;
    segment.head.resize(std::min<std::uint64_t>(*size, kSegmentHeader));
    auto read = segment.file->read(0, segment.head.data(), segment.head.size());
    if (!read) return read;
    if (auto header = decode_segment_header(segment.head)) {
      segment.header = *header;
    } else {
      segment.wrong = header.error().text;
    }
    segments_.push_back(std::move(segment));
  }
  return {};
}

FileResult<void> Repair::find_header(Segment& segment) {
  std::optional<JournalId> id;  // they all have the same
  for (const Segment& other : segments_) {
    if (other.header) id = other.header->journal;
  }
  auto guessed = guess_header(*segment.file, segment.number, segment.head, id);
  if (!guessed) return tl::make_unexpected(guessed.error());
  segment.header = *guessed;
  return {};
}

FileResult<void> Repair::repair(Segment& segment) {
  if (!segment.header) {
    lose(segment, 0, segment.wrong + "; nothing of it can be read");
    return keep_aside_(segment.name).and_then([&] { return files_.remove(segment.name); });
  }
  auto contents = scan_segment(*segment.file, *segment.header, newest_);
  if (!contents) return tl::make_unexpected(contents.error());
  newest_ = newest_ && contents->last == 0;
  if (auto told = tell(segment, *contents); !told) return told;
  const bool dropped = drop_unreadable(segment, *contents);
  if (segment.wrong.empty() && contents->damages.empty() && !dropped) return {};
  return keep_aside_(segment.name).and_then([&] { return rewrite(segment, *contents); });
}

/// Those whose headers are whole, with their indexes as they are.
FileResult<std::vector<FoundChunk>> Repair::chunks_of_commit(const Segment& segment,
                                                             std::uint64_t offset) const {
  std::vector<FoundChunk> found;
  std::string bytes(kCommitHeader, '\0');
  if (offset + kCommitHeader > segment.size) return found;
  if (auto read = segment.file->read(offset, bytes.data(), bytes.size()); !read) {
    return tl::make_unexpected(read.error());
  }
  const auto commit = decode_commit_header(bytes, segment.header->seed());
  if (!commit) return found;
  const std::uint64_t end = std::min(segment.size, offset + kCommitHeader + commit->size);
  for (std::uint64_t at = offset + kCommitHeader; at + kChunkHeader <= end;) {
    bytes.resize(kChunkHeader);
    if (auto read = segment.file->read(at, bytes.data(), bytes.size()); !read) {
      return tl::make_unexpected(read.error());
    }
    const auto header = read_chunk_header(bytes);
    if (!header || header->index_size + std::uint64_t{kChunkHeader} > end - at) break;
    FoundChunk chunk{header->lane, header->number, at, 0, std::string(header->index_size, '\0')};
    auto read = segment.file->read(at + kChunkHeader, chunk.index.data(), chunk.index.size());
    if (!read) return tl::make_unexpected(read.error());
    at += kChunkHeader + std::uint64_t{header->index_size} + header->bodies_size;
    if (crc32c(chunk.index) != header->index_checksum) found.push_back(std::move(chunk));
  }
  return found;
}

FileResult<void> Repair::tell(const Segment& segment, const SegmentContents& contents) {
  for (const Damage& damage : contents.damages) {
    const auto chunks = chunks_of_commit(segment, damage.offset);
    if (!chunks) return tl::make_unexpected(chunks.error());
    if (chunks->empty()) lose(segment, damage.offset, damage.what);
    for (const FoundChunk& chunk : *chunks) {
      lose(segment, chunk.offset, damage.what + seems_to_hold(chunk.index));
    }
  }
  return {};
}

/// Chunks with records that this program does not know.
bool Repair::drop_unreadable(const Segment& segment, SegmentContents& contents) {
  bool any = false;
  for (FoundCommit& commit : contents.commits) {
    std::erase_if(commit.chunks, [&](const FoundChunk& chunk) {
      IndexReader reader(chunk.index);
      for (Record record; reader.next(record);) {
      }
      if (reader.error().empty()) return false;
      lose(segment, chunk.offset, reader.error() + seems_to_hold(chunk.index));
      any = true;
      return true;
    });
  }
  return any;
}

FileResult<void> Repair::rewrite(const Segment& segment, const SegmentContents& contents) {
  const std::string fresh = segment.name + ".new";  // a start removes what is left of it
  const auto names = files_.list();
  if (!names) return tl::make_unexpected(names.error());
  if (std::ranges::find(*names, fresh) != names->end()) {
    if (auto gone = files_.remove(fresh); !gone) return gone;
  }
  auto file = files_.create(fresh);
  if (!file) return tl::make_unexpected(file.error());
  auto written = write(**file, segment, contents);
  if (!written) {
    (void)files_.remove(fresh);
    return written;
  }
  return files_.rename(fresh, segment.name).and_then([&] { return files_.sync_names(); });
}

// Chunks say nothing of the file that they lie in: they are copied as they are. Each commit keeps
// its company; numbers follow on each other again, and end before those of the next segment.
FileResult<void> Repair::write(File& to, const Segment& segment, const SegmentContents& contents) {
  SegmentHeader header = *segment.header;
  ++header.generation;
  std::uint64_t number = contents.commits.empty() ? std::max<std::uint64_t>(contents.last, 1)
                                                  : contents.commits.front().number;
  std::uint64_t at = kBlock;
  const auto put = [&](std::uint64_t offset, std::string_view part) {
    return to.write(offset, {&part, 1});
  };
  for (const FoundCommit& commit : contents.commits) {
    if (commit.chunks.empty()) continue;
    CommitHeader head{.number = number, .synced = number - 1};
    std::string bytes(kCommitHeader, '\0');
    for (const FoundChunk& chunk : commit.chunks) {
      const std::size_t start = bytes.size();
      bytes.resize(start + chunk.size);
      auto read = segment.file->read(chunk.offset, bytes.data() + start, chunk.size);
      if (!read) return read;
      head.headers_checksum =
          crc32c(std::string_view(bytes).substr(start, kChunkHeader), head.headers_checksum);
      ++head.chunks;
    }
    head.size = bytes.size() - kCommitHeader;
    bytes.replace(0, kCommitHeader, encode(head, header.seed()));
    bytes.resize(head.blocks(), '\0');
    if (auto done = put(at, bytes); !done) return done;
    at += head.blocks();
    ++number;
  }
  const CommitHeader end{.number = number, .synced = number - 1, .ends_segment = true};
  std::string block = encode(end, header.seed());
  block.resize(kBlock, '\0');
  if (auto done = put(at, block); !done) return done;
  header.size = at + kBlock;
  std::string first = encode(header);
  first.resize(kBlock, '\0');
  if (auto done = put(0, first); !done) return done;
  return to.sync();
}

}  // namespace

FileResult<std::vector<std::string>> repair_segments(Files& files, const KeepAside& keep_aside) {
  return Repair(files, keep_aside).run();
}

}  // namespace polymq::storage::journal
