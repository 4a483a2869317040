// The commands on policies: set-policy, clear-policy, list-policies, and the same for operator
// policies.
#pragma once

#include "server/config/load.h"

namespace CLI {
class App;
}

namespace polymq::cli {

/// Their arguments are rabbitmqctl's, and so are their names, with underscores too. They ask the
/// node that uses the configured data folder, and end the parse as all commands do: by
/// CLI::RuntimeError with the exit code. `sources` must outlive the parse.
void add_policy_commands(CLI::App& app, server::config::Sources& sources);

}  // namespace polymq::cli
