// What happened in a simulation: its last events for people, all of them as one number.
#pragma once

#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>

namespace polymq::sim {

/// An invariant does not hold. Ends the run of a seed.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class EventLog {
 public:
  explicit EventLog(bool verbose) : verbose_(verbose) {}

  void add(const char* format, ...) __attribute__((format(printf, 2, 3)));
  /// Two runs with the same hash and count had the same history.
  std::uint64_t hash() const { return hash_; }
  std::uint64_t count() const { return count_; }
  /// Writes the last events to standard error.
  void print_last() const;

 private:
  static constexpr std::size_t kKept = 80;
  const bool verbose_;
  std::uint64_t hash_ = 0xcbf29ce484222325u;
  std::uint64_t count_ = 0;
  std::deque<std::string> last_;
};

/// Throws Violation with the formatted text.
[[noreturn]] void violated(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace polymq::sim
