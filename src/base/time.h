// Time as a shard sees it: read once per turn and handed to everyone who needs it.
#pragma once

#include <cstdint>

namespace polymq {

/// Milliseconds of a clock that never jumps; only differences mean something.
using MonotonicMs = std::int64_t;
/// Milliseconds since 1970; may be set by the operator, survives restarts.
using WallMs = std::int64_t;

inline constexpr std::int64_t kNever = INT64_MAX;

/// `ms` (not negative) after `from`; kNever when that is later than can be said.
inline WallMs after(WallMs from, std::int64_t ms) {
  return ms < kNever - from ? from + ms : kNever;
}

struct Now {
  MonotonicMs monotonic = 0;
  WallMs wall = 0;
};

}  // namespace polymq
