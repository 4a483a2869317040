// How long something may stay, in milliseconds; absent means for ever.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace polymq::engine {

/// The longest that a time to live or an expiry may be: ten years, RabbitMQ's limit.
inline constexpr std::int64_t kLongestTimeToLiveMs = 315'360'000'000;

struct TimeToLive {
  std::int64_t ms = -1;

  bool set() const { return ms >= 0; }
  WallMs deadline(WallMs from) const { return set() ? after(from, ms) : kNever; }
  /// The shorter of both.
  static TimeToLive least(TimeToLive a, TimeToLive b) {
    if (!a.set()) return b;
    if (!b.set()) return a;
    return {std::min(a.ms, b.ms)};
  }
  bool operator==(const TimeToLive&) const = default;
};

}  // namespace polymq::engine
