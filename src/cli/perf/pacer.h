// When each message is meant to be sent, whatever the server's speed: latency is measured from
// there.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cli/perf/clock.h"

namespace polymq::perf {

/// Evenly spaced up to 10000 a second. Beyond that messages are meant in bursts of 100 µs, because
/// a wake-up for each would cost more than sending it.
class Pacer {
 public:
  /// `rate`: messages a second, > 0. `share` (0 to 1): where in the first interval to begin, so
  /// that several publishers do not send at the same moment.
  Pacer(double rate, Nanos start, double share)
      : burst_(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(rate / 10'000)))),
        interval_(static_cast<double>(burst_) * 1e9 / rate),
        start_(start + static_cast<Nanos>(share * interval_)) {}

  /// The time that message number `index` (from 0) is meant to be sent.
  Nanos intended(std::uint64_t index) const {
    const std::uint64_t bursts = index / burst_;
    return start_ + static_cast<Nanos>(static_cast<double>(bursts) * interval_);
  }
  /// How many messages are meant to have been sent by `time`.
  std::uint64_t due(Nanos time) const {
    if (time < start_) return 0;
    auto bursts = static_cast<std::uint64_t>(static_cast<double>(time - start_) / interval_) + 1;
    // intended() decides where rounding disagrees.
    if (intended((bursts - 1) * burst_) > time) --bursts;
    if (intended(bursts * burst_) <= time) ++bursts;
    return bursts * burst_;
  }

 private:
  std::uint64_t burst_;
  double interval_;  // nanoseconds between bursts
  Nanos start_;
};

}  // namespace polymq::perf
