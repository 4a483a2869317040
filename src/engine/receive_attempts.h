// Receives that may be asked for once more, by a client that did not hear the answer.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/time.h"
#include "engine/receive.h"

namespace polymq::engine {

/// Shard: its queue's home. No clock: time is handed in. Knows the last kMost attempts of the last
/// five minutes, of about 25 bytes for each message; nothing of it outlives a restart.
class ReceiveAttempts {
 public:
  static constexpr std::int64_t kMemoryMs = 300'000;
  static constexpr std::size_t kMost = 10'000;

  /// A message that was handed out, and until when.
  struct Lease {
    LeaseToken token;
    WallMs deadline = 0;
    /// Of the hand-out: one that was given back is handed out under the same token.
    std::uint64_t number = 0;
  };
  /// In place of what was known of that attempt.
  void note(DeduplicationKey attempt, std::vector<Lease> leases, WallMs now);
  /// What it was handed, to be changed where a lease is; valid until the next call. Null: it is not
  /// known, or too long ago.
  std::vector<Lease>* find(DeduplicationKey attempt, WallMs now);
  void forget(DeduplicationKey attempt) { attempts_.erase(attempt); }
  std::size_t size() const { return attempts_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const DeduplicationKey& key) const { return key.low; }
  };
  struct Attempt {
    WallMs until = 0;
    std::uint64_t number = 0;  // tells it from an earlier one of the same name
    std::vector<Lease> leases;
  };
  struct Place {
    DeduplicationKey attempt;
    std::uint64_t number;
  };
  void drop_old(WallMs now);

  boost::unordered_flat_map<DeduplicationKey, Attempt, Hash> attempts_;
  std::deque<Place> order_;  // oldest first
  std::uint64_t last_number_ = 0;
};

}  // namespace polymq::engine
