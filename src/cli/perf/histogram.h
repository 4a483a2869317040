// Latency histograms: logarithmic bins of under 1 % width, written by one thread, read by another.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace polymq::perf {

/// How values map to bins: exact below 256, then 128 bins for each power of two up to 2^42 ns (73
/// minutes); what is larger counts as the largest.
struct Bins {
  static constexpr int kBits = 7;
  static constexpr std::uint64_t kLargest = (std::uint64_t{1} << 42) - 1;
  static constexpr std::size_t index(std::uint64_t value) {
    value = std::min(value, kLargest);
    const int shift = std::max(static_cast<int>(std::bit_width(value)) - kBits - 1, 0);
    return (static_cast<std::size_t>(shift) << kBits) + (value >> shift);
  }
  /// The largest value of the bin.
  static constexpr std::uint64_t upper(std::size_t index) {
    if (index < (2u << kBits)) return index;
    const std::size_t shift = (index >> kBits) - 1;
    const std::uint64_t place = (index & ((1u << kBits) - 1)) + (1u << kBits);
    return ((place + 1) << shift) - 1;
  }
};
inline constexpr std::size_t kBinCount = Bins::index(Bins::kLargest) + 1;

/// Written by a worker thread; read at any time by the reporting thread, whose picture may lack the
/// newest values.
class Histogram {
 public:
  void record(std::uint64_t value, std::uint64_t count = 1) {
    auto& bin = bins_[Bins::index(value)];
    bin.store(bin.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }

 private:
  friend class Distribution;
  std::array<std::atomic<std::uint64_t>, kBinCount> bins_{};
};

/// A picture of one or several histograms.
class Distribution {
 public:
  Distribution() : bins_(kBinCount) {}

  void add(const Histogram& histogram) {
    for (std::size_t i = 0; i < kBinCount; ++i) {
      bins_[i] += histogram.bins_[i].load(std::memory_order_relaxed);
    }
  }
  /// What was added since `earlier` was taken of the same histograms.
  Distribution since(const Distribution& earlier) const {
    Distribution difference;
    for (std::size_t i = 0; i < kBinCount; ++i) {
      difference.bins_[i] = bins_[i] - earlier.bins_[i];
    }
    return difference;
  }

  std::uint64_t count() const;
  /// The value that `part` (0 to 1) of the recorded ones do not exceed, to the width of its bin; 0
  /// when nothing was recorded. percentile(1) is the largest.
  std::uint64_t percentile(double part) const;

 private:
  std::vector<std::uint64_t> bins_;
};

}  // namespace polymq::perf
