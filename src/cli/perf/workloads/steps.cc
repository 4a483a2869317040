// Progress of step by step workloads.
#include "cli/perf/workloads/steps.h"

#include <algorithm>

#include "cli/perf/report.h"

namespace polymq::perf {
namespace {

constexpr Nanos kLookEvery = 10 * kMillisecond;

}  // namespace

Result<void> Steps::start() {
  if (auto started = meter_.start(); !started) return started;
  last_progress_ = next_look_ = meter_.started();
  return {};
}

void Steps::done(Nanos took) {
  const Nanos time = now();
  counters_.received.add(1);
  counters_.last_received.set(static_cast<std::uint64_t>(time));
  counters_.latency.record(static_cast<std::uint64_t>(std::max<Nanos>(took, 0)));
  if (time >= next_look_) look_around(time);
}

void Steps::look_around(Nanos time) {
  next_look_ = time + kLookEvery;
  meter_.sample();
  const Nanos limit = static_cast<Nanos>(options_.time_seconds * 1e9);
  if (interrupt_.happened() || (limit != 0 && time - meter_.started() >= limit)) stopped_ = true;
  if (time - last_progress_ < static_cast<Nanos>(options_.interval_seconds * 1e9)) return;
  Totals current;
  current.add(counters_);
  print_progress_line(progress_stream(options_), seconds(time - meter_.started()),
                      seconds(time - last_progress_), current, last_totals_);
  last_totals_ = std::move(current);
  last_progress_ = time;
}

Outcome Steps::stop(const char* name, const char* unit) {
  counters_.last_sent.set(counters_.last_received.get());
  Totals totals;
  totals.add(counters_);
  Outcome outcome = meter_.stop(std::move(totals), true);
  outcome.name = name;
  outcome.unit = unit;
  return outcome;
}

}  // namespace polymq::perf
