// The main thread of a run.
#include "cli/perf/load.h"

#include <algorithm>
#include <thread>

#include "cli/perf/interrupt.h"
#include "cli/perf/report.h"

namespace polymq::perf {
namespace {

constexpr Nanos kQuiet = kSecond / 2;
/// How often the server's memory and the counts are looked at.
constexpr Nanos kTick = 20 * kMillisecond;

Nanos to_nanos(double seconds) { return static_cast<Nanos>(seconds * 1e9); }

}  // namespace

Load::Load(const Options& options) : options_(options), meter_(options.server_pid) {
  for (unsigned i = 0; i < options.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(run_));
  }
}

Load::~Load() = default;

Worker& Load::next_worker() { return *workers_[next_++ % workers_.size()]; }

void Load::add(Worker& worker, std::unique_ptr<Agent> agent) {
  worker.agents.push_back(std::move(agent));
}

Totals Load::totals() const {
  Totals sum;
  for (const auto& worker : workers_) sum.add(worker->counters);
  return sum;
}

void Load::print_progress() {
  const Nanos time = now();
  Totals current = totals();
  print_progress_line(progress_stream(options_), seconds(time - meter_.started()),
                      seconds(time - last_progress_), current, last_totals_);
  last_totals_ = std::move(current);
  last_progress_ = time;
}

bool Load::is_quiet() {
  std::uint64_t last = 0;
  for (const auto& worker : workers_) {
    last = std::max(last, worker->counters.last_received.get());
  }
  return now() - std::max(static_cast<Nanos>(last), meter_.started()) > kQuiet;
}

bool Load::is_over(const Phase& phase) {
  if (phase.received_messages != 0) {
    std::uint64_t received = 0;
    for (const auto& worker : workers_) received += worker->counters.received.get();
    if (received >= phase.received_messages) return true;
  }
  if (phase.finishing_agents == 0 || run_.finished_count() < phase.finishing_agents) return false;
  return !phase.until_quiet || is_quiet();
}

/// True when the phase ended because everything was done.
Result<bool> Load::watch(const Phase& phase) {
  Interrupt interrupt;
  std::vector<std::thread> threads;
  for (const auto& worker : workers_) {
    threads.emplace_back([&loop = worker->loop] { loop.run(); });
  }
  const Nanos interval = to_nanos(options_.interval_seconds);
  const Nanos end = phase.time_limit == 0 ? kNever : meter_.started() + phase.time_limit;
  bool over = false;
  bool stopped = false;
  while (!over && !stopped && run_.failure().empty()) {
    Nanos wait = std::min(end, last_progress_ + interval) - now();
    if (meter_.wants_samples() || phase.until_quiet || phase.received_messages != 0) {
      wait = std::min(wait, kTick);
    }
    stopped = interrupt.wait(wait, run_.descriptor());
    run_.clear_signal();
    meter_.sample();
    over = is_over(phase);
    if (now() >= last_progress_ + interval) print_progress();
    stopped = stopped || now() >= end;
  }
  Result<void> settled;
  if (over && phase.settle) settled = phase.settle();
  stop_workers();
  for (std::thread& thread : threads) thread.join();
  if (!run_.failure().empty()) return fail(run_.failure());
  if (!settled) return tl::make_unexpected(settled.error());
  return over;
}

void Load::stop_workers() {
  for (const auto& worker : workers_) worker->loop.stop();
}

Result<void> Load::start_measuring() {
  auto started = meter_.start();
  last_progress_ = meter_.started();
  return started;
}

Result<Outcome> Load::run(const Phase& phase) {
  if (meter_.started() == 0) {
    if (auto started = start_measuring(); !started) return tl::make_unexpected(started.error());
  }
  // What happens before the threads run is still part of the measured time.
  for (const auto& worker : workers_) {
    for (const auto& agent : worker->agents) agent->begin(meter_.started());
  }
  const auto by_count = watch(phase);
  if (!by_count) return tl::make_unexpected(by_count.error());
  Outcome outcome = meter_.stop(totals(), *by_count);
  outcome.name = phase.name;
  outcome.unit = phase.unit;
  for (const auto& worker : workers_) {
    for (const auto& agent : worker->agents) agent->finish();
  }
  return outcome;
}

}  // namespace polymq::perf
