// The command on queues: list-queues.
#pragma once

#include "server/config/load.h"

namespace CLI {
class App;
}

namespace polymq::cli {

/// Its arguments are rabbitmqctl's. It asks the node that uses the configured data folder, and ends
/// the parse by CLI::RuntimeError with the exit code. `sources` must outlive the parse.
void add_queue_commands(CLI::App& app, server::config::Sources& sources);

}  // namespace polymq::cli
