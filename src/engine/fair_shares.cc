// Units of time that shrink.
#include "engine/fair_shares.h"

#include <algorithm>
#include <cmath>

namespace polymq::engine {

void FairShares::look_at(MonotonicMs now) {
  if (now == at_) return;
  at_ = now;
  scale_ = std::exp2(static_cast<double>(now - base_) / static_cast<double>(kHalfLifeMs));
}

double FairShares::work(MonotonicMs ms, MonotonicMs now) {
  look_at(now);
  const double units = static_cast<double>(std::max<MonotonicMs>(ms, 0)) * scale_;
  units_ += units;
  return units;
}

double FairShares::rebase(MonotonicMs now) {
  look_at(now);
  const double factor = 1 / scale_;
  units_ *= factor;
  base_ = now;
  scale_ = 1;
  return factor;
}

}  // namespace polymq::engine
