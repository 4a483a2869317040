// `polymq config`: each command prints its result and returns the exit code.
#pragma once

#include <string>

#include "server/config/load.h"

namespace polymq::cli {

/// To `output`, or to standard output if that is empty. Does not overwrite without `force`.
int config_init(const std::string& output, bool force);
int config_show(const server::config::Sources& sources);
/// Checks the users file, too.
int config_check(const server::config::Sources& sources);
int config_reference();

}  // namespace polymq::cli
