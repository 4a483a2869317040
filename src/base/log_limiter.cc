// Counting of log lines per key in fixed windows.
#include "base/log_limiter.h"

#include <utility>

namespace polymq {
namespace {

constexpr std::string_view kOthers = "other peers";  // the shared key when there are too many

}  // namespace

LogLimiter::LogLimiter() : LogLimiter(Limits{}) {}

std::optional<std::uint64_t> LogLimiter::admit(std::string_view key, Time now) {
  auto found = windows_.find(key);
  if (found == windows_.end()) {
    const std::string_view kept = windows_.size() < limits_.max_keys ? key : kOthers;
    found = windows_.try_emplace(std::string(kept), Window{.begin = now}).first;
  }
  Window& window = found->second;
  if (now - window.begin >= limits_.interval) {
    window.begin = now;
    window.lines = 0;
  }
  if (window.lines >= limits_.lines) {
    ++window.suppressed;
    return std::nullopt;
  }
  ++window.lines;
  return std::exchange(window.suppressed, 0);
}

void LogLimiter::expire(Time now,
                        const std::function<void(std::string_view, std::uint64_t)>& report) {
  for (auto it = windows_.begin(); it != windows_.end();) {
    if (now - it->second.begin < limits_.interval) {
      ++it;
      continue;
    }
    if (it->second.suppressed != 0) report(it->first, it->second.suppressed);
    it = windows_.erase(it);
  }
}

}  // namespace polymq
