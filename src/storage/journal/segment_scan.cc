// Walking over a segment's commits, and looking for those behind a broken one.
#include "storage/journal/segment_scan.h"

#include <algorithm>
#include <optional>

#include "storage/journal/checksum.h"
#include "storage/journal/chunk_reader.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

constexpr std::size_t kSearchWindow = 1024 * 1024;

struct Header {
  CommitHeader commit;
  std::uint64_t offset;
};

/// A chunk with data for those that follow it.
struct SharedBodies {
  ChunkName of;
  std::string bodies;
};

/// What is wrong with the chunk's messages; empty: nothing.
std::string check_messages(const FoundChunk& chunk, std::string_view bodies,
                           const SharedBodies& shared) {
  std::string wrong;
  IndexReader records(chunk.index);
  for (Record record; records.next(record);) {
    const auto* entry = std::get_if<MessageEntry>(&record);
    if (entry == nullptr) continue;
    if (entry->shared && *entry->shared != shared.of) {
      return "a message's data is in a chunk that is not there";
    }
    const auto message = read_message(*entry, entry->shared ? shared.bodies : bodies);
    if (!message) wrong = message.error().text;
  }
  return records.error().empty() ? wrong : records.error();
}

class Scan {
 public:
  Scan(const File& file, const SegmentHeader& header, std::uint64_t size)
      : file_(file), seed_(header.seed()), size_(size) {}

  FileResult<void> find_headers();
  FileResult<SegmentContents> contents(bool newest, const VisitCommit& visit);

 private:
  FileResult<std::optional<CommitHeader>> header_at(std::uint64_t offset) const;
  FileResult<std::optional<Header>> search(std::uint64_t from, std::uint64_t above) const;
  FileResult<FoundCommit> read_commit(const Header& header, bool whole, std::string& wrong) const;
  FileResult<std::uint32_t> read_chunk_at(std::uint64_t offset, std::uint64_t end, bool whole,
                                          FoundChunk& found, std::string& bodies,
                                          std::string& wrong) const;

  const File& file_;
  const std::uint32_t seed_;
  const std::uint64_t size_;
  std::vector<Header> headers_;
  std::uint64_t synced_ = 0;
};

FileResult<std::optional<CommitHeader>> Scan::header_at(std::uint64_t offset) const {
  if (offset + kCommitHeader > size_) return std::nullopt;
  std::string bytes(kCommitHeader, '\0');
  if (auto read = file_.read(offset, bytes.data(), bytes.size()); !read) {
    return tl::make_unexpected(read.error());
  }
  auto header = decode_commit_header(bytes, seed_);
  if (header && header->size > size_ - offset - kCommitHeader) header.reset();
  return header;
}

// The next commit with a number above `above`, wherever it begins.
FileResult<std::optional<Header>> Scan::search(std::uint64_t from, std::uint64_t above) const {
  std::string window;
  for (; from + kCommitHeader <= size_; from += window.size()) {
    window.resize(std::min<std::uint64_t>(kSearchWindow, size_ - from));
    if (auto read = file_.read(from, window.data(), window.size()); !read) {
      return tl::make_unexpected(read.error());
    }
    for (std::size_t at = 0; at + kCommitHeader <= window.size(); at += kBlock) {
      const auto header = decode_commit_header(std::string_view(window).substr(at), seed_);
      const std::uint64_t room = size_ - from - at - kCommitHeader;
      if (header && header->number > above && header->size <= room) {
        return Header{*header, from + at};
      }
    }
  }
  return std::nullopt;
}

FileResult<void> Scan::find_headers() {
  std::uint64_t offset = kBlock;
  std::uint64_t last = 0;
  while (true) {
    auto commit = header_at(offset);
    if (!commit) return tl::make_unexpected(commit.error());
    const bool follows = *commit && (last == 0 || (*commit)->number == last + 1);
    std::optional<Header> next;
    if (follows) {
      next = Header{**commit, offset};
    } else {
      auto found = search(offset, last);
      if (!found) return tl::make_unexpected(found.error());
      next = *found;
    }
    if (!next) return {};
    headers_.push_back(*next);
    last = next->commit.number;
    synced_ = std::max(synced_, next->commit.synced);
    offset = next->offset + next->commit.blocks();
    if (next->commit.ends_segment) return {};
  }
}

// Returns the chunk's size; `wrong` says why there is none. `bodies` are read of a whole one.
FileResult<std::uint32_t> Scan::read_chunk_at(std::uint64_t offset, std::uint64_t end, bool whole,
                                              FoundChunk& found, std::string& bodies,
                                              std::string& wrong) const {
  std::string bytes(std::min<std::uint64_t>(kChunkHeader, end - offset), '\0');
  if (auto read = file_.read(offset, bytes.data(), bytes.size()); !read) {
    return tl::make_unexpected(read.error());
  }
  const auto header = read_chunk_header(bytes);
  if (!header) {
    wrong = header.error().text;
    return 0u;
  }
  const std::uint64_t size = kChunkHeader + std::uint64_t{header->index_size} + header->bodies_size;
  if (size > end - offset) {
    wrong = "a chunk is cut off";
    return 0u;
  }
  std::string rest(whole ? size - kChunkHeader : header->index_size, '\0');
  if (auto read = file_.read(offset + kChunkHeader, rest.data(), rest.size()); !read) {
    return tl::make_unexpected(read.error());
  }
  found = {header->lane, header->number, offset, static_cast<std::uint32_t>(size),
           rest.substr(0, header->index_size)};
  if (crc32c(found.index) != header->index_checksum) {
    wrong = "a chunk's index has a wrong checksum";
  }
  if (whole) bodies = rest.substr(header->index_size);
  return static_cast<std::uint32_t>(size);
}

// `whole`: the messages' data, too. What is wrong with a chunk costs that chunk.
FileResult<FoundCommit> Scan::read_commit(const Header& header, bool whole,
                                          std::string& wrong) const {
  FoundCommit commit{header.commit.number, header.offset, {}};
  std::uint64_t offset = header.offset + kCommitHeader;
  const std::uint64_t end = offset + header.commit.size;
  std::uint32_t checksum = 0;
  SharedBodies shared;
  for (std::uint32_t i = 0; i < header.commit.chunks; ++i) {
    FoundChunk chunk;
    std::string why;
    std::string bodies;
    auto size = read_chunk_at(offset, end, whole, chunk, bodies, why);
    if (!size) return tl::make_unexpected(size.error());
    if (whole && why.empty()) {
      why = check_messages(chunk, bodies, shared);
      if (chunk.index.empty()) {
        shared = {{chunk.lane, chunk.number}, std::move(bodies)};
      }
    }
    if (!why.empty()) wrong = why;
    if (*size == 0) return commit;  // where the next one begins is not known
    std::string head(kChunkHeader, '\0');
    if (auto read = file_.read(offset, head.data(), head.size()); !read) {
      return tl::make_unexpected(read.error());
    }
    checksum = crc32c(head, checksum);
    offset += *size;
    if (why.empty()) commit.chunks.push_back(std::move(chunk));
  }
  if (checksum != header.commit.headers_checksum) {
    wrong = "the chunks are not those of the commit";
    commit.chunks.clear();
  }
  return commit;
}

FileResult<SegmentContents> Scan::contents(bool newest, const VisitCommit& visit) {
  SegmentContents contents;
  contents.end = contents.unsure = kBlock;
  std::uint64_t last = 0;
  for (const Header& header : headers_) {
    const std::uint64_t number = header.commit.number;
    const bool was_synced = !newest || number <= synced_;
    const bool gap = last != 0 ? number != last + 1 : header.offset != kBlock;
    if (gap && !was_synced) break;
    if (gap) contents.damages.push_back({contents.end, "commits are missing"});
    std::string wrong;
    auto commit = read_commit(header, !was_synced, wrong);
    if (!commit) return tl::make_unexpected(commit.error());
    if (!wrong.empty() && !was_synced) break;
    if (!wrong.empty()) contents.damages.push_back({header.offset, wrong});
    contents.ended = header.commit.ends_segment;
    if (visit) {
      visit(*commit);
    } else if (!commit->chunks.empty()) {
      contents.commits.push_back(std::move(*commit));
    }
    contents.end = header.offset + header.commit.blocks();
    contents.last = last = number;
    if (number <= synced_) contents.unsure = contents.end;
  }
  // One without commits was prepared, and another one used in its place.
  if (!newest && last != 0 && !contents.ended) {
    contents.damages.push_back({contents.end, "its end is missing, and what was before that"});
  }
  contents.dropped = static_cast<std::uint64_t>(
      std::count_if(headers_.begin(), headers_.end(),
                    [&](const Header& header) { return header.offset >= contents.end; }));
  return contents;
}

}  // namespace

FileResult<SegmentContents> scan_segment(const File& file, const SegmentHeader& header, bool newest,
                                         const VisitCommit& visit) {
  auto size = file.size();
  if (!size) return tl::make_unexpected(size.error());
  Scan scan(file, header, *size);
  if (auto found = scan.find_headers(); !found) return tl::make_unexpected(found.error());
  return scan.contents(newest, visit);
}

}  // namespace polymq::storage::journal
