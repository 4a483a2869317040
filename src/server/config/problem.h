// Where a configured value comes from, and what may be wrong with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace polymq::server::config {

enum class Source : std::uint8_t { kDefault, kFile, kEnvironment, kCommandLine };

struct Origin {
  Source source = Source::kDefault;
  std::string name;        // of the file, the variable or the option
  std::uint32_t line = 0;  // in the file; 0 = the file as a whole
};

/// "default", "polymq.toml:12", "environment POLYMQ_AMQP_PORT", "command line --amqp-port".
std::string to_text(const Origin& origin);

struct Problem {
  Origin origin;
  std::string key;  // empty when it is about no key
  std::string text;
};

/// `polymq.toml:12: amqp.prot: unknown key; did you mean 'amqp.port'?`
std::string to_text(const Problem& problem);
/// One problem a line, without a line end behind the last.
std::string to_text(const std::vector<Problem>& problems);

}  // namespace polymq::server::config
