// The commands of polymq.
#pragma once

#include <functional>

#include "server/run.h"

namespace polymq::cli {

/// What `polymq server` calls: server::run, or a test's stand-in.
using Serve = std::function<int(const server::Config&, const server::Reload&)>;

/// Runs the command that the arguments name and returns the exit code (exit_code.h).
/// `environment`: as main's third parameter. Output goes to stdout, complaints to stderr.
int run_app(int argc, const char* const* argv, const char* const* environment, const Serve& serve);

}  // namespace polymq::cli
