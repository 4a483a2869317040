// Texts of origins and problems.
#include "server/config/problem.h"

namespace polymq::server::config {

std::string to_text(const Origin& origin) {
  switch (origin.source) {
    case Source::kDefault:
      break;
    case Source::kFile:
      return origin.line == 0 ? origin.name : origin.name + ":" + std::to_string(origin.line);
    case Source::kEnvironment:
      return "environment " + origin.name;
    case Source::kCommandLine:
      return "command line " + origin.name;
  }
  return "default";
}

std::string to_text(const Problem& problem) {
  std::string text = to_text(problem.origin) + ": ";
  if (!problem.key.empty()) text += problem.key + ": ";
  return text + problem.text;
}

std::string to_text(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) text += (text.empty() ? "" : "\n") + to_text(problem);
  return text;
}

}  // namespace polymq::server::config
