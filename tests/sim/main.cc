// polymq_sim: simulates the engine with as many seeds as one has time for.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "simulation.h"

namespace polymq::sim {
namespace {

struct Options {
  std::uint64_t first = 1;
  std::uint64_t last = 100;
  std::string workload = "all";
  RunOptions run;
};

[[noreturn]] void usage() {
  std::fprintf(stderr,
               "usage: polymq_sim [--seeds FROM-TO] [--workload NAME|all] [--steps N] "
               "[--verbose]\n"
               "workloads:");
  for (const Workload& workload : workloads()) {
    std::fprintf(stderr, " %s", std::string(workload.name).c_str());
  }
  std::fprintf(stderr, "\n");
  std::exit(2);
}

std::uint64_t number(const std::string& text) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0') usage();
  return value;
}

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name == "--verbose") {
      options.run.verbose = true;
      continue;
    }
    if (++i == arguments.size()) usage();
    const std::string& value = arguments[i];
    if (name == "--seeds") {
      const std::size_t dash = value.find('-');
      options.first = number(value.substr(0, dash));
      options.last = dash == std::string::npos ? options.first : number(value.substr(dash + 1));
    } else if (name == "--workload") {
      options.workload = value;
    } else if (name == "--steps") {
      options.run.steps = number(value);
    } else {
      usage();
    }
  }
  return options;
}

// Every eighth seed runs twice: the same seed must give the same history.
bool run(std::uint64_t seed, const Workload& workload, const RunOptions& options) {
  const auto history = run_seed(seed, workload, options);
  if (!history || seed % 8 != 0) return history.has_value();
  const auto again = run_seed(seed, workload, options);
  if (again == history) return true;
  std::fprintf(stderr, "(i) seed %lu of %s has two histories\n", static_cast<unsigned long>(seed),
               std::string(workload.name).c_str());
  return false;
}

int run_all(const Options& options) {
  std::uint64_t runs = 0;
  std::uint64_t failures = 0;
  for (const Workload& workload : workloads()) {
    if (options.workload != "all" && options.workload != workload.name) continue;
    for (std::uint64_t seed = options.first; seed <= options.last; ++seed) {
      ++runs;
      if (!run(seed, workload, options.run)) ++failures;
    }
  }
  if (runs == 0) usage();
  std::printf("%lu simulations, %lu failed\n", static_cast<unsigned long>(runs),
              static_cast<unsigned long>(failures));
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace polymq::sim

int main(int count, char** arguments) {
  return polymq::sim::run_all(
      polymq::sim::parse(std::vector<std::string>(arguments + 1, arguments + count)));
}
