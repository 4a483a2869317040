// How workers wake the main thread.
#include "cli/perf/worker.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace polymq::perf {

Worker::Worker(RunState& run_state) : run(run_state) {}
Worker::~Worker() = default;

RunState::RunState() : signal_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void RunState::fail(std::string text) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = std::move(text);
  }
  wake();
}

void RunState::finished() {
  finished_.fetch_add(1);
  wake();
}

std::string RunState::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void RunState::wake() const {
  const std::uint64_t one = 1;
  (void)!write(signal_.get(), &one, sizeof one);
}

void RunState::clear_signal() const {
  std::uint64_t count = 0;
  (void)!read(signal_.get(), &count, sizeof count);
}

}  // namespace polymq::perf
