// The configuration as text: reference page, default file, effective values.
#pragma once

#include <string>

#include "server/config/load.h"

namespace polymq::server::config {

/// docs/configuration.md, in Markdown.
std::string reference();

/// A configuration file in which every key is explained and commented out at its default.
std::string default_file();

/// Effective values in the syntax of the configuration file, each with where it comes from. May
/// be used as a configuration file.
std::string show(const Loaded& loaded);

}  // namespace polymq::server::config
