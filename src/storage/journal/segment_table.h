// Which segments there are and what they are still needed for. Pure bookkeeping: no files are
// touched here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "storage/files.h"
#include "storage/journal/segment.h"

namespace polymq::storage::journal {

/// A segment goes when nothing in it counts any more: no chunk has a message that lives, and all
/// segments are gone whose messages its records speak of.
/// Under the journal's lock.
class SegmentTable {
 public:
  struct Segment {
    std::shared_ptr<File> file;
    std::uint64_t size = 0;
    std::uint64_t generation = 0;
    std::uint64_t live_bytes = 0;  // of chunks with messages that live
    std::uint32_t live_chunks = 0;
    std::uint32_t owed = 0;  // batches whose writers have not said what their records speak of
    std::uint32_t readers = 0;
    bool sealed = false;
    bool damaged = false;  // kept for people to look at
    std::set<SegmentNumber> speaks_of = {};
  };

  Segment& add(SegmentNumber number, Segment segment) {
    return segments_[number] = std::move(segment);
  }
  /// Null when it is gone.
  Segment* find(SegmentNumber number) {
    const auto it = segments_.find(number);
    return it == segments_.end() ? nullptr : &it->second;
  }
  /// A chunk with messages was placed in it.
  void chunk_placed(SegmentNumber number, std::uint64_t bytes);
  /// The last message of a chunk is settled. True when it was the segment's last chunk.
  bool chunk_dead(SegmentNumber number, std::uint64_t bytes);

  /// Those that can go now, oldest first. Others may follow when these are gone for good.
  std::vector<SegmentNumber> dead() const;
  /// After its file was removed, and that will be so after a crash.
  void remove(SegmentNumber number);

  std::size_t size() const { return segments_.size(); }
  std::uint64_t bytes() const;
  std::uint64_t live_bytes() const;
  const std::map<SegmentNumber, Segment>& all() const { return segments_; }

 private:
  std::map<SegmentNumber, Segment> segments_;
};

}  // namespace polymq::storage::journal
