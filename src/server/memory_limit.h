// How much memory this process may use.
#pragma once

#include <cstdint>
#include <string>

#include "server/config/config.h"

namespace polymq::server {

/// The machine's memory or, if smaller, the limit of the control group that this process is in or
/// of one above it (version 2 or 1), in bytes. `root`: where /proc and /sys are, for tests. 0 when
/// nothing can be found out.
std::uint64_t memory_limit(const std::string& root = "");

/// The watermark in bytes of a process that may use `limit`.
std::uint64_t watermark_bytes(const Watermark& watermark, std::uint64_t limit);

}  // namespace polymq::server
