// What a measured phase came to.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/perf/clock.h"
#include "cli/perf/process.h"
#include "cli/perf/statistics.h"

namespace polymq::perf {

struct ServerUsage {
  Usage before;
  Usage after;
  std::uint64_t peak_resident_bytes = 0;
};

struct Outcome {
  std::string name;          ///< "run", "fill", ...
  std::string unit = "msg";  ///< what `sent` and `received` count
  double seconds = 0;
  Totals totals;
  double sent_rate = 0;  ///< a second
  double received_rate = 0;
  double confirmed_rate = 0;
  double client_cpu_seconds = 0;
  std::optional<ServerUsage> server;
  /// Further numbers of this workload: a name for machines, a value.
  std::vector<std::pair<std::string, double>> extras;

  /// What CPU time is divided by: the larger of sent and received.
  std::uint64_t operations() const;
};

/// Measures a phase: its time, the CPU time of both sides, the server's memory.
class Meter {
 public:
  /// `server_pid`: 0 = not asked for.
  explicit Meter(pid_t server_pid) : server_pid_(server_pid) {}

  /// Fails when there is no such process.
  Result<void> start();
  /// Looks at the server's memory; call it now and then.
  void sample();
  /// Fills in everything but the name. `by_count`: the phase ended because all was done, so that
  /// each rate counts only until the newest of its events.
  Outcome stop(Totals totals, bool by_count);

  Nanos started() const { return start_; }
  bool wants_samples() const { return server_pid_ != 0; }

 private:
  pid_t server_pid_;
  Nanos start_ = 0;
  double own_cpu_ = 0;
  ServerUsage server_;
};

}  // namespace polymq::perf
