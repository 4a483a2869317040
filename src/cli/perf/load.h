// Runs agents on worker threads, watches them, and measures.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/perf/agent.h"
#include "cli/perf/options.h"
#include "cli/perf/outcome.h"
#include "cli/perf/worker.h"

namespace polymq::perf {

/// When a phase ends: at the first of these. A signal ends every phase.
struct Phase {
  std::string name;
  std::string unit = "msg";
  Nanos time_limit = 0;                 ///< 0 = none
  std::uint64_t finishing_agents = 0;   ///< so many called RunState::finished(); 0 = do not wait
  std::uint64_t received_messages = 0;  ///< so many were received by all together; 0 = do not wait
  /// After the agents finished: go on until nothing was received for half a second.
  bool until_quiet = false;
  /// After all that: the last thing to wait for before time stops (the server has taken
  /// everything).
  std::function<Result<void>()> settle;
};

class Load {
 public:
  explicit Load(const Options& options);
  ~Load();

  /// The worker that the next agent should belong to, in turns.
  Worker& next_worker();
  void add(Worker& worker, std::unique_ptr<Agent> agent);

  /// Begins to measure before the agents are made, where they have an effect at once: consumers of
  /// a filled queue. Otherwise run() does it.
  Result<void> start_measuring();
  /// Once. Starts the agents, prints progress, ends the phase, closes the agents' connections.
  /// Fails when an agent failed: its connection or channel was closed by the server.
  Result<Outcome> run(const Phase& phase);

 private:
  Result<bool> watch(const Phase& phase);
  bool is_over(const Phase& phase);
  bool is_quiet();
  Totals totals() const;
  void print_progress();
  void stop_workers();

  const Options& options_;
  RunState run_;
  Meter meter_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::size_t next_ = 0;
  Totals last_totals_;  // of the newest progress line
  Nanos last_progress_ = 0;
};

}  // namespace polymq::perf
