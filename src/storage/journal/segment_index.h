// What a start must know of a segment that has ended, without its messages one by one
// (docs/journal-format.md, Segment's index). It can always be made again from the segment.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "storage/files.h"
#include "storage/journal/layout.h"
#include "storage/journal/record.h"
#include "storage/journal/segment.h"
#include "storage/journal/segment_scan.h"
#include "storage/message_store.h"

namespace polymq::storage::journal {

/// Messages of one log that follow each other in a chunk's index, positions without gaps.
struct Stretch {
  std::uint64_t queue = 0;
  std::uint64_t first = 0;  // position
  std::uint32_t count = 0;
  std::uint32_t index_offset = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t data_bytes = 0;  // their bodies included
  std::uint32_t with_ttl = 0;
  bool shared = false;                       // their data is in another chunk
  std::vector<PriorityRun> priorities = {};  // of all of them, in order

  std::uint64_t last() const { return first + count - 1; }
  std::uint64_t index_end() const { return index_offset + record_bytes(); }
  std::uint64_t record_bytes() const { return count * std::uint64_t{record_size(shared)}; }
  void add(const MessageEntry& entry);
  bool operator==(const Stretch&) const = default;
};

struct IndexedChunk {
  Lane lane = 0;
  std::uint64_t number = 0;
  std::uint64_t offset = 0;  // of its header, in the file
  std::uint32_t size = 0;
  /// Of the chunk with the data that messages of this one share; 0: none do, or it is lost.
  std::uint64_t shared_offset = 0;
  std::vector<Stretch> stretches;
  bool operator==(const IndexedChunk&) const = default;
};

/// Whatever order it was said in: of a segment as a whole.
struct SegmentIndex {
  std::uint64_t last_commit = 0;
  std::vector<IndexedChunk> chunks;  // as they lie in the file
  std::vector<Settled> settled;      // none of a queue touch each other
  // The last word on each message that is not settled here:
  std::vector<Returned> returned;
  std::vector<Lent> lent;
  std::vector<HandedOut> handed_out;  // the highest of each queue
  bool operator==(const SegmentIndex&) const = default;
};

/// Gathers what chunks say, one after the other as they lie in the file.
class SegmentIndexer {
 public:
  /// Error: its index is wrong from some record on; what was before is gathered.
  Result<void> add(const FoundChunk& chunk);
  SegmentIndex finish(std::uint64_t last_commit);

 private:
  struct Others {
    std::vector<Settled> settled;
    std::unordered_map<std::uint64_t, Record> words;  // Returned or Lent of each position
    std::uint64_t handed_out = 0;
  };
  void merge_settled();
  void finish_words();
  bool settles(std::uint64_t queue, std::uint64_t position) const;

  SegmentIndex index_;
  ChunkName shared_;  // the last chunk with only bodies
  std::uint64_t shared_offset_ = 0;
  std::unordered_map<std::uint64_t, Others> others_;  // by queue
};

std::string encode(const SegmentIndex& index, const SegmentHeader& of);
/// Error: it is not whole, or not that segment's.
Result<SegmentIndex> decode_segment_index(std::string_view bytes, const SegmentHeader& of);

/// The one that lies beside the segment, if it is whole.
std::optional<SegmentIndex> load_index(Files& files, const SegmentHeader& of);
/// Replaces what is there. Not synced: one that a crash tears is not whole, and made again.
FileResult<void> store_index(Files& files, const SegmentIndex& index, const SegmentHeader& of);
/// All that are there; those of `kept` segments stay.
FileResult<void> remove_indexes(Files& files, const std::set<SegmentNumber>& kept);

}  // namespace polymq::storage::journal
