// From configuration to folder or socket.
#include "cli/node.h"

#include <cstdio>

#include "cli/exit_code.h"
#include "server/control_json.h"
#include "server/control_socket.h"

namespace polymq::cli {

Ended failed(const std::string& reason) {
  std::fprintf(stderr, "polymq: %s\n", reason.c_str());
  return {kFailure};
}

namespace {

Result<server::Config::Server, Ended> server_config(const server::config::Sources& sources) {
  const auto loaded = server::config::load(sources);
  if (loaded) return loaded->config.server;
  std::fprintf(stderr, "%s\n", server::config::to_text(loaded.error()).c_str());
  return tl::make_unexpected(Ended{kUsage});
}

}  // namespace

Result<std::string, Ended> data_folder(const server::config::Sources& sources) {
  const auto config = server_config(sources);
  if (!config) return tl::make_unexpected(config.error());
  if (config->data_dir.empty()) {
    std::fprintf(stderr, "polymq: which data folder? Say --data-dir FOLDER\n");
    return tl::make_unexpected(Ended{kUsage});
  }
  return config->data_dir;
}

Result<std::string, Ended> ask_running_node(const server::config::Sources& sources,
                                            const std::string& operation,
                                            const nlohmann::ordered_json& argument) {
  const auto config = server_config(sources);
  if (!config) return tl::make_unexpected(config.error());
  if (!config->control_socket.empty() && !config->in_memory && !config->data_dir.empty()) {
    std::fprintf(
        stderr,
        "polymq: which node? server.control_socket is one in memory (say --in-memory), and "
        "server.data_dir another\n");
    return tl::make_unexpected(Ended{kUsage});
  }
  const std::string path = server::control_path(*config);
  if (path.empty()) {
    std::fprintf(stderr,
                 "polymq: which node? Say --data-dir FOLDER, or --control-socket FILE for one in "
                 "memory\n");
    return tl::make_unexpected(Ended{kUsage});
  }
  // What is not UTF-8 is none of the node's names.
  auto answer = server::ask_node(path, operation + " " + server::to_text(argument));
  if (!answer) return tl::make_unexpected(failed(answer.error().text));
  if (!*answer) return tl::make_unexpected(failed("no node is listening at " + path));
  return **std::move(answer);
}

}  // namespace polymq::cli
