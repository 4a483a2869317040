// A set of numbers that mostly come in stretches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

namespace polymq::storage::journal {

class IntervalSet {
 public:
  /// `first`..`last`, both included. What is there already does not matter.
  void add(std::uint64_t first, std::uint64_t last) {
    auto at = intervals_.upper_bound(first);
    if (at != intervals_.begin()) {
      const auto before = std::prev(at);
      if (before->second >= first || before->second + 1 == first) {
        if (before->second >= last) return;
        first = before->first;
        at = intervals_.erase(before);
      }
    }
    while (at != intervals_.end() && (at->first <= last || at->first - 1 == last)) {
      last = std::max(last, at->second);
      at = intervals_.erase(at);
    }
    intervals_.emplace_hint(at, first, last);
  }

  bool contains(std::uint64_t number) const {
    const auto at = intervals_.upper_bound(number);
    return at != intervals_.begin() && std::prev(at)->second >= number;
  }

  /// All of `first`..`last`.
  bool covers(std::uint64_t first, std::uint64_t last) const {
    const auto at = intervals_.upper_bound(first);
    return at != intervals_.begin() && std::prev(at)->second >= last;
  }
  /// Any of `first`..`last`.
  bool touches(std::uint64_t first, std::uint64_t last) const {
    const auto at = intervals_.upper_bound(last);
    return at != intervals_.begin() && std::prev(at)->second >= first;
  }

  const std::map<std::uint64_t, std::uint64_t>& all() const { return intervals_; }

 private:
  std::map<std::uint64_t, std::uint64_t> intervals_;  // first to last
};

}  // namespace polymq::storage::journal
