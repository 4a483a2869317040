// A durable queue as the journal knows it: where its messages are, and what is staged of it.
#pragma once

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <vector>

#include "storage/journal/extents.h"
#include "storage/journal/record.h"
#include "storage/journal/segment.h"
#include "storage/message_store.h"

namespace polymq::storage::journal {

/// How often a message was handed out, where that is not in its own record.
struct Counts {
  std::uint16_t acquired = 0;
  std::uint16_t failed = 0;
  bool operator==(const Counts&) const = default;
};

/// A message that is out under a lease that ends by itself.
struct KeptLease {
  Counts counts = {};
  Lease lease = {};
  bool operator==(const KeptLease&) const = default;
};

struct KeptQueue {
  Lane lane = 0;
  Extents extents;
  // By position. What has a lease has its counts there.
  boost::unordered_flat_map<std::uint64_t, Counts> counts;
  boost::unordered_flat_map<std::uint64_t, KeptLease> leases;
  std::uint64_t handed_out_before = 0;  // before the start; below it all may have been delivered
  std::uint64_t mark = 0;               // handed_out() was said of all below, or found
  std::uint64_t marked_below = 0;       // the same, and durable
  std::uint64_t sealed_below = 0;       // all positions below were sealed, if appended at all
  std::uint64_t readable_below = 0;     // the same, and durable
  StoredQueue stored;                   // until the queue is opened

  struct Staged {
    MessageRecord message;
    bool settled = false;      // meanwhile: it is not written
    bool again = false;        // the body was staged just before, for another queue
    std::uint32_t shared = 0;  // which of the data that the batch shares, from 1; 0: its own
  };
  std::vector<Staged> appended;      // in order of positions
  std::vector<MessageRecord> moved;  // read back, to be written again
  std::vector<Settled> settled;
  std::vector<Returned> returned;
  std::vector<std::uint64_t> lent;  // positions: what is so when it is sealed counts
  std::uint64_t handed_out = 0;     // 0: nothing to say
  bool dirty = false;               // something is staged
  bool closed = false;              // it is deleted
  bool removed = false;             // the metadata has forgotten it: it goes when that was said

  /// The first one staged at this position or behind it.
  std::vector<Staged>::iterator first_staged(std::uint64_t position) {
    return std::lower_bound(appended.begin(), appended.end(), position,
                            [](const Staged& staged, std::uint64_t wanted) {
                              return staged.message.position < wanted;
                            });
  }
};

/// Of a map by position: what is of positions `first`..`last` goes.
template <class Map>
void erase_positions(Map& map, std::uint64_t first, std::uint64_t last) {
  if (last - first < map.size()) {
    for (std::uint64_t at = first; at <= last; ++at) map.erase(at);
  } else {
    boost::unordered::erase_if(
        map, [&](const auto& entry) { return entry.first >= first && entry.first <= last; });
  }
}

/// A chunk of a lane with messages that live.
struct KeptChunk {
  SegmentNumber segment = 0;  // 0: not written yet
  std::uint64_t offset = 0;
  std::uint64_t shared_offset = 0;  // of the chunk with the data that some of its messages share
  std::uint64_t weight = 0;         // bytes, with all data as if it was its own
  std::uint32_t messages = 0;       // when it was written
  std::uint32_t settled = 0;        // of these, and that is durable

  std::uint64_t share(std::uint32_t count) const {
    return messages == 0 ? 0 : weight * count / messages;
  }
  /// What reading a message costs, on average and at least 1.
  std::uint64_t each() const { return weight / messages + 1; }
  bool operator==(const KeptChunk&) const = default;
};

}  // namespace polymq::storage::journal
