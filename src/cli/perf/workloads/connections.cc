// Connections, opened and closed one after another.
#include "cli/perf/topology.h"
#include "cli/perf/workloads/steps.h"
#include "cli/perf/workloads/workloads.h"

namespace polymq::perf {

Outcomes run_connections(const Options& options, const ConnectionsOptions& connections) {
  Steps steps(options, connections.count);
  if (auto started = steps.start(); !started) return tl::make_unexpected(started.error());
  const ClientSettings settings = client_settings(options, "connections");
  while (steps.may_begin()) {
    const Nanos began = now();
    steps.begun();
    auto client = Client::open(settings);
    if (!client) return tl::make_unexpected(client.error());
    Result<void> done;
    if (connections.channel) done = client->open_channel();
    if (done) done = client->close();
    if (!done) return tl::make_unexpected(done.error());
    steps.done(now() - began);
  }
  return std::vector<Outcome>{steps.stop("connections", "connections")};
}

}  // namespace polymq::perf
