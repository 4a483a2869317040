// Puts the [log] section into effect.
#pragma once

#include "base/result.h"
#include "server/config/config.h"

namespace polymq::server {

/// Sets the level of every area, and starts or replaces the log's writer, which opens the file
/// again by its name: for the start and for SIGHUP. Error: the file cannot be opened; levels are
/// in effect then, and lines go where they went.
Result<void> apply_logging(const Config::Log& settings);

}  // namespace polymq::server
