// Commands about the configuration.
#include "cli/config_command.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "cli/exit_code.h"
#include "server/config/document.h"
#include "server/tls_context.h"
#include "server/users.h"

namespace polymq::cli {
namespace {

namespace config = server::config;

int complain(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  return kUsage;
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
  const server::Config& found = loaded->config;
  if (const auto access = server::load_access(found, found.sqs.verifies()); !access) {
    return complain(access.error().text);
  }
  if (const auto tls = server::TlsContext::load(found.tls); !tls) {
    return complain(tls.error().text);
  }
  const std::string name = sources.file.empty() ? "configuration" : sources.file;
  std::printf("%s: ok\n", name.c_str());
  return kOk;
}

int config_reference() {
  std::fputs(config::reference().c_str(), stdout);
  return kOk;
}

}  // namespace polymq::cli
