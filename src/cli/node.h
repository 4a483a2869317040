// Finding the data folder that is meant, and asking the node that uses it.
#pragma once

#include <string>

#include "base/result.h"
#include "server/config/load.h"

namespace polymq::cli {

/// Of a command that has told on stderr what is wrong.
struct Ended {
  int code;
};

/// Tells it on stderr.
Ended failed(const std::string& reason);

/// The data folder that the configuration names.
Result<std::string, Ended> data_folder(const server::config::Sources& sources);

/// The answer of the node that uses that folder (server/operations.h).
Result<std::string, Ended> ask_running_node(const server::config::Sources& sources,
                                            const std::string& request);

}  // namespace polymq::cli
