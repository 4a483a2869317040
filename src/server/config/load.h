// Puts the configuration together: defaults < file < environment < command line.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "server/config/config.h"
#include "server/config/problem.h"

namespace polymq::server::config {

/// `--amqp-port 5673`, or `--set amqp.port=5673` (then `option` is "--set").
struct Override {
  std::string path;
  std::string value;
  std::string option;
};

struct Sources {
  std::string file = {};                                              // empty: no file
  std::vector<std::pair<std::string, std::string>> environment = {};  // names and values
  std::vector<Override> overrides = {};
};

struct Loaded {
  Config config;
  /// Of every key that is not at its default, by path.
  std::map<std::string, Origin, std::less<>> origins;
  /// Of each [[table]] that has all it needs, by "vhosts.0", and of its keys, by "vhosts.0.name".
  std::map<std::string, Origin, std::less<>> table_origins;
};

template <class T>
using OrProblems = tl::expected<T, std::vector<Problem>>;

/// Reads the file if there is one, and checks everything. Error: all that is wrong, at least one.
OrProblems<Loaded> load(const Sources& sources);

/// The same with the file's content handed in; `sources.file` is its name for messages.
OrProblems<Loaded> load_text(const Sources& sources, std::string_view toml);

/// The variables of `environment` (as main's third parameter) that begin with POLYMQ_, except
/// those that Kubernetes makes for a service that happens to be called polymq.
std::vector<std::pair<std::string, std::string>> settings_of(const char* const* environment);

/// Paths of the keys that differ and take effect only at the next start.
std::vector<std::string> restart_needed(const Config& running, const Config& wanted);

}  // namespace polymq::server::config
