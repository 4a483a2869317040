// Connections and queues that do nothing, to see what they cost in memory.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "cli/perf/report.h"
#include "cli/perf/topology.h"
#include "cli/perf/workloads/steps.h"
#include "cli/perf/workloads/workloads.h"

namespace polymq::perf {
namespace {

/// The server may be tidying up for a moment after the last of them.
constexpr Nanos kSettleTime = kSecond;
constexpr unsigned kPipelined = 100;

Result<void> allow_descriptors(unsigned connections) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t needed = connections + rlim_t{32};
  if (limit.rlim_max >= needed) return {};
  return fail("--connections " + std::to_string(connections) + " needs " + std::to_string(needed) +
              " file descriptors, this process may have " + std::to_string(limit.rlim_max));
}

Result<std::vector<Client>> open_connections(const Options& options, const IdleOptions& idle) {
  std::vector<Client> clients;
  const ClientSettings settings = client_settings(options, "idle");
  for (unsigned i = 0; i < idle.connections; ++i) {
    auto client = Client::open(settings);
    if (client && idle.channel) {
      if (auto opened = client->open_channel(); !opened) return tl::make_unexpected(opened.error());
    }
    if (!client) {
      return fail("connection " + std::to_string(i + 1) + ": " + client.error().text);
    }
    clients.push_back(std::move(*client));
  }
  return clients;
}

std::string queue_name(unsigned number) {
  return "polymq-perf-idle-" + std::to_string(getpid()) + '-' + std::to_string(number);
}

Result<void> declare_queues(Client& client, unsigned count) {
  for (unsigned i = 0; i < count;) {
    const unsigned end = std::min(i + kPipelined, count);
    for (unsigned j = i; j < end; ++j) {
      const std::string name = queue_name(j);
      encode_method(client.out(), kChannel, method::QueueDeclare{.queue = name});
    }
    if (auto sent = client.flush(); !sent) return sent;
    for (; i < end; ++i) {
      const auto declared = client.expect<method::QueueDeclareOk>();
      if (!declared) return tl::make_unexpected(declared.error());
    }
  }
  return {};
}

Result<void> delete_queues(Client& client, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    const std::string name = queue_name(i);
    encode_method(client.out(), kChannel, method::QueueDelete{.queue = name, .nowait = true});
    if (auto sent = client.flush(); !sent) return sent;
  }
  return {};
}

void hold(const Options& options, const IdleOptions& idle, Meter& meter) {
  std::fprintf(progress_stream(options), "holding %u connections and %u queues%s\n",
               idle.connections, idle.queues,
               options.time_seconds == 0 ? " until interrupted" : "");
  std::fflush(progress_stream(options));
  Interrupt interrupt;
  const Nanos limit = static_cast<Nanos>(options.time_seconds * 1e9);
  const Nanos end = now() + std::max(limit, kSettleTime);
  while (limit == 0 || now() < end) {
    if (interrupt.wait(100 * kMillisecond)) break;
    meter.sample();
  }
}

void add_memory(Outcome& outcome, const IdleOptions& idle) {
  if (!outcome.server) return;
  const double grown = static_cast<double>(outcome.server->after.resident_bytes) -
                       static_cast<double>(outcome.server->before.resident_bytes);
  const unsigned things = idle.connections != 0 ? idle.connections : idle.queues;
  const char* name =
      idle.connections != 0 ? "server_bytes_per_connection" : "server_bytes_per_queue";
  outcome.extras.emplace_back(name, grown / things);
}

}  // namespace

Outcomes run_idle(const Options& options, const IdleOptions& idle) {
  if ((idle.connections == 0) == (idle.queues == 0)) {
    return fail("idle needs either --connections or --queues");
  }
  if (auto allowed = allow_descriptors(idle.connections); !allowed) {
    return tl::make_unexpected(allowed.error());
  }
  auto control = open_client(options, "control");
  if (!control) return tl::make_unexpected(control.error());
  Meter meter(options.server_pid);
  if (auto started = meter.start(); !started) return tl::make_unexpected(started.error());
  auto clients = open_connections(options, idle);
  if (!clients) return tl::make_unexpected(clients.error());
  if (auto declared = declare_queues(*control, idle.queues); !declared) {
    return tl::make_unexpected(declared.error());
  }
  hold(options, idle, meter);
  Outcome outcome = meter.stop({}, false);
  outcome.name = "idle";
  outcome.extras.emplace_back("connections", idle.connections);
  outcome.extras.emplace_back("queues", idle.queues);
  add_memory(outcome, idle);
  auto removed = delete_queues(*control, idle.queues);
  for (Client& client : *clients) (void)client.close();
  if (removed) removed = control->close();
  if (!removed) return tl::make_unexpected(removed.error());
  return std::vector<Outcome>{std::move(outcome)};
}

}  // namespace polymq::perf
