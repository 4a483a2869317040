// Logging: one line per event that an operator cares about, by area and level, never per message.
//
//   log::Line(log::Area::kAuth, log::Level::kWarning, "login refused")
//       .with("peer", peer).with("user", user).with("reason", "wrong password");
#pragma once

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log_text.h"
#include "base/result.h"

namespace polymq::log {

/// What a line is about. Each area has a level of its own.
enum class Area : std::uint8_t { kServer, kConnection, kAuth, kStorage };
inline constexpr std::array<std::string_view, 4> kAreaNames{"server", "connection", "auth",
                                                            "storage"};

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError, kOff };
inline constexpr std::array<std::string_view, 5> kLevelNames{"debug", "info", "warning", "error",
                                                             "off"};

std::optional<Area> parse_area(std::string_view name);
std::optional<Level> parse_level(std::string_view name);

namespace detail {
inline std::array<std::atomic<Level>, kAreaNames.size()> levels{Level::kInfo, Level::kInfo,
                                                                Level::kInfo, Level::kInfo};
static_assert(kAreaNames.size() == 4, "a new area needs its initial level above");
}  // namespace detail

/// Any thread. One relaxed load: cheap enough to ask anywhere.
inline bool enabled(Area area, Level level) {
  return level >= detail::levels[static_cast<std::size_t>(area)].load(std::memory_order_relaxed);
}
/// Any thread, at any time.
inline void set_level(Area area, Level level) {
  detail::levels[static_cast<std::size_t>(area)].store(level, std::memory_order_relaxed);
}

/// One line with fields; logged when it is destroyed. Costs nothing but the level check when its
/// area is less talkative. Any thread; never blocks on the output: when the queue to the writing
/// thread is full the oldest line is dropped and counted.
class Line {
 public:
  Line(Area area, Level level, std::string_view message) : area_(area), level_(level) {
    if (enabled(area, level)) {
      active_ = true;
      message_ = message;
    }
  }
  ~Line() {
    if (active_) emit();
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  /// `key`: a literal in snake_case; JSON output has it as a field of the line.
  Line& with(std::string_view key, std::string_view value) {
    if (active_) fields_.push_back({key, std::string(value), true});
    return *this;
  }
  template <class T>
    requires std::integral<T>
  Line& with(std::string_view key, T value) {
    if (!active_) return *this;
    if constexpr (std::same_as<T, bool>) {
      fields_.push_back({key, value ? "true" : "false", false});
    } else {
      fields_.push_back({key, std::to_string(value), false});
    }
    return *this;
  }

 private:
  void emit() noexcept;

  Area area_;
  Level level_;
  bool active_ = false;
  std::string message_;
  std::vector<LineField> fields_;
};

/// A line without fields.
inline void log(Area area, Level level, std::string_view message) { Line(area, level, message); }

struct Settings {
  bool json = false;
  std::string file;  // empty: standard error
  std::size_t queued_lines = 2048;
};

/// Starts the writing thread, or replaces it after it has written what was queued. Before the
/// first call lines go to standard error at once. Error: the file cannot be opened; nothing has
/// changed then.
Result<void> configure(const Settings& settings);

/// Opens the log file again by its name, for log rotation. No effect on standard error.
/// Error: it cannot be opened; the old one is kept.
Result<void> reopen();

/// Writes what is queued and stops the writing thread; later lines go to standard error at once.
void shutdown();

/// Lines lost since the process started: the queue was full or the output failed.
std::uint64_t dropped();

}  // namespace polymq::log
