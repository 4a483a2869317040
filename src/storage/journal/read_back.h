// Reading messages back: what a store asks the journal's reader for.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/files.h"
#include "storage/journal/segment.h"
#include "storage/message_store.h"

namespace polymq::storage::journal {

/// Messages of one queue that follow each other in one chunk's index.
struct ReadPart {
  SegmentNumber segment = 0;
  std::uint64_t offset = 0;  // of the chunk, in the file
  std::uint32_t index_offset = 0;
  std::uint32_t count = 0;
  std::uint64_t first = 0;          // their positions begin here, without gaps
  bool shared = false;              // their data is in another chunk
  std::uint64_t shared_offset = 0;  // that one's, in the file; 0: it is lost
};

struct ReadRequest {
  std::uint64_t queue = 0;
  std::uint64_t first = 0;
  std::uint64_t next = 0;  // what comes after the last part
  std::vector<ReadPart> parts;
  bool moving = false;  // not for the engine: they are to be written again
};

/// Appends the messages of `part` to `to`; what cannot be read is said there, the segment's name
/// and a comma first.
void read_part(const File& file, std::uint64_t queue, const ReadPart& part, ReadMessages& to);

}  // namespace polymq::storage::journal
