// Finding the data folder or the node that is meant, and asking that node.
#pragma once

#include <nlohmann/json_fwd.hpp>
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

/// The answer of the node that the configuration is of (server/policy_operations.h,
/// server/queue_operations.h).
Result<std::string, Ended> ask_running_node(const server::config::Sources& sources,
                                            const std::string& operation,
                                            const nlohmann::ordered_json& argument);

}  // namespace polymq::cli
