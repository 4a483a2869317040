// The command line of `polymq perf`.
#include "cli/perf/command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/perf/relay/relay.h"
#include "cli/perf/report.h"
#include "cli/perf/workloads/workloads.h"

namespace polymq::perf {
namespace {

/// Everything that the options are parsed into; lives as long as the command.
struct Command {
  Options options;
  FanoutOptions fanout;
  FillDrainOptions fill_drain;
  RpcOptions rpc;
  DeclaresOptions declares;
  ConnectionsOptions connections;
  IdleOptions idle;
  RelayOptions relay;
  SqsOptions sqs;
};

const CLI::Range kPositive(1u, 1'000'000u);
const CLI::Range kCount(std::uint64_t{1}, std::uint64_t{1} << 40);

void add_agent_options(CLI::App& app, Options& options) {
  app.add_option("-x,--producers", options.producers, "Number of producers")
      ->check(CLI::Range(0u, 65535u));
  app.add_option("-y,--consumers", options.consumers, "Number of consumers")
      ->check(CLI::Range(0u, 65535u));
  app.add_option("-u,--queue", options.queue, "Queue to use (default: one of our own)");
  app.add_option("--queue-pattern", options.queue_pattern,
                 "Names of several queues, such as perf-%d: producers and consumers take turns");
  app.add_option("--queue-pattern-from", options.queue_pattern_from, "First number of the pattern");
  app.add_option("--queue-pattern-to", options.queue_pattern_to, "Last number of the pattern");
  app.add_option("-e,--exchange", options.exchange, "Exchange to publish to");
  app.add_option("-t,--type", options.type, "Type of the exchange");
  app.add_option("-k,--routing-key", options.routing_key, "Routing key (default: the queue)");
  app.add_flag("--predeclared", options.predeclared, "Exchange, queues and bindings exist already");
  app.add_flag("--auto-delete", options.auto_delete, "Declare exchange and queues auto-delete");
  app.add_option("--queue-args", options.queue_args, "Queue arguments: key=value,...")
      ->delimiter(',');
}

void add_message_options(CLI::App& app, Options& options) {
  app.add_option("-s,--size", options.size, "Body size in bytes (8 for latencies, 16 for order)")
      ->check(CLI::Range(std::size_t{0}, std::size_t{128} << 20));
  app.add_option("-f,--flag", options.flags, "persistent (queue durable too), mandatory")
      ->check(CLI::IsMember({"persistent", "mandatory"}))
      ->delimiter(',');
  app.add_option("-c,--confirm", options.confirm, "Most messages of a producer unconfirmed at once")
      ->check(CLI::Range(1u, 10'000'000u));
  app.add_flag("-a,--autoack", options.auto_ack, "Consume without acknowledgements");
  app.add_option("-A,--multi-ack-every", options.multi_ack_every, "One ack for so many messages")
      ->check(kPositive);
  app.add_option("-q,--qos", options.qos, "Prefetch limit of each consumer");
  app.add_option("-Q,--global-qos", options.global_qos, "Prefetch limit of each channel");
}

void add_run_options(CLI::App& app, Options& options) {
  const CLI::Range rate(0.001, 1e9);
  app.add_option("-h,--uri", options.uri, "amqp://user:password@host:port/vhost")
      ->capture_default_str();
  app.add_option("-r,--rate", options.rate, "Messages a second of each producer")->check(rate);
  app.add_option("-R,--consumer-rate", options.consumer_rate, "Messages a second of each consumer")
      ->check(rate);
  app.add_option("-z,--time", options.time_seconds, "Seconds to run (default: until interrupted)")
      ->check(CLI::Range(0.01, 1e6));
  app.add_option("-C,--pmessages", options.pmessages, "Messages of each producer")->check(kCount);
  app.add_option("-D,--cmessages", options.cmessages, "Messages of each consumer")->check(kCount);
  app.add_option("-b,--heartbeat", options.heartbeat, "Heartbeat in seconds (0: none)");
  app.add_option("-i,--interval", options.interval_seconds, "Seconds between progress lines")
      ->check(CLI::Range(0.01, 3600.0));
  app.add_flag("--json", options.json, "Summary as JSON on stdout, progress on stderr");
  app.add_option("--threads", options.threads, "Threads that share the connections")
      ->check(CLI::Range(1u, 64u));
  app.add_option("--server-pid", options.server_pid, "Watch CPU and memory of this process, too")
      ->check(CLI::Range(1, 1 << 22));
}

CLI::App* add_workload(CLI::App& perf, const char* name, const char* description) {
  CLI::App* const workload = perf.add_subcommand(name, description);
  workload->fallthrough();  // all options of perf may follow
  return workload;
}

void add_message_workloads(CLI::App& perf, Command& command) {
  add_workload(perf, "run", "Producers and consumers at the same time (the default)");
  CLI::App* const fanout = add_workload(perf, "fanout", "One fanout exchange, a consumer a queue");
  fanout->add_option("--queues", command.fanout.queues, "Number of queues")
      ->check(CLI::Range(1u, 65535u));
  CLI::App* const fill = add_workload(perf, "fill-drain", "Fill a queue, then drain it");
  fill->add_option("--messages", command.fill_drain.messages, "Messages of all producers together")
      ->check(kCount);
  CLI::App* const rpc = add_workload(perf, "rpc", "Request and reply; --consumers are the servers");
  rpc->add_option("--clients", command.rpc.clients, "Number of clients")
      ->check(CLI::Range(1u, 65535u));
  rpc->add_flag("--direct-reply-to", command.rpc.direct_reply_to, "Use amq.rabbitmq.reply-to");
  rpc->add_flag("--queue-per-request", command.rpc.queue_per_request,
                "Declare, consume and delete a reply queue for every request");
}

void add_topology_workloads(CLI::App& perf, Command& command) {
  CLI::App* const declares = add_workload(perf, "declares", "Queue declares on one connection");
  declares->add_option("--count", command.declares.count, "Number of queues")->check(kPositive);
  declares->add_option("--pipelined", command.declares.pipelined, "Requests under way at once")
      ->check(kPositive);
  declares->add_flag("--durable", command.declares.durable, "Declare durable queues");
  declares->add_flag("--exclusive", command.declares.exclusive, "Declare exclusive queues");
  declares->add_flag("--bind", command.declares.bind, "Bind each queue to amq.direct");
  declares->add_flag("--consume", command.declares.consume, "Start a consumer on each queue");
  CLI::App* const connections =
      add_workload(perf, "connections", "Open and close connections, one after another");
  connections->add_option("--count", command.connections.count, "Number of connections")
      ->check(kPositive);
  connections->add_flag("--channel", command.connections.channel, "Open a channel in each");
  CLI::App* const idle = add_workload(perf, "idle", "Hold idle connections or queues");
  idle->add_option("--connections", command.idle.connections, "Number of connections")
      ->check(kPositive);
  idle->add_option("--queues", command.idle.queues, "Number of queues")->check(kPositive);
  idle->add_flag("--channel", command.idle.channel, "Open a channel in each connection");
  CLI::App* const relay = add_workload(
      perf, "relay", "Serve: pass messages through memory, as a lower bound to compare with");
  relay->add_option("--host", command.relay.host, "Address to listen on");
  relay->add_option("--port", command.relay.port, "Port to listen on (0: any free one)");
}

void add_sqs_workload(CLI::App& perf, Command& command) {
  CLI::App* const sqs =
      add_workload(perf, "sqs", "Send, receive and delete on an SQS server (JSON protocol)");
  sqs->add_option("--host", command.sqs.host, "Address of the server");
  sqs->add_option("--port", command.sqs.port, "Port of the server");
  sqs->add_option("--connections", command.sqs.connections, "Number of connections")
      ->check(CLI::Range(1u, 65535u));
  sqs->add_option("--batch", command.sqs.batch, "Messages of a request (1: no batches)")
      ->check(CLI::Range(1u, 10u));
  sqs->add_flag("--send-only", command.sqs.send_only, "Receive nothing");
  sqs->add_flag("--receive-only", command.sqs.receive_only, "Send nothing; needs --queue");
}

Outcomes run_workload(const std::string& name, const Command& command) {
  const Options& options = command.options;
  if (auto valid = validate(options); !valid) return tl::make_unexpected(valid.error());
  if (name == "fanout") return run_fanout(options, command.fanout);
  if (name == "fill-drain") return run_fill_drain(options, command.fill_drain);
  if (name == "rpc") return run_rpc(options, command.rpc);
  if (name == "declares") return run_declares(options, command.declares);
  if (name == "connections") return run_connections(options, command.connections);
  if (name == "idle") return run_idle(options, command.idle);
  if (name == "sqs") return run_sqs(options, command.sqs);
  return run_load(options);
}

int report(const std::string& name, const Options& options, const Outcomes& outcomes) {
  if (!outcomes) {
    std::fprintf(stderr, "polymq perf: %s\n", outcomes.error().text.c_str());
    return 1;
  }
  if (options.json) {
    std::printf("%s\n", summary_json(name, *outcomes).c_str());
    return 0;
  }
  for (const Outcome& outcome : *outcomes) std::printf("%s", summary_text(outcome).c_str());
  return 0;
}

int perf_main(const CLI::App& perf, const Command& command) {
  const auto chosen = perf.get_subcommands();
  const std::string name = chosen.empty() ? "run" : chosen.front()->get_name();
  if (name != "relay") return report(name, command.options, run_workload(name, command));
  const auto served = run_relay(command.relay);
  if (served) return 0;
  std::fprintf(stderr, "polymq perf: %s\n", served.error().text.c_str());
  return 1;
}

}  // namespace

void add_perf_command(CLI::App& app) {
  const auto command = std::make_shared<Command>();
  CLI::App& perf = *app.add_subcommand("perf", "Generate load on an AMQP 0-9-1 or SQS server");
  perf.set_help_flag("-?,--help", "Print this help");  // -h is the address, as in PerfTest
  perf.option_defaults()->always_capture_default();
  add_run_options(perf, command->options);
  add_agent_options(perf, command->options);
  add_message_options(perf, command->options);
  add_message_workloads(perf, *command);
  add_topology_workloads(perf, *command);
  add_sqs_workload(perf, *command);
  perf.require_subcommand(0, 1);
  perf.footer("Workloads take all options of `polymq perf` as well: polymq perf rpc -z 10 -s 128");
  perf.callback([&perf, command] {
    if (const int code = perf_main(perf, *command); code != 0) throw CLI::RuntimeError(code);
  });
}

}  // namespace polymq::perf
