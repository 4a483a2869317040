// Command-line options that stand for configuration keys.
#pragma once

#include "server/config/load.h"

namespace CLI {
class App;
}

namespace polymq::cli {

/// The sources before any argument is read: the environment's settings, and the file that
/// POLYMQ_CONFIG names.
server::config::Sources environment_sources(const char* const* environment);

/// Adds --config, --set and an option for each key that declares one. They write to `sources`,
/// which must outlive the parsing. An option for a key wins over --set of the same key.
void add_source_options(CLI::App& app, server::config::Sources& sources);

}  // namespace polymq::cli
