// The `store` commands: looking into a data folder.
#pragma once

#include <string>

namespace polymq::cli {

/// Prints every record of the journal. Exit code.
int store_dump(const std::string& folder);
/// Reads everything and says what is wrong, and how much of what there is. Exit code: 1 if
/// something is damaged.
int store_check(const std::string& folder);
/// Asks the broker that uses the folder what takes its space, and prints that. Exit code.
int store_usage(const std::string& folder);
/// Makes a damaged folder whole again and says what that cost. Exit code: 0 if it is whole now.
int store_repair(const std::string& folder);

}  // namespace polymq::cli
