// Makes and removes the files of segments. Files are filled once and used again, so that a commit
// finds its blocks in place and costs one write and one sync.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "storage/files.h"
#include "storage/journal/segment.h"

namespace polymq::storage::journal {

/// May a new file use the space that is to stay free?
enum class SpaceUse : std::uint8_t { kLeaveFree, kAll };

struct PreparedSegment {
  SegmentHeader header;
  std::shared_ptr<File> file;
};

/// One thread at a time.
class SegmentFiles {
 public:
  SegmentFiles(Files& files, JournalId id, std::uint64_t segment_size, std::size_t most_spares,
               std::uint64_t keep_free)
      : files_(files),
        id_(id),
        segment_size_(segment_size),
        most_spares_(most_spares),
        keep_free_(keep_free) {}

  /// Spare files from earlier, and half-made ones, which go.
  FileResult<void> find_spares();
  /// A segment of at least `size` bytes, its header and its name synced.
  FileResult<PreparedSegment> prepare(SegmentNumber number, std::uint64_t size, SpaceUse use);
  /// For one of that size, and what is to stay free besides; when it cannot be told, there is.
  bool has_room(std::uint64_t size) const {
    const auto free = files_.free_space();
    return !free || *free >= size + keep_free_;
  }
  /// Any thread: somebody waits for a segment. Without haste a new file is filled bit by bit, so
  /// that commits do not have to wait for the disk.
  void hurry(bool on) { hurried_.store(on, std::memory_order_relaxed); }
  /// Its content is worth nothing any more: after this it cannot be found by that number, after a
  /// crash either.
  FileResult<void> retire(SegmentNumber number, std::uint64_t size, std::uint64_t generation);

 private:
  struct Spare {
    std::string name;
    std::uint64_t size;
    std::uint64_t generation;
  };
  FileResult<std::unique_ptr<File>> take_spare(PreparedSegment& segment, std::string& name);
  FileResult<void> fill(File& file, std::uint64_t size, SpaceUse use);

  Files& files_;
  const JournalId id_;
  const std::uint64_t segment_size_;
  const std::size_t most_spares_;
  const std::uint64_t keep_free_;
  std::vector<Spare> spares_;
  std::atomic<bool> hurried_{false};
};

}  // namespace polymq::storage::journal
