// One thread's event loop: sockets that are ready, and moments that have come.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "cli/perf/clock.h"
#include "cli/perf/socket.h"

struct epoll_event;

namespace polymq::perf {

/// Something that waits for a socket or a time. Called by its loop's thread only.
class Handler {
 public:
  virtual ~Handler() = default;
  /// The socket can be read or written, or was closed.
  virtual void on_ready(bool readable, bool writable) = 0;
  /// The time asked for with Loop::wake_at() has come; may also be called early.
  virtual void on_wake() = 0;
};

class Loop {
 public:
  Loop();

  /// `handler` stays with the loop until remove(); it is not owned, and must live as long as the
  /// loop runs if it ever used wake_at().
  void add(int descriptor, Handler& handler, bool read, bool write);
  void change(int descriptor, Handler& handler, bool read, bool write);
  void remove(int descriptor);
  /// Calls handler.on_wake() at `time` (or with the next event after it). Earlier requests stay.
  void wake_at(Nanos time, Handler& handler) { wakes_.emplace(time, &handler); }

  /// The time when the current round of events began: one clock reading for all of them.
  Nanos time() const { return time_; }

  /// Runs until stop(). Only one thread, which the handlers then belong to.
  void run();
  /// From any thread.
  void stop();

 private:
  using Wake = std::pair<Nanos, Handler*>;

  int wait(epoll_event* events, int most);
  void wake_due();

  Socket epoll_;
  Socket stopper_;  // an eventfd
  std::atomic<bool> stopped_{false};
  Nanos time_ = 0;
  std::priority_queue<Wake, std::vector<Wake>, std::greater<>> wakes_;
};

}  // namespace polymq::perf
