// Producers and consumers at the same time; also over a fanout exchange.
#include "cli/perf/topology.h"
#include "cli/perf/workloads/agents.h"
#include "cli/perf/workloads/workloads.h"

namespace polymq::perf {
namespace {

Phase phase_of(const Options& options) {
  Phase phase;
  phase.name = "run";
  phase.time_limit = static_cast<Nanos>(options.time_seconds * 1e9);
  if (options.pmessages != 0) phase.finishing_agents += options.producers;
  if (options.cmessages != 0) phase.finishing_agents += options.consumers;
  // Consumers without a limit are done when nothing comes any more.
  phase.until_quiet =
      phase.finishing_agents != 0 && options.consumers != 0 && options.cmessages == 0;
  return phase;
}

Outcomes run_named(const Options& options, const std::string& name) {
  auto control = open_client(options, "control");
  if (!control) return tl::make_unexpected(control.error());
  const auto declared = declare_topology(*control, options);
  if (!declared) return tl::make_unexpected(declared.error());
  Load load(options);
  const auto queues = queue_names(options);
  // Consumers first: they must not find a heap of messages.
  auto added = add_consumers(load, options, queues);
  if (added) added = add_publishers(load, options, queues);
  if (!added) return tl::make_unexpected(added.error());
  Phase phase = phase_of(options);
  phase.name = name;
  auto outcome = load.run(phase);
  if (!outcome) return tl::make_unexpected(outcome.error());
  if (auto removed = remove_topology(*control, options); !removed) {
    return tl::make_unexpected(removed.error());
  }
  (void)control->close();
  return std::vector<Outcome>{std::move(*outcome)};
}

}  // namespace

Outcomes run_load(const Options& options) { return run_named(options, "run"); }

Outcomes run_fanout(Options options, const FanoutOptions& fanout) {
  if (!queue_is_ours(options) || !options.exchange.empty()) {
    return fail("fanout uses an exchange and queues of its own: leave out --exchange and --queue");
  }
  options.exchange = "polymq-perf-fanout";
  options.type = "fanout";
  options.auto_delete = true;
  options.queue_pattern = "polymq-perf-fanout-%d";
  options.queue_pattern_to = fanout.queues;
  options.consumers = fanout.queues;
  return run_named(options, "fanout");
}

}  // namespace polymq::perf
