// The server as a whole: from configuration to exit code.
#pragma once

#include <functional>

#include "base/result.h"
#include "server/config/config.h"

namespace polymq::server {

/// Reads the configuration again, from the same sources as at the start. The error's text tells
/// all problems, one a line.
using Reload = std::function<Result<Config>()>;

/// Serves until SIGTERM or SIGINT. Called once, by the main thread, before there are any others.
/// `reload` is called on SIGHUP, by a thread of the server's choice, never twice at a time; what
/// takes effect without a restart is listed in docs/configuration.md. Returns the process's exit
/// code: 0 after an orderly stop, 1 when the server could not start or stop as it should, which it
/// has logged then.
int run(const Config& config, const Reload& reload);

}  // namespace polymq::server
