// What a queue with groups knows of the messages at its head: beyond it they are a plain FIFO.
#pragma once

#include <vector>

#include "engine/group_index.h"

namespace polymq::engine {

/// Shard: part of a queue (queue_groups.cc). The window holds the first messages that are not
/// leased, in memory or not; those behind it are looked at when it has room. So a message is
/// reached if fewer than kMessages of locked and blocked groups, or of noisy ones, are before it.
struct GroupWindow {
  static constexpr std::size_t kMessages = 120'000;

  GroupWindow(MemoryMeter& meter, MessageGroups rule) : index(meter, rule) {}

  GroupIndex index;
  Position end = 1;         // those below it are in the index, or gone
  Position read_below = 0;  // behind `end`, what is below it and not in memory is gone

  std::uint64_t on_disk = 0;  // messages of the index that are not in memory
  Position wanted = 0;        // next to be handed out, and on disk only; 0: none
  bool wants_more = false;
  bool looks_on = false;  // what is behind may be quiet
  bool reading = false;
  std::vector<PositionRange> asked;  // to be read
  Position asked_for = 0;            // its first one, that somebody waits for: it stays in memory

  /// Groups of which a lease has ended: what was handed out too often may be the first one now.
  std::vector<GroupKey> looked_through;

  Position evict_at = 0;   // where the search for what may leave memory is; 0: at its start
  bool evict_any = false;  // in its second round
};

}  // namespace polymq::engine
