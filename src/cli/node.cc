// From configuration to folder to socket.
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

Result<std::string, Ended> data_folder(const server::config::Sources& sources) {
  const auto loaded = server::config::load(sources);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", server::config::to_text(loaded.error()).c_str());
    return tl::make_unexpected(Ended{kUsage});
  }
  if (loaded->config.server.data_dir.empty()) {
    std::fprintf(stderr, "polymq: which data folder? Say --data-dir FOLDER\n");
    return tl::make_unexpected(Ended{kUsage});
  }
  return loaded->config.server.data_dir;
}

Result<std::string, Ended> ask_running_node(const server::config::Sources& sources,
                                            const std::string& operation,
                                            const nlohmann::ordered_json& argument) {
  const auto folder = data_folder(sources);
  if (!folder) return tl::make_unexpected(folder.error());
  // What is not UTF-8 is none of the node's names.
  auto answer = server::ask_node(*folder, operation + " " + server::to_text(argument));
  if (!answer) return tl::make_unexpected(failed(answer.error().text));
  if (!*answer)
    return tl::make_unexpected(
        failed("no node is running on " + *folder + ", or it keeps all in memory"));
  return **std::move(answer);
}

}  // namespace polymq::cli
