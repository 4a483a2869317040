// What a shard's store hands over to the journal at once, and what it hears of it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "storage/journal/segment.h"
#include "storage/message_store.h"

namespace polymq::storage::journal {

struct SealedChunk {
  std::uint16_t lane = 0;
  std::uint64_t number = 0;
  std::uint32_t size = 0;
  bool has_messages = false;
  std::uint64_t weight = 0;  // see KeptChunk
};

/// A part of a unit that is whole when all its parts are there.
struct SealedPart {
  std::uint64_t unit = 0;
  std::uint32_t parts = 0;
};

struct SealedBatch {
  CommitNumber number = 0;               // of the writer, counting up by one
  Buffer bytes = {};                     // its chunks, one behind the other
  std::vector<SealedChunk> chunks = {};  // of these bytes, in order
  std::vector<SealedPart> parts = {};
  std::uint64_t newest_queue = 0;  // the latest incarnation that it speaks of
  bool awaited = false;            // somebody waits for its end
  SyncPolicy sync = SyncPolicy::kAlways;
};

struct EndedBatch {
  CommitNumber number = 0;
  CommitEnd end = CommitEnd::kDurable;
  SegmentNumber segment = 0;
  std::vector<std::uint64_t> offsets = {};  // of its chunks, in the segment's file
};

enum class JournalState : std::uint8_t {
  kOpen,
  kShortOfSpace,  // no room for another segment: publishers must wait
  kFailed,        // a write or a sync failed: nothing is accepted any more
};

/// What the journal wants of a writer, and how it is.
struct Wanted {
  JournalState state = JournalState::kOpen;
  /// Not 0: what is true of all its queues should be said again in one batch, and when that is
  /// durable, Journal::restated() called with this number.
  SegmentNumber restate = 0;
  /// Messages that live in some segments should be written again, so that these can go; then
  /// Journal::evacuated() be called.
  bool evacuate = false;
};

/// Messages of a chunk were settled.
struct ShrunkChunk {
  SegmentNumber segment = 0;
  std::uint64_t bytes = 0;  // their share
  bool gone = false;        // they were its last
};

}  // namespace polymq::storage::journal
