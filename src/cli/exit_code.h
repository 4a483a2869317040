// The process's exit codes, as the manual page lists them.
#pragma once

namespace polymq::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailure = 1;  // while running: port in use, file not readable, ...
inline constexpr int kUsage = 2;    // wrong arguments or configuration: nothing was started

}  // namespace polymq::cli
