// From the first log line to the exit code: start, signals, reload, orderly stop.
#include "server/run.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/log.h"
#include "server/broker.h"
#include "server/config/load.h"
#include "server/logging.h"
#include "server/service_notify.h"
#include "server/users.h"

namespace polymq::server {
namespace {

constexpr int kOk = 0;
constexpr int kFailure = 1;
/// Fewer descriptors than this are no server.
constexpr rlim_t kLeastDescriptors = 64;

int refuse_to_start(std::string_view reason) {
  log::Line(log::Area::kServer, log::Level::kError, "cannot start").with("reason", reason);
  log::shutdown();
  return kFailure;
}

/// As many descriptors as the system lets us have. Empty, or what is wrong.
std::string raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return "cannot read the limit on descriptors";
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < kLeastDescriptors) {
    return "only " + std::to_string(limit.rlim_cur) + " file descriptors are allowed; at least " +
           std::to_string(kLeastDescriptors) + " are needed (ulimit -n)";
  }
  return {};
}

sigset_t handled_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
  return signals;
}

void reload_configuration(Broker& broker, const Config& running, const Reload& reload) {
  log::log(log::Area::kServer, log::Level::kInfo, "reading the configuration again");
  notify_service("RELOADING=1");
  const Result<Config> wanted = reload();
  const auto complain = [](std::string_view reason) {
    log::Line(log::Area::kServer, log::Level::kError, "the configuration was not reloaded")
        .with("reason", reason);
  };
  if (!wanted) {
    complain(wanted.error().text);
  } else if (auto access = load_access(*wanted, running.sqs.verifies()); !access) {
    complain(access.error().text);
  } else if (auto logging = apply_logging(wanted->log); !logging) {
    complain(logging.error().text);
  } else if (auto applied = broker.reload(*wanted, *access); !applied) {
    complain(applied.error().text);
  } else {
    for (const std::string& key : config::restart_needed(running, *wanted)) {
      log::Line(log::Area::kServer, log::Level::kWarning,
                "a changed setting takes effect at the next start")
          .with("key", key);
    }
  }
  notify_service("READY=1");
}

}  // namespace

int run(const Config& config, const Reload& reload) {
  // Threads started from here on leave these signals to this one.
  const sigset_t signals = handled_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  if (auto logging = apply_logging(config.log); !logging) {
    return refuse_to_start(logging.error().text);
  }
  for (const std::string& sentence : config.unavailable) {
    log::log(log::Area::kServer, log::Level::kWarning, sentence);
  }
  if (std::string wrong = raise_descriptor_limit(); !wrong.empty()) return refuse_to_start(wrong);
  auto access = load_access(config, config.sqs.verifies());
  if (!access) return refuse_to_start(access.error().text);

  Broker broker(config, *access);
  if (auto started = broker.start(); !started) return refuse_to_start(started.error().text);
  log::Line(log::Area::kServer, log::Level::kInfo, "ready").with("version", POLYMQ_VERSION);
  notify_service("READY=1");

  for (int signal = 0; ::sigwait(&signals, &signal) == 0 && signal == SIGHUP;) {
    reload_configuration(broker, config, reload);
  }
  log::log(log::Area::kServer, log::Level::kInfo, "stopping");
  notify_service("STOPPING=1");
  // A second signal ends the process at once.
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  broker.stop();
  log::log(log::Area::kServer, log::Level::kInfo, "stopped");
  log::shutdown();
  return kOk;
}

}  // namespace polymq::server
