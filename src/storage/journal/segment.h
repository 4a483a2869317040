// The heads of segments and of commits (docs/journal-format.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polymq::storage::journal {

using SegmentNumber = std::uint64_t;
using JournalId = std::array<std::uint64_t, 2>;

inline constexpr std::size_t kSegmentHeader = 64;
inline constexpr std::size_t kCommitHeader = 64;

struct SegmentHeader {
  SegmentNumber number = 0;
  std::uint64_t generation = 0;
  std::uint64_t size = 0;  // of the file
  JournalId journal{};

  /// What the checksums of its commits begin with.
  std::uint32_t seed() const;
  bool operator==(const SegmentHeader&) const = default;
};

/// kSegmentHeader bytes.
std::string encode(const SegmentHeader& header);
/// Error: what is wrong.
Result<SegmentHeader> decode_segment_header(std::string_view bytes);

struct CommitHeader {
  std::uint64_t number = 0;
  std::uint64_t size = 0;  // of its chunks
  std::uint32_t chunks = 0;
  std::uint32_t headers_checksum = 0;  // of its chunks' headers
  std::uint64_t synced = 0;            // all commits up to that one were, when it was written
  bool ends_segment = false;

  /// From its first byte to the next commit's.
  std::uint64_t blocks() const;
  bool operator==(const CommitHeader&) const = default;
};

/// kCommitHeader bytes.
std::string encode(const CommitHeader& header, std::uint32_t seed);
/// Nothing, if there is no commit of that segment.
std::optional<CommitHeader> decode_commit_header(std::string_view bytes, std::uint32_t seed);

/// "0000000000000001.segment"
std::string segment_name(SegmentNumber number);
/// Nothing, if it is no segment's name.
std::optional<SegmentNumber> segment_of_name(std::string_view name);
/// "0000000000000001.index", of what lies beside the segment (segment_index.h).
std::string index_name(SegmentNumber number);
/// Nothing, if it is no index's name.
std::optional<SegmentNumber> segment_of_index_name(std::string_view name);

}  // namespace polymq::storage::journal
