// Reading of latency histograms.
#include "cli/perf/histogram.h"

#include <cmath>
#include <numeric>

namespace polymq::perf {

std::uint64_t Distribution::count() const {
  return std::accumulate(bins_.begin(), bins_.end(), std::uint64_t{0});
}

std::uint64_t Distribution::percentile(double part) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count())));
  if (wanted == 0) return 0;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBinCount; ++i) {
    seen += bins_[i];
    if (seen >= wanted) return Bins::upper(i);
  }
  return 0;
}

}  // namespace polymq::perf
