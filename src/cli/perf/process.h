// CPU time and memory of this process and of the server's, from the kernel's books.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"

namespace polymq::perf {

struct Usage {
  double cpu_seconds = 0;  ///< user and system time since the process began
  std::uint64_t resident_bytes = 0;
};

/// Of any process; fails when there is none of that id. CPU time comes in steps of 10 ms.
Result<Usage> usage_of(pid_t pid);

/// Of this process, exactly.
double own_cpu_seconds();

}  // namespace polymq::perf
