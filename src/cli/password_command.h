// `polymq hash-password`.
#pragma once

#include <string>

namespace polymq::cli {

/// Reads one line from standard input (without echo from a terminal) and prints the hash that a
/// users file takes as password_hash. Returns the exit code.
int hash_password(const std::string& algorithm);

}  // namespace polymq::cli
