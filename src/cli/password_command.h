// `polymq hash-password` and `polymq make-access-key`.
#pragma once

#include <string>

namespace polymq::cli {

/// Reads one line from standard input (without echo from a terminal) and prints the hash that a
/// users file takes as password_hash. Returns the exit code.
int hash_password(const std::string& algorithm);

/// Prints a new access key of that user, as a table for a keys file. Returns the exit code.
int make_access_key(const std::string& user);

}  // namespace polymq::cli
