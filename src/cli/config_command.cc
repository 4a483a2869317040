// Commands about the configuration.
#include "cli/config_command.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "auth/users_file.h"
#include "cli/exit_code.h"
#include "server/config/document.h"

namespace polymq::cli {
namespace {

namespace config = server::config;

int complain(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  return kUsage;
}

/// What only the start would find: the users file.
Result<void> check_users(const server::Config& loaded) {
  const auto directory = auth::load_directory(loaded.auth.users_file, loaded.auth.loopback_users);
  if (!directory) return tl::make_unexpected(directory.error());
  const std::string& anonymous = loaded.auth.anonymous_user;
  if (!anonymous.empty() && (*directory)->find(anonymous) == nullptr) {
    return fail("auth.anonymous_user: there is no user '" + anonymous + "'");
  }
  return {};
}

}  // namespace

int config_init(const std::string& output, bool force) {
  const std::string text = config::default_file();
  if (output.empty()) return std::fputs(text.c_str(), stdout) >= 0 ? kOk : kFailure;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(output.c_str(), force ? "we" : "wxe"), &std::fclose);
  const bool written =
      file != nullptr && std::fputs(text.c_str(), file.get()) >= 0 && std::fflush(file.get()) == 0;
  if (written) return kOk;
  const int reason = errno;
  complain(output + ": cannot write: " + std::generic_category().message(reason) +
           (reason == EEXIST ? " (use --force to overwrite it)" : ""));
  return kFailure;
}

int config_show(const config::Sources& sources) {
  const auto loaded = config::load(sources);
  if (!loaded) return complain(config::to_text(loaded.error()));
  std::fputs(config::show(*loaded).c_str(), stdout);
  return kOk;
}

int config_check(const config::Sources& sources) {
  const auto loaded = config::load(sources);
  if (!loaded) return complain(config::to_text(loaded.error()));
  if (const auto users = check_users(loaded->config); !users) return complain(users.error().text);
  const std::string name = sources.file.empty() ? "configuration" : sources.file;
  std::printf("%s: ok\n", name.c_str());
  return kOk;
}

int config_reference() {
  std::fputs(config::reference().c_str(), stdout);
  return kOk;
}

}  // namespace polymq::cli
