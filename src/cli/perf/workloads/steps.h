// Workloads that do one thing after another on the main thread.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "cli/perf/interrupt.h"
#include "cli/perf/options.h"
#include "cli/perf/outcome.h"

namespace polymq::perf {

/// Counts steps, prints progress, and tells when to stop: at the count, the time limit, or a
/// signal.
class Steps {
 public:
  /// `count`: 0 = no limit.
  Steps(const Options& options, std::uint64_t count)
      : options_(options), count_(count), meter_(options.server_pid) {}

  Result<void> start();
  /// A step was begun (sent) or done (received, with the time it took).
  void begun() { counters_.sent.add(1); }
  void done(Nanos took);

  std::uint64_t begun_count() const { return counters_.sent.get(); }
  std::uint64_t done_count() const { return counters_.received.get(); }
  bool may_begin() const { return !stopped_ && (count_ == 0 || begun_count() < count_); }
  bool all_done() const { return !may_begin() && begun_count() == done_count(); }

  Outcome stop(const char* name, const char* unit);

 private:
  void look_around(Nanos time);

  const Options& options_;
  const std::uint64_t count_;
  Meter meter_;
  Interrupt interrupt_;
  Counters counters_;
  Totals last_totals_;
  Nanos last_progress_ = 0;
  Nanos next_look_ = 0;
  bool stopped_ = false;
};

}  // namespace polymq::perf
