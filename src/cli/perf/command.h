// `polymq perf`: a load generator for any AMQP 0-9-1 server.
#pragma once

namespace CLI {
class App;
}

namespace polymq::perf {

/// Adds the subcommand `perf` with all its workloads. Parsing the command line runs it; when it did
/// not end well the parse throws CLI::RuntimeError with the exit code, after saying why on stderr:
/// hand it to app.exit(), as CLI11_PARSE does.
void add_perf_command(CLI::App& app);

}  // namespace polymq::perf
