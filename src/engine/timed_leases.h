// Leases that end by themselves: when each does, and since when its message has been handed out.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"
#include "engine/ids.h"
#include "storage/message_store.h"

namespace polymq::engine {

/// Shard: its queue's home. Knows every message that was ever handed out under such a lease, until
/// it is gone: by position.
class TimedLeases {
 public:
  struct Lease : storage::Lease {
    std::uint64_t number = 0;  // of the hand-out
    bool again = false;        // it has begun again: more than one client may have the message
  };

  /// The message is handed out, in that life. If it is leased already, that lease begins again.
  const Lease& begin(Position position, WallMs now, WallMs deadline, std::uint64_t life);
  /// The message was out when the life before ended, and is.
  void restore(Position position, const storage::Lease& lease);
  /// Null: it never had one. Valid until the next call.
  const Lease* find(Position position) const;
  /// The same, of one that is leased now.
  const Lease* find_leased(Position position) const {
    const Lease* lease = find(position);
    return lease != nullptr && lease->deadline != kNever ? lease : nullptr;
  }
  /// Of one that is leased.
  const Lease& extend(Position position, WallMs deadline);
  /// The lease has ended, the message is still there.
  void end(Position position);
  /// The message is gone.
  void forget(Position position) { leases_.erase(position); }

  /// The nearest deadline, kNever without one. It may have been put off meanwhile.
  WallMs next() const { return heap_.empty() ? kNever : heap_.front().deadline; }
  /// One whose time is up, the nearest deadline first. It is leased until end() is called.
  std::optional<Position> take_due(WallMs now);

 private:
  struct Entry {
    WallMs deadline;
    Position position;
    bool operator>(const Entry& other) const {
      return std::pair(deadline, position) > std::pair(other.deadline, other.position);
    }
  };
  void push(Position position, WallMs deadline);
  bool current(const Entry& entry) const;

  std::uint64_t last_number_ = 0;
  boost::unordered_flat_map<Position, Lease> leases_;
  // By deadline, the nearest first. Ended and extended ones stay until they surface.
  std::vector<Entry> heap_;
};

}  // namespace polymq::engine
