// One connection under load, whatever it speaks.
#pragma once

#include "cli/perf/loop.h"

namespace polymq::perf {

/// Runs on its worker's thread, except begin() and finish(), when that thread does not run.
class Agent : public Handler {
 public:
  /// Joins the worker's loop. `start`: the time that intended send times count from.
  virtual void begin(Nanos start) = 0;
  /// After the run: sends what is unsent and closes the connection in order. Errors no longer
  /// matter.
  virtual void finish() = 0;
};

}  // namespace polymq::perf
