// The clock of the load generator: one that all processes of the machine share.
#pragma once

#include <time.h>

#include <cstdint>

namespace polymq::perf {

using Nanos = std::int64_t;
inline constexpr Nanos kSecond = 1'000'000'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kNever = INT64_MAX;

/// CLOCK_MONOTONIC, so that a consumer in another process can read a publisher's timestamps.
inline Nanos now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

inline double seconds(Nanos time) { return static_cast<double>(time) / 1e9; }

}  // namespace polymq::perf
