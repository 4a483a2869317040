// Runs seeds, and says how a failed one is run again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "network.h"
#include "workload.h"

namespace polymq::sim {

struct History {
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  std::uint64_t restarts = 0;
  std::uint64_t messages_read = 0;  // back from the store
  bool operator==(const History&) const = default;
};

struct RunOptions {
  std::uint64_t steps = 1500;
  bool verbose = false;
  /// For tests of the simulation itself.
  Sabotage sabotage = Sabotage::kNone;
  std::string* violation = nullptr;  // takes what is printed otherwise
};

/// One seed of one workload. nullopt after a violation, which has been printed to standard error
/// with the last events and the command that runs it again. The same is printed when the engine
/// crashes.
std::optional<History> run_seed(std::uint64_t seed, const Workload& workload,
                                const RunOptions& options);

}  // namespace polymq::sim
