// Time as a shard sees it: read once per turn and handed to everyone who needs it.
#pragma once

#include <cstdint>

namespace polymq {

/// Milliseconds of a clock that never jumps; only differences mean something.
using MonotonicMs = std::int64_t;
/// Milliseconds since 1970; may be set by the operator, survives restarts.
using WallMs = std::int64_t;

inline constexpr std::int64_t kNever = INT64_MAX;

struct Now {
  MonotonicMs monotonic = 0;
  WallMs wall = 0;
};

}  // namespace polymq
