// Tells the operator how far a start has come, when it takes long.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace polymq::storage {

/// Logs nothing in the first second, and then a line every few seconds.
class StartProgress {
 public:
  explicit StartProgress(MonotonicMs begun) : due_(begun + kQuietMs) {}

  /// So many of the journal's segments have been read by now.
  void read(std::size_t segments, std::size_t of, MonotonicMs now);

 private:
  static constexpr MonotonicMs kQuietMs = 1000;
  static constexpr MonotonicMs kBetweenMs = 5000;

  MonotonicMs due_;
};

}  // namespace polymq::storage
