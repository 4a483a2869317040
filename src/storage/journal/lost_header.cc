// Trying what may have been in it.
#include "storage/journal/lost_header.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

// A file has not been used more often than that.
constexpr std::uint64_t kMostGenerations = 1 << 20;
constexpr std::uint64_t kSearched = 16 * 1024 * 1024;  // of a file, for a commit to begin with
constexpr std::size_t kJournalIdAt = 32;               // in a segment's header

}  // namespace

// Its commits' checksums begin with what was in the header.
FileResult<std::optional<SegmentHeader>> guess_header(const File& file, SegmentNumber number,
                                                      std::string_view head,
                                                      const std::optional<JournalId>& other) {
  const auto size = file.size();
  if (!size) return tl::make_unexpected(size.error());
  std::vector<JournalId> ids;
  if (other) ids.push_back(*other);
  if (head.size() == kSegmentHeader) {
    const char* at = head.data() + kJournalIdAt;
    ids.push_back({load_big_endian<std::uint64_t>(at),
                   load_big_endian<std::uint64_t>(at + sizeof(std::uint64_t))});
  }
  std::string bytes(kCommitHeader, '\0');
  const std::uint64_t end = std::min(*size, kSearched);
  for (std::uint64_t at = kBlock; at + kCommitHeader <= end; at += kBlock) {
    if (auto read = file.read(at, bytes.data(), bytes.size()); !read) {
      return tl::make_unexpected(read.error());
    }
    if (!bytes.starts_with("PMQC")) continue;
    for (const JournalId& id : ids) {
      for (std::uint64_t generation = 0; generation < kMostGenerations; ++generation) {
        const SegmentHeader guess{number, generation, *size, id};
        if (decode_commit_header(bytes, guess.seed())) return guess;
      }
    }
    return std::nullopt;  // of an earlier use of the file; what follows is, too
  }
  return std::nullopt;
}

}  // namespace polymq::storage::journal
