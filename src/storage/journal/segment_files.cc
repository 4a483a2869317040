// Filling, naming and reusing segment files.
#include "storage/journal/segment_files.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

constexpr auto kPause = std::chrono::milliseconds(2);
constexpr std::string_view kSpare = ".spare";
constexpr std::string_view kNew = ".new";

std::string spare_name(SegmentNumber number) { return segment_name(number) + std::string(kSpare); }

}  // namespace

FileResult<void> SegmentFiles::find_spares() {
  auto names = files_.list();
  if (!names) return tl::make_unexpected(names.error());
  for (const std::string& name : *names) {
    if (name.ends_with(kNew)) {
      if (auto gone = files_.remove(name); !gone) return gone;
    }
    if (!name.ends_with(kSpare)) continue;
    auto file = files_.open(name);
    if (!file) return tl::make_unexpected(file.error());
    auto size = (*file)->size();
    if (!size) return tl::make_unexpected(size.error());
    std::string bytes(kSegmentHeader, '\0');
    const bool readable = *size >= bytes.size() && (*file)->read(0, bytes.data(), bytes.size());
    const auto header = decode_segment_header(readable ? bytes : "");
    if (!header || header->journal != id_ || *size != segment_size_) {
      if (auto gone = files_.remove(name); !gone) return gone;
    } else {
      spares_.push_back({name, *size, header->generation + 1});
    }
  }
  return {};
}

FileResult<void> SegmentFiles::fill(File& file, std::uint64_t size, SpaceUse use) {
  const std::uint64_t keep = use == SpaceUse::kAll ? 0 : keep_free_;
  if (auto free = files_.free_space(); free && *free < size + keep) {
    return tl::make_unexpected(
        FileError{true, "no room for another segment: " + std::to_string(*free) +
                            " bytes are free, and " + std::to_string(keep) + " are to stay so"});
  }
  return file.fill(size, [this] {
    if (!hurried_.load(std::memory_order_relaxed)) std::this_thread::sleep_for(kPause);
  });
}

// Null when there is none. A spare that a copy of the folder has, too, must not be written to: it
// goes.
FileResult<std::unique_ptr<File>> SegmentFiles::take_spare(PreparedSegment& segment,
                                                           std::string& name) {
  while (!spares_.empty()) {
    const Spare spare = spares_.back();
    auto file = files_.open(spare.name);
    if (!file) return file;
    const auto file_names = (*file)->names();
    if (!file_names) return tl::make_unexpected(file_names.error());
    spares_.pop_back();
    if (*file_names == 1) {
      name = spare.name;
      segment.header.size = spare.size;
      segment.header.generation = spare.generation;
      return file;
    }
    if (auto gone = files_.remove(spare.name); !gone) return tl::make_unexpected(gone.error());
  }
  return nullptr;
}

FileResult<PreparedSegment> SegmentFiles::prepare(SegmentNumber number, std::uint64_t size,
                                                  SpaceUse use) {
  PreparedSegment segment{{number, 0, whole_blocks(size), id_}, nullptr};
  std::string name = segment_name(number) + std::string(kNew);
  if (size <= segment_size_) {
    auto spare = take_spare(segment, name);
    if (!spare) return tl::make_unexpected(spare.error());
    segment.file = *std::move(spare);
  }
  if (!segment.file) {
    auto file = files_.create(name);
    if (!file) return tl::make_unexpected(file.error());
    segment.file = *std::move(file);
    if (auto filled = fill(*segment.file, segment.header.size, use); !filled) {
      (void)files_.remove(name);
      return tl::make_unexpected(filled.error());
    }
  }
  const std::string header = encode(segment.header);
  const std::string_view part = header;
  if (auto done = segment.file->write(0, {&part, 1}); !done) {
    return tl::make_unexpected(done.error());
  }
  if (auto done = segment.file->sync(); !done) return tl::make_unexpected(done.error());
  if (auto done = files_.rename(name, segment_name(number)); !done) {
    return tl::make_unexpected(done.error());
  }
  if (auto done = files_.sync_names(); !done) return tl::make_unexpected(done.error());
  return segment;
}

FileResult<void> SegmentFiles::retire(SegmentNumber number, std::uint64_t size,
                                      std::uint64_t generation) {
  const std::string name = segment_name(number);
  (void)files_.remove(index_name(number));  // mostly there is none; alone it is worth nothing
  if (size == segment_size_ && spares_.size() < most_spares_) {
    if (auto done = files_.rename(name, spare_name(number)); !done) return done;
    spares_.push_back({spare_name(number), size, generation + 1});
  } else if (auto done = files_.remove(name); !done) {
    return done;
  }
  return files_.sync_names();
}

}  // namespace polymq::storage::journal
