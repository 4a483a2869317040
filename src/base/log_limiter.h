// Keeps one noisy peer from filling the log: a few lines per key and interval, the rest counted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace polymq {

/// Not thread-safe: each shard has its own. Time is handed in and never goes backwards.
/// Memory is bounded: beyond `max_keys` unknown keys share one allowance.
class LogLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Limits {
    std::uint32_t lines = 5;  // per key and interval
    std::chrono::milliseconds interval{10'000};
    std::size_t max_keys = 1024;
  };

  LogLimiter();
  explicit LogLimiter(Limits limits) : limits_(limits) {}

  /// May a line about `key` (a peer's address without its port) be logged now? Nothing = no, it
  /// was counted. Otherwise the number of lines suppressed since the key's last admitted line,
  /// which the line should tell when it is not 0.
  std::optional<std::uint64_t> admit(std::string_view key, Time now);

  /// Forgets keys whose interval is over and tells `report` how many of their lines were
  /// suppressed and not told yet (called only when there were any). To be called now and then.
  void expire(Time now, const std::function<void(std::string_view key, std::uint64_t)>& report);

  std::size_t keys() const { return windows_.size(); }

 private:
  struct Window {
    Time begin;
    std::uint32_t lines = 0;
    std::uint64_t suppressed = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
  };

  Limits limits_;
  std::unordered_map<std::string, Window, Hash, std::equal_to<>> windows_;
};

}  // namespace polymq
