// Publishes that wait for the server's confirm.
#pragma once

#include <cstdint>
#include <vector>

#include "cli/perf/clock.h"

namespace polymq::perf {

/// Remembers when each unconfirmed message was meant to be sent. Tags count from 1 in the order of
/// push(). Confirms may come in any order.
class ConfirmWindow {
 public:
  void push(Nanos intended) {
    if (next_ - lowest_ == times_.size()) grow();
    at(next_++) = intended;
    ++outstanding_;
  }
  std::uint64_t outstanding() const { return outstanding_; }

  /// Calls each(intended time) for every message that tag `tag` newly settles and returns their
  /// number: one, or with `multiple` all up to it. Unknown and settled tags count 0.
  template <class Each>
  std::uint64_t settle(std::uint64_t tag, bool multiple, Each&& each) {
    if (multiple && tag == 0) tag = next_ - 1;
    if (tag < lowest_ || tag >= next_) return 0;
    std::uint64_t settled = 0;
    for (std::uint64_t i = multiple ? lowest_ : tag; i <= tag; ++i) {
      if (at(i) == kSettled) continue;
      each(at(i));
      at(i) = kSettled;
      ++settled;
    }
    while (lowest_ < next_ && at(lowest_) == kSettled) ++lowest_;
    outstanding_ -= settled;
    return settled;
  }

 private:
  static constexpr Nanos kSettled = -1;

  Nanos& at(std::uint64_t tag) { return times_[tag & (times_.size() - 1)]; }
  void grow() {
    std::vector<Nanos> bigger(times_.size() * 2);
    for (std::uint64_t i = lowest_; i < next_; ++i) bigger[i & (bigger.size() - 1)] = at(i);
    times_ = std::move(bigger);
  }

  std::vector<Nanos> times_ = std::vector<Nanos>(64);  // a power of two long, by tag
  std::uint64_t lowest_ = 1;                           // everything before it is settled
  std::uint64_t next_ = 1;
  std::uint64_t outstanding_ = 0;
};

}  // namespace polymq::perf
