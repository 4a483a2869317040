// A backup by the running node, or without one.
#include "cli/backup_command.h"

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <filesystem>

#include "cli/exit_code.h"
#include "cli/node.h"
#include "server/control_socket.h"
#include "storage/backup.h"

namespace polymq::cli {
namespace {

std::atomic<bool> g_stop{false};

/// The node gives up what it was asked for when this process ends; else it is ours to clean up.
void stop_on_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    ::signal(signal, [](int) { g_stop = true; });
  }
}

}  // namespace

int backup_to(const server::config::Sources& sources, const std::string& target) {
  const auto folder = data_folder(sources);
  if (!folder) return folder.error().code;
  // The node may have another working directory.
  const std::string path = std::filesystem::absolute(target).lexically_normal().native();
  const auto answer = server::ask_node(server::control_path(*folder), "backup " + path);
  if (!answer) return failed(answer.error().text).code;
  std::string text;
  if (*answer) {
    text = **answer;
  } else {
    stop_on_signals();
    const auto done = storage::back_up_folder(*folder, path, g_stop);
    if (!done) return failed(done.error().text).code;
    text = storage::to_text(*done);
  }
  std::printf("%s: %s\n", path.c_str(), text.c_str());
  return kOk;
}

}  // namespace polymq::cli
