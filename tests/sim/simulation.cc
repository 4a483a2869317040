// One seed: a world, its violation if there is one, and what to print of it.
#include "simulation.h"

#include <csignal>
#include <cstdio>
#include <memory>
#include <vector>

#include "world.h"

extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace polymq::sim {
namespace {

// What is running, for the report of a crash.
const World* running = nullptr;
std::uint64_t running_seed = 0;
std::string running_command;

// Worlds that failed: their engines may be in the middle of something, and cannot be destroyed.
std::vector<std::unique_ptr<World>>& abandoned = *new std::vector<std::unique_ptr<World>>;

void print_failure(const char* what) {
  std::fprintf(stderr, "\nlast events:\n");
  running->log().print_last();
  std::fprintf(stderr, "\nseed %lu fails: %s\nrun it again: %s\n",
               static_cast<unsigned long>(running_seed), what, running_command.c_str());
}

void on_crash() {
  if (running == nullptr) return;
  print_failure("the engine crashed");
  running = nullptr;
}

void on_signal(int signal) {
  on_crash();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void catch_crashes() {
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(on_crash);
  } else {
    std::signal(SIGSEGV, on_signal);
  }
  std::signal(SIGABRT, on_signal);
}

}  // namespace

std::optional<History> run_seed(std::uint64_t seed, const Workload& workload,
                                const RunOptions& options) {
  catch_crashes();
  running_seed = seed;
  const std::string number = std::to_string(seed);
  running_command = "polymq_sim --seeds " + number + "-" + number + " --workload " +
                    std::string(workload.name) + " --steps " + std::to_string(options.steps) +
                    " --verbose";
  auto world = std::make_unique<World>(seed, workload, options);
  running = world.get();
  try {
    world->run();
  } catch (const Violation& violation) {
    if (options.violation != nullptr) {
      *options.violation = violation.what();
    } else {
      print_failure(violation.what());
    }
    running = nullptr;
    abandoned.push_back(std::move(world));
    return std::nullopt;
  }
  running = nullptr;
  return world->history();
}

}  // namespace polymq::sim
