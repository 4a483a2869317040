// The program `polymq`.
#include <CLI/CLI.hpp>

#include "cli/perf/command.h"

int main(int argc, char** argv) {
  CLI::App app("PolyMQ: a message broker");
  app.require_subcommand(1);
  polymq::perf::add_perf_command(app);
  CLI11_PARSE(app, argc, argv);
  return 0;
}
