// Parsing and printing of sizes, durations and fractions.
#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

namespace polymq {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t kKibi = 1024;
constexpr std::uint64_t kKilo = 1000;

// Compared without regard to case. The binary ones that format_size() uses are named first.
constexpr std::array kSizeUnits{
    Unit{"tib", kKibi* kKibi* kKibi* kKibi},
    Unit{"gib", kKibi* kKibi* kKibi},
    Unit{"mib", kKibi* kKibi},
    Unit{"kib", kKibi},
    Unit{"t", kKibi* kKibi* kKibi* kKibi},
    Unit{"g", kKibi* kKibi* kKibi},
    Unit{"m", kKibi* kKibi},
    Unit{"k", kKibi},
    Unit{"tb", kKilo* kKilo* kKilo* kKilo},
    Unit{"gb", kKilo* kKilo* kKilo},
    Unit{"mb", kKilo* kKilo},
    Unit{"kb", kKilo},
    Unit{"b", 1},
    Unit{"", 1},
};

constexpr std::array kDurationUnits{
    Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1},
};

constexpr std::uint64_t kLongestDuration = std::uint64_t{1000} * 365 * 86'400'000;  // in ms

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// The digits (with at most one point) that `text` begins with, removed from it.
std::string_view take_number(std::string_view& text) {
  std::size_t end = 0;
  bool point = false;
  while (end < text.size()) {
    const char c = text[end];
    if (c == '.' && !point && end != 0) {
      point = true;
    } else if (c < '0' || c > '9') {
      break;
    }
    ++end;
  }
  const std::string_view number = text.substr(0, end);
  text.remove_prefix(end);
  return number;
}

/// number * factor, exact for whole numbers; false when it is no number or does not fit.
bool scaled(std::string_view number, std::uint64_t factor, std::uint64_t& out) {
  const char* const end = number.data() + number.size();
  if (number.find('.') == std::string_view::npos) {
    std::uint64_t whole = 0;
    const auto [stop, error] = std::from_chars(number.data(), end, whole);
    if (error != std::errc{} || stop != end) return false;
    return !__builtin_mul_overflow(whole, factor, &out);
  }
  double real = 0;
  const auto [stop, error] = std::from_chars(number.data(), end, real);
  if (error != std::errc{} || stop != end || number.back() == '.') return false;
  real = std::floor(real * static_cast<double>(factor));
  if (!(real < 0x1p63)) return false;
  out = static_cast<std::uint64_t>(real);
  return true;
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view rest = trim(text);
  const std::string_view number = take_number(rest);
  const std::string unit = lower(trim(rest));
  for (const Unit& candidate : kSizeUnits) {
    if (unit != candidate.name) continue;
    std::uint64_t bytes = 0;
    const bool fraction_of_a_byte =
        candidate.factor == 1 && number.find('.') != std::string_view::npos;
    if (number.empty() || fraction_of_a_byte || !scaled(number, candidate.factor, bytes)) break;
    return bytes;
  }
  return fail(quoted(text) + " is not a size such as 512, 64KiB, 1.5GiB or 2GB");
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> kNames{"TiB", "GiB", "MiB", "KiB"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const std::uint64_t factor = kSizeUnits[i].factor;
    if (bytes != 0 && bytes % factor == 0) {
      return std::to_string(bytes / factor) + std::string(kNames[i]);
    }
  }
  return std::to_string(bytes);
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::string_view rest = trim(text);
  if (rest == "0") return std::chrono::milliseconds{0};
  std::uint64_t total = 0;
  bool good = !rest.empty();
  while (good && !rest.empty()) {
    const std::string_view number = take_number(rest);
    std::size_t letters = 0;
    while (letters < rest.size() && rest[letters] >= 'a' && rest[letters] <= 'z') ++letters;
    const std::string_view name = rest.substr(0, letters);
    rest.remove_prefix(letters);
    good = false;
    for (const Unit& unit : kDurationUnits) {
      std::uint64_t part = 0;
      if (name != unit.name || number.empty() || !scaled(number, unit.factor, part)) continue;
      good = part <= kLongestDuration && (total += part) <= kLongestDuration;
    }
  }
  if (!good) return fail(quoted(text) + " is not a duration such as 500ms, 30s, 10m, 1h30m or 0");
  return std::chrono::milliseconds{static_cast<std::int64_t>(total)};
}

std::string format_duration(std::chrono::milliseconds duration) {
  const auto total = static_cast<std::uint64_t>(duration.count());
  if (total == 0) return "0";
  for (const Unit& unit : kDurationUnits) {
    if (total % unit.factor == 0) {
      return std::to_string(total / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(total) + "ms";
}

Result<double> parse_fraction(std::string_view text) {
  const std::string_view number = trim(text);
  double value = 0;
  const char* const end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, value);
  if (error != std::errc{} || stop != end || !(value > 0 && value <= 1)) {
    return fail(quoted(text) + " is not a fraction between 0 and 1 such as 0.6");
  }
  return value;
}

}  // namespace polymq
