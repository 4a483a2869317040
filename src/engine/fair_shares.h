// How much of a queue's consumers one group takes: of what is in flight, and of their time.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace polymq::engine {

/// Shard: its queue's home. Time counts by half after kHalfLifeMs, by a quarter after two of them.
/// It is kept in units that shrink instead: sums of them need no aging, and compare as they are.
class FairShares {
 public:
  /// More than a tenth is too much, when so many messages are in flight in all,
  static constexpr std::uint64_t kLeastInFlight = 30;
  /// or the consumers were that busy lately.
  static constexpr double kLeastBusyMs = 1000;
  static constexpr MonotonicMs kHalfLifeMs = 30'000;

  void began() { ++in_flight_; }
  void ended() { --in_flight_; }
  /// `ms` of work that ended now, in units; they are in the sum of all.
  double work(MonotonicMs ms, MonotonicMs now);
  /// The units have become too small. All that anybody holds must be multiplied by rebase().
  bool must_rebase(MonotonicMs now) const { return now - base_ > kMostHalfLives * kHalfLifeMs; }
  double rebase(MonotonicMs now);

  bool too_much(std::uint64_t in_flight, double units) const {
    return (in_flight_ >= kLeastInFlight && in_flight * kTenth > in_flight_) ||
           (units * kTenth > units_ && units_ > kLeastBusyMs * scale_);
  }

 private:
  static constexpr unsigned kTenth = 10;
  static constexpr MonotonicMs kMostHalfLives = 500;
  void look_at(MonotonicMs now);

  std::uint64_t in_flight_ = 0;
  double units_ = 0;
  double scale_ = 1;  // units in a millisecond at `at_`
  MonotonicMs at_ = 0;
  MonotonicMs base_ = 0;  // then one was a millisecond
};

}  // namespace polymq::engine
