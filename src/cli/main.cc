// The program polymq.
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "cli/app.h"
#include "cli/exit_code.h"

int main(int argc, char** argv) {
  try {
    return polymq::cli::run_app(argc, argv, environ, polymq::server::run);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "polymq: %s\n", error.what());
    return polymq::cli::kFailure;
  }
}
