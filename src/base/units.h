// Sizes, durations and fractions as people write them: "64MiB", "30s", "0.6".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polymq {

/// Bytes from a number and a unit: none or `B` (bytes), `k`/`K`/`KiB`, `M`/`MiB`, `G`/`GiB`,
/// `T`/`TiB` (powers of 1024), `kB`/`KB`, `MB`, `GB`, `TB` (powers of 1000). Case does not matter.
/// The number may have a decimal point when there is a unit ("1.5GiB"); the result is rounded down.
Result<std::uint64_t> parse_size(std::string_view text);

/// The shortest exact form that parse_size() reads back: 65536 -> "64KiB", 1000 -> "1000".
std::string format_size(std::uint64_t bytes);

/// Milliseconds from numbers with units `ms`, `s`, `m`, `h`, `d`, also summed up ("1h30m").
/// A bare "0" is the only number without a unit. The smallest step is one millisecond.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The largest unit that is exact, and parse_duration() reads back: 90000 ms -> "90s".
std::string format_duration(std::chrono::milliseconds duration);

/// A decimal number in (0, 1], e.g. a share of the machine's memory.
Result<double> parse_fraction(std::string_view text);

}  // namespace polymq
