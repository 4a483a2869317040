// Request and reply.
#include "cli/perf/load.h"
#include "cli/perf/topology.h"
#include "cli/perf/workloads/rpc_agents.h"
#include "cli/perf/workloads/workloads.h"

namespace polymq::perf {
namespace {

Result<void> add_servers(Load& load, const Options& options, const std::string& queue) {
  for (unsigned i = 0; i < options.consumers; ++i) {
    auto client = open_client(options, "rpc server " + std::to_string(i + 1));
    if (!client) return tl::make_unexpected(client.error());
    Worker& worker = load.next_worker();
    auto server = RpcServer::make(std::move(*client), worker, queue);
    if (!server) return tl::make_unexpected(server.error());
    load.add(worker, std::move(*server));
  }
  return {};
}

Result<void> add_clients(Load& load, const Options& options, const RpcOptions& rpc,
                         const std::string& queue) {
  for (unsigned i = 0; i < rpc.clients; ++i) {
    auto client = open_client(options, "rpc client " + std::to_string(i + 1));
    if (!client) return tl::make_unexpected(client.error());
    Worker& worker = load.next_worker();
    auto agent = RpcClient::make(std::move(*client), worker,
                                 {.request_queue = queue,
                                  .size = options.size,
                                  .direct_reply_to = rpc.direct_reply_to,
                                  .queue_per_request = rpc.queue_per_request,
                                  .limit = options.pmessages});
    if (!agent) return tl::make_unexpected(agent.error());
    load.add(worker, std::move(*agent));
  }
  return {};
}

Result<void> check(const Options& options, const RpcOptions& rpc) {
  if (rpc.direct_reply_to && rpc.queue_per_request) {
    return fail("--direct-reply-to and --queue-per-request exclude each other");
  }
  if (options.consumers == 0) return fail("rpc needs --consumers: they are its servers");
  if (!options.exchange.empty() || !options.queue_pattern.empty()) {
    return fail("rpc works on one queue: leave out --queue-pattern and --exchange");
  }
  if (options.rate > 0 || options.confirm != 0) {
    return fail("an rpc client sends when it has its reply: leave out --rate and --confirm");
  }
  return {};
}

}  // namespace

Outcomes run_rpc(const Options& options, const RpcOptions& rpc) {
  if (auto checked = check(options, rpc); !checked) return tl::make_unexpected(checked.error());
  auto control = open_client(options, "control");
  if (!control) return tl::make_unexpected(control.error());
  const auto declared = declare_topology(*control, options);
  if (!declared) return tl::make_unexpected(declared.error());
  const std::string queue = queue_names(options).front();
  Load load(options);
  auto added = add_servers(load, options, queue);
  if (added) added = add_clients(load, options, rpc, queue);
  if (!added) return tl::make_unexpected(added.error());
  Phase phase;
  phase.name = "rpc";
  phase.unit = "requests";
  phase.time_limit = static_cast<Nanos>(options.time_seconds * 1e9);
  phase.finishing_agents = options.pmessages == 0 ? 0 : rpc.clients;
  auto outcome = load.run(phase);
  if (!outcome) return tl::make_unexpected(outcome.error());
  if (auto removed = remove_topology(*control, options); !removed) {
    return tl::make_unexpected(removed.error());
  }
  (void)control->close();
  return std::vector<Outcome>{std::move(*outcome)};
}

}  // namespace polymq::perf
