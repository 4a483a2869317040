// Publishers and consumers as the options describe them, added to a load.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/perf/load.h"
#include "cli/perf/options.h"

namespace polymq::perf {

/// `limit`: messages of each; 0 = none. Producers take turns with `queues`.
Result<void> add_publishers(Load& load, const Options& options,
                            const std::vector<std::string>& queues);
/// The same with limits of their own, one a producer.
Result<void> add_publishers(Load& load, const Options& options,
                            const std::vector<std::string>& queues,
                            const std::vector<std::uint64_t>& limits);
Result<void> add_consumers(Load& load, const Options& options,
                           const std::vector<std::string>& queues);

}  // namespace polymq::perf
