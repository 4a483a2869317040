// Taking measurements.
#include "cli/perf/outcome.h"

#include <algorithm>

namespace polymq::perf {

std::uint64_t Outcome::operations() const { return std::max(totals.sent, totals.received); }

Result<void> Meter::start() {
  if (server_pid_ != 0) {
    const auto usage = usage_of(server_pid_);
    if (!usage) return tl::make_unexpected(Error{"--server-pid: " + usage.error().text});
    server_.before = server_.after = *usage;
    server_.peak_resident_bytes = usage->resident_bytes;
  }
  own_cpu_ = own_cpu_seconds();
  start_ = now();
  return {};
}

void Meter::sample() {
  if (server_pid_ == 0) return;
  const auto usage = usage_of(server_pid_);
  if (!usage) return;  // it is gone: the connections will tell
  server_.after = *usage;
  server_.peak_resident_bytes = std::max(server_.peak_resident_bytes, usage->resident_bytes);
}

Outcome Meter::stop(Totals totals, bool by_count) {
  Outcome outcome;
  const Nanos end = now();
  sample();
  outcome.client_cpu_seconds = own_cpu_seconds() - own_cpu_;
  if (server_pid_ != 0) outcome.server = server_;
  outcome.seconds = seconds(end - start_);
  const auto rate = [&](std::uint64_t count, Nanos last) {
    const double span = by_count && last > start_ ? seconds(last - start_) : outcome.seconds;
    return count == 0 ? 0 : static_cast<double>(count) / span;
  };
  outcome.sent_rate = rate(totals.sent, totals.last_sent);
  outcome.received_rate = rate(totals.received, totals.last_received);
  outcome.confirmed_rate = rate(totals.confirmed + totals.nacked, totals.last_confirmed);
  outcome.totals = std::move(totals);
  return outcome;
}

}  // namespace polymq::perf
