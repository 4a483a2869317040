// The `backup` command.
#pragma once

#include <string>

#include "server/config/load.h"

namespace polymq::cli {

/// Copies the data folder that the configuration names: asks the node that uses it, or does it
/// itself when there is none. Exit code.
int backup_to(const server::config::Sources& sources, const std::string& target);

}  // namespace polymq::cli
