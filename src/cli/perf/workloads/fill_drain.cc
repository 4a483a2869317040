// Fill a queue without consumers, then drain it without producers.
#include <thread>

#include "cli/perf/topology.h"
#include "cli/perf/workloads/agents.h"
#include "cli/perf/workloads/workloads.h"

namespace polymq::perf {
namespace {

/// `total` in `parts` numbers that differ by one at most.
std::vector<std::uint64_t> shares(std::uint64_t total, unsigned parts) {
  std::vector<std::uint64_t> result(parts, total / parts);
  for (std::uint64_t i = 0; i < total % parts; ++i) ++result[i];
  return result;
}

Result<void> wait_until_filled(Client& control, const std::string& queue, std::uint64_t messages) {
  while (true) {
    const auto count = message_count(control, queue);
    if (!count) return tl::make_unexpected(count.error());
    if (*count >= messages) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Result<Outcome> fill(Client& control, const Options& options, const std::string& queue,
                     std::uint64_t messages) {
  Load load(options);
  const auto added = add_publishers(load, options, {queue}, shares(messages, options.producers));
  if (!added) return tl::make_unexpected(added.error());
  Phase phase;
  phase.name = "fill";
  phase.finishing_agents = options.producers;
  // Sent is not yet accepted: the phase lasts until the server has all messages in the queue.
  Nanos filled = 0;
  phase.settle = [&]() -> Result<void> {
    auto waited = wait_until_filled(control, queue, messages);
    filled = now();
    return waited;
  };
  auto outcome = load.run(phase);
  if (!outcome || filled == 0) return outcome;
  outcome->sent_rate = static_cast<double>(messages) / outcome->seconds;
  if (outcome->server) {
    const double grown = static_cast<double>(outcome->server->after.resident_bytes) -
                         static_cast<double>(outcome->server->before.resident_bytes);
    outcome->extras.emplace_back("server_bytes_per_message", grown / static_cast<double>(messages));
  }
  return outcome;
}

Result<Outcome> drain(const Options& options, const std::string& queue, std::uint64_t messages) {
  Load load(options);
  if (auto started = load.start_measuring(); !started) return tl::make_unexpected(started.error());
  const auto added = add_consumers(load, options, {queue});
  if (!added) return tl::make_unexpected(added.error());
  Phase phase;
  phase.name = "drain";
  phase.received_messages = messages;
  return load.run(phase);
}

}  // namespace

Outcomes run_fill_drain(const Options& options, const FillDrainOptions& fill_drain) {
  if (!options.queue_pattern.empty() || !options.exchange.empty()) {
    return fail("fill-drain works on one queue: leave out --queue-pattern and --exchange");
  }
  if (options.producers == 0 || options.consumers == 0) {
    return fail("fill-drain needs producers and consumers");
  }
  if (options.cmessages != 0 || options.pmessages != 0 || options.time_seconds != 0) {
    return fail("fill-drain ends by itself: leave out --time, --pmessages and --cmessages");
  }
  auto control = open_client(options, "control");
  if (!control) return tl::make_unexpected(control.error());
  const auto declared = declare_topology(*control, options);
  if (!declared) return tl::make_unexpected(declared.error());
  const std::string queue = queue_names(options).front();
  auto filled = fill(*control, options, queue, fill_drain.messages);
  if (!filled) return tl::make_unexpected(filled.error());
  std::vector<Outcome> outcomes{std::move(*filled)};
  if (outcomes.front().totals.sent == fill_drain.messages) {  // not interrupted
    auto drained = drain(options, queue, fill_drain.messages);
    if (!drained) return tl::make_unexpected(drained.error());
    outcomes.push_back(std::move(*drained));
  }
  if (auto removed = remove_topology(*control, options); !removed) {
    return tl::make_unexpected(removed.error());
  }
  (void)control->close();
  return outcomes;
}

}  // namespace polymq::perf
