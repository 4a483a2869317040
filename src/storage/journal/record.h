// What the journal says of queues and their messages (docs/journal-format.md, Index).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "base/time.h"
#include "storage/message_store.h"

namespace polymq::storage::journal {

struct ChunkName {
  Lane lane = 0;
  std::uint64_t number = 0;
  bool operator==(const ChunkName&) const = default;
};

/// A message's data within a chunk's bodies, and how to tell that it is whole.
struct DataPlace {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  std::uint32_t checksum = 0;
  bool operator==(const DataPlace&) const = default;
};

/// A message entered its queue. Where its data is, and how to tell that it is whole.
struct MessageEntry {
  std::uint64_t queue = 0;
  std::uint64_t position = 0;
  WallMs entered = 0;
  std::uint32_t data_offset = 0;  // within the bodies of its chunk, or of the one that it shares
  std::uint32_t data_size = 0;
  std::uint32_t data_checksum = 0;  // wrong if anything of the record is
  std::uint32_t body_size = 0;
  std::uint16_t acquired = 0;
  std::uint16_t failed = 0;
  std::uint8_t dialect = 0;
  std::optional<std::uint8_t> priority = {};
  bool delivered = false;  // perhaps: it counts as redelivered
  bool has_ttl = false;
  bool has_extension = false;
  std::optional<ChunkName> shared = {};  // an earlier chunk of the commit has its data
  bool operator==(const MessageEntry&) const = default;
};

/// The messages of these positions, both ends included, are gone for good.
struct Settled {
  std::uint64_t queue = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(const Settled&) const = default;
};

/// The queue is gone with all it had.
struct Removed {
  std::uint64_t queue = 0;
  bool operator==(const Removed&) const = default;
};

/// Messages that follow each other are out under leases that end by themselves, all alike; with
/// their counts as of now.
struct Lent {
  std::uint64_t queue = 0;
  std::uint64_t first = 0;
  std::uint16_t count = 1;
  std::uint16_t acquired = 0;
  std::uint16_t failed = 0;
  Lease lease = {};

  /// Longer ones are several.
  static constexpr std::uint16_t kMost = 1024;
  std::uint64_t last() const { return first + count - 1; }
  /// Makes one of both, if `next` goes on where this ends and is alike.
  bool grow(const Lent& next);
  bool operator==(const Lent&) const = default;
};

inline bool Lent::grow(const Lent& next) {
  const bool goes_on = next.queue == queue && next.first == first + count &&
                       next.count <= kMost - count && next.acquired == acquired &&
                       next.failed == failed && next.lease == lease;
  if (goes_on) count = static_cast<std::uint16_t>(count + next.count);
  return goes_on;
}

/// A message came back; its counts as of now.
struct Returned {
  std::uint64_t queue = 0;
  std::uint64_t position = 0;
  std::uint16_t acquired = 0;
  std::uint16_t failed = 0;
  bool operator==(const Returned&) const = default;
};

/// Everything below the position may have been delivered.
struct HandedOut {
  std::uint64_t queue = 0;
  std::uint64_t below = 0;
  bool operator==(const HandedOut&) const = default;
};

using Record = std::variant<MessageEntry, Settled, Removed, Returned, HandedOut, Lent>;

}  // namespace polymq::storage::journal
