// The start's way through the segments, from the newest to the oldest, for the sums alone.
#include "storage/journal/use_survey.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "storage/journal/interval_set.h"
#include "storage/journal/living.h"
#include "storage/journal/segment_index.h"
#include "storage/journal/segment_scan.h"

namespace polymq::storage::journal {
namespace {

/// A file as if it ended where it is written to.
class WrittenPart final : public File {
 public:
  WrittenPart(const File& file, std::uint64_t end) : file_(file), end_(end) {}
  FileResult<std::uint64_t> size() const override { return end_; }
  FileResult<std::uint64_t> names() const override { return file_.names(); }
  FileResult<void> read(std::uint64_t offset, char* to, std::size_t size) const override {
    return file_.read(offset, to, size);
  }
  FileResult<void> write(std::uint64_t, std::span<const std::string_view>) override {
    return read_only();
  }
  FileResult<void> sync() override { return read_only(); }
  FileResult<void> fill(std::uint64_t, const std::function<void()>&) override {
    return read_only();
  }

 private:
  static FileResult<void> read_only() {
    return tl::make_unexpected(FileError{false, "it is only read here"});
  }
  const File& file_;
  const std::uint64_t end_;
};

/// What is damaged is left out, as a start does; that one tells of it.
FileResult<SegmentIndex> read_index(Files& files, const CountedSegment& segment) {
  if (segment.indexed) {
    if (auto index = load_index(files, segment.header)) return *std::move(index);
  }
  SegmentIndexer indexer;
  const auto contents = scan_segment(WrittenPart(*segment.file, segment.end), segment.header, false,
                                     [&](const FoundCommit& commit) {
                                       for (const FoundChunk& chunk : commit.chunks)
                                         (void)indexer.add(chunk);
                                     });
  if (!contents) return tl::make_unexpected(contents.error());
  return indexer.finish(contents->last);
}

class Survey {
 public:
  explicit Survey(std::unordered_set<std::uint64_t> known) : known_(std::move(known)) {}

  FileResult<void> add(const CountedSegment& segment, const SegmentIndex& index);
  DiskUse finish(const std::vector<CountedSegment>& segments) const;

 private:
  struct Log {
    IntervalSet covered;  // settled, or found in a newer place
    std::uint64_t bytes = 0;
    std::uint64_t live_bytes = 0;
  };
  /// Null: of something that is not there any more.
  Log* find(std::uint64_t log) {
    return known_.contains(incarnation_of(log)) ? &logs_[log] : nullptr;
  }

  const std::unordered_set<std::uint64_t> known_;
  std::unordered_map<std::uint64_t, Log> logs_;
  UseCounter use_;
};

// What is settled in a segment may be about messages in it: those come last.
FileResult<void> Survey::add(const CountedSegment& segment, const SegmentIndex& index) {
  for (const Settled& settled : index.settled) {
    if (Log* log = find(settled.queue)) log->covered.add(settled.first, settled.last);
  }
  for (auto chunk = index.chunks.rbegin(); chunk != index.chunks.rend(); ++chunk) {
    use_.begin(*chunk);
    for (const Stretch& stretch : chunk->stretches) {
      use_.found(stretch);
      Log* const log = find(stretch.queue);
      if (log == nullptr) continue;
      log->bytes += stretch.record_bytes() + stretch.data_bytes;
      const auto living =
          living_parts(*segment.file, segment.header.size, *chunk, stretch, log->covered);
      if (!living) return tl::make_unexpected(living.error());
      for (const Stretch& part : living->parts) {
        use_.lives(part);
        log->live_bytes += part.record_bytes() + part.data_bytes;
        log->covered.add(part.first, part.last());
      }
    }
  }
  return {};
}

DiskUse Survey::finish(const std::vector<CountedSegment>& segments) const {
  DiskUse use;
  use.segments = segments.size();
  for (const CountedSegment& segment : segments) use.bytes += segment.header.size;
  use.live = use_.live();
  use.dead = use_.dead();
  for (const auto& [id, log] : logs_) {
    if (log.bytes != 0) use.logs.push_back({id, log.live_bytes, log.bytes - log.live_bytes});
  }
  return use;
}

}  // namespace

FileResult<DiskUse> survey_use(Files& files, const std::vector<CountedSegment>& segments,
                               const KnownIncarnations& known, const std::atomic<bool>& stop) {
  std::optional<Survey> survey;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (stop) return tl::make_unexpected(FileError{false, "it was given up"});
    const auto index = read_index(files, *segment);
    if (!index) return tl::make_unexpected(index.error());
    if (!survey) {
      auto incarnations = known();
      if (!incarnations) return tl::make_unexpected(incarnations.error());
      survey.emplace(*std::move(incarnations));
    }
    if (auto added = survey->add(*segment, *index); !added) {
      return tl::make_unexpected(added.error());
    }
  }
  return survey ? survey->finish(segments) : DiskUse{};
}

}  // namespace polymq::storage::journal
