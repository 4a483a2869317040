// Which segments there are and what they are still needed for. Pure bookkeeping: no files are
// touched here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "storage/files.h"
#include "storage/journal/batch.h"
#include "storage/journal/segment.h"

namespace polymq::storage::journal {

/// A segment goes when nothing in it counts any more. No chunk has a message that lives; and what
/// it says of messages in older segments, that they are settled above all, was said again in a
/// newer one, or there is no older one. Under the journal's lock.
class SegmentTable {
 public:
  struct Segment {
    std::shared_ptr<File> file;
    std::uint64_t size = 0;
    std::uint64_t used = 0;  // of the open one: all commits below are whole
    std::uint64_t generation = 0;
    /// Of messages that live, roughly: what moving them would write. More than there is, where
    /// large bodies are in several queues.
    std::uint64_t live_bytes = 0;
    std::uint32_t live_chunks = 0;  // with messages that live
    std::uint32_t readers = 0;
    bool sealed = false;
    bool damaged = false;  // kept for people to look at
    bool indexed = false;  // beside it, or that failed: it is tried once
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
  /// Messages of a chunk were settled. True when nothing in its segment lives any more.
  bool chunk_shrunk(const ShrunkChunk& chunk);

  /// What segments below `number` say of queues was said again.
  void restated(SegmentNumber number) { restated_below_ = number; }
  /// The oldest that can go now.
  std::optional<SegmentNumber> removable() const;
  /// Sealed segments of which little lives: those with the least first, until `bytes` live in
  /// them.
  std::vector<SegmentNumber> sparse(std::uint64_t bytes) const;
  /// The oldest before `below` that is there to stay for a while, as it seems, and has no index.
  std::optional<SegmentNumber> unindexed(SegmentNumber below) const;
  /// Bytes of those that could go if what they say was said again.
  std::uint64_t waiting_bytes() const;
  /// After its file was removed, and that will be so after a crash.
  void remove(SegmentNumber number);

  std::size_t size() const { return segments_.size(); }
  std::uint64_t bytes() const;
  /// What living messages keep, roughly.
  std::uint64_t live_bytes() const;
  const std::map<SegmentNumber, Segment>& all() const { return segments_; }

 private:
  static bool has_nothing(const Segment& segment);

  std::map<SegmentNumber, Segment> segments_;
  SegmentNumber restated_below_ = 0;
};

}  // namespace polymq::storage::journal
