// A thread of the load generator with the connections it serves, and what ends a run.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/perf/agent.h"
#include "cli/perf/loop.h"
#include "cli/perf/socket.h"
#include "cli/perf/statistics.h"

namespace polymq::perf {

/// Told by workers, read by the main thread.
class RunState {
 public:
  RunState();
  /// Something makes the run worthless. The first text is kept; the main thread ends the run.
  void fail(std::string text);
  /// An agent with a limit has reached it.
  void finished();

  std::uint64_t finished_count() const { return finished_.load(); }
  /// "" while nothing failed.
  std::string failure() const;
  /// Readable when something was told; poll it.
  int descriptor() const { return signal_.get(); }
  void clear_signal() const;

 private:
  void wake() const;

  Socket signal_;  // an eventfd
  std::atomic<std::uint64_t> finished_{0};
  mutable std::mutex mutex_;
  std::string failure_;
};

struct Worker {
  explicit Worker(RunState& run_state);
  ~Worker();
  RunState& run;
  Loop loop;
  Counters counters;
  std::vector<std::unique_ptr<Agent>> agents;
};

}  // namespace polymq::perf
