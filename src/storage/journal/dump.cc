// Segments, commits, chunks and records as text.
#include "storage/journal/dump.h"

#include <algorithm>

#include "storage/journal/chunk_reader.h"
#include "storage/journal/segment.h"
#include "storage/journal/segment_scan.h"

namespace polymq::storage::journal {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }

std::string name_of(std::uint64_t log) {
  const std::string id = text(incarnation_of(log));
  if (log == log_of(incarnation_of(log), LogPart::kSeenIds)) return "ids seen by " + id;
  if (log == log_of(incarnation_of(log), LogPart::kHistory)) return "history of " + id;
  return "queue " + id;
}

std::string describe(const Record& record) {
  return std::visit(
      [](const auto& what) -> std::string {
        using What = std::decay_t<decltype(what)>;
        const std::string queue = name_of(what.queue) + " ";
        if constexpr (std::is_same_v<What, MessageEntry>) {
          return queue + "message " + text(what.position) + ", body of " + text(what.body_size) +
                 (what.delivered ? ", delivered" : "") +
                 (what.shared ? ", data in lane " + text(what.shared->lane) + " chunk " +
                                    text(what.shared->number)
                              : "");
        } else if constexpr (std::is_same_v<What, Settled>) {
          return queue + "settled " + text(what.first) + " to " + text(what.last);
        } else if constexpr (std::is_same_v<What, Removed>) {
          return queue + "removed";
        } else if constexpr (std::is_same_v<What, Returned>) {
          return queue + "returned " + text(what.position) + ", handed out " + text(what.acquired) +
                 ", failed " + text(what.failed);
        } else if constexpr (std::is_same_v<What, Lent>) {
          return queue + "lent " + text(what.first) + " to " + text(what.last()) + ", handed out " +
                 text(what.acquired) + ", failed " + text(what.failed) + ", until " +
                 std::to_string(what.lease.deadline);
        } else {
          return queue + "handed out below " + text(what.below);
        }
      },
      record);
}

void dump_segment(const SegmentContents& contents,
                  const std::function<void(const std::string&)>& line) {
  for (const FoundCommit& commit : contents.commits) {
    line("  commit " + text(commit.number) + " at " + text(commit.offset));
    for (const FoundChunk& chunk : commit.chunks) {
      line("    lane " + text(chunk.lane) + " chunk " + text(chunk.number) + " at " +
           text(chunk.offset) + ", " + text(chunk.size) + " bytes");
      IndexReader reader(chunk.index);
      for (Record record; reader.next(record);) line("      " + describe(record));
      if (!reader.error().empty()) line("      DAMAGED: " + reader.error());
    }
  }
  for (const Damage& damage : contents.damages) {
    line("  DAMAGED at " + text(damage.offset) + ": " + damage.what);
  }
  if (contents.dropped != 0) {
    line("  " + text(contents.dropped) + " commits behind " + text(contents.end) +
         " broke off and do not count");
  }
}

struct OpenSegment {
  std::unique_ptr<File> file;
  Result<SegmentHeader> header;
};

FileResult<OpenSegment> open_segment(Files& files, const std::string& name) {
  auto file = files.open(name);
  if (!file) return tl::make_unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return tl::make_unexpected(size.error());
  std::string head(std::min<std::uint64_t>(*size, kSegmentHeader), '\0');
  if (auto read = (*file)->read(0, head.data(), head.size()); !read) {
    return tl::make_unexpected(read.error());
  }
  return OpenSegment{*std::move(file), decode_segment_header(head)};
}

// Where the last run ended; those behind it had been prepared.
FileResult<std::string> newest_with_commits(Files& files, const std::vector<std::string>& names) {
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const auto segment = open_segment(files, *name);
    if (!segment) return tl::make_unexpected(segment.error());
    if (!segment->header) continue;
    const auto contents =
        scan_segment(*segment->file, *segment->header, true, [](const FoundCommit&) {});
    if (!contents) return tl::make_unexpected(contents.error());
    if (contents->last != 0) return *name;
  }
  return std::string();
}

}  // namespace

FileResult<void> dump(Files& files, const std::function<void(const std::string&)>& line) {
  auto names = files.list();
  if (!names) return tl::make_unexpected(names.error());
  std::erase_if(*names, [](const std::string& name) { return !segment_of_name(name); });
  const auto newest = newest_with_commits(files, *names);
  if (!newest) return tl::make_unexpected(newest.error());
  for (const std::string& name : *names) {
    const auto segment = open_segment(files, name);
    if (!segment) return tl::make_unexpected(segment.error());
    const auto& header = segment->header;
    line(name + (header ? "" : ": DAMAGED: " + header.error().text));
    if (!header) continue;
    const auto contents = scan_segment(*segment->file, *header, name >= *newest);
    if (!contents) return tl::make_unexpected(contents.error());
    dump_segment(*contents, line);
  }
  return {};
}

}  // namespace polymq::storage::journal
