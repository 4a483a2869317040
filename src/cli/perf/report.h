// Telling the user: a line now and then, a summary at the end, for people or for machines.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "cli/perf/options.h"
#include "cli/perf/outcome.h"

namespace polymq::perf {

/// Progress goes to stdout, or to stderr when stdout is for JSON.
inline std::FILE* progress_stream(const Options& options) { return options.json ? stderr : stdout; }

/// `elapsed`: since the phase began; `span`: since `earlier` was taken. Both in seconds.
void print_progress_line(std::FILE* to, double elapsed, double span, const Totals& current,
                         const Totals& earlier);

std::string summary_text(const Outcome& outcome);
/// One object: workload, and an array of phases. Times are in microseconds where named so, else in
/// seconds; memory is in bytes.
std::string summary_json(const std::string& workload, const std::vector<Outcome>& outcomes);

}  // namespace polymq::perf
