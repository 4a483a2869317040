// Tells the operator how far a start has come, when it takes long.
#pragma once

#include <chrono>
#include <cstddef>

namespace polymq::storage {

/// Logs nothing in the first second, and then a line every few seconds.
class StartProgress {
 public:
  using Clock = std::chrono::steady_clock;

  explicit StartProgress(Clock::time_point begun) : due_(begun + kQuiet) {}

  /// So many of the journal's segments have been read by now.
  void read(std::size_t segments, std::size_t of, Clock::time_point now);

 private:
  static constexpr std::chrono::seconds kQuiet{1};
  static constexpr std::chrono::seconds kBetween{5};

  Clock::time_point due_;
};

}  // namespace polymq::storage
