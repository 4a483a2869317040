// Ctrl-C and termination as something to wait for, so that a run ends with its summary.
#pragma once

#include <signal.h>

#include "cli/perf/clock.h"
#include "cli/perf/socket.h"

namespace polymq::perf {

/// While one exists SIGINT and SIGTERM do not end the process. Create it before any thread.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// Waits for a signal, `timeout`, or `other` (a descriptor, -1 = none) to become readable. True
  /// once a signal came.
  bool wait(Nanos timeout, int other = -1);
  bool happened() { return wait(0); }

 private:
  sigset_t before_;
  Socket signals_;  // a signalfd
  bool happened_ = false;
};

}  // namespace polymq::perf
