// What a node lists, as a table or as JSON.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace polymq::cli {

/// Adds --formatter, which chooses between "table" (the default) and "json".
void add_formatter_option(CLI::App& app, std::string& formatter);

/// Prints the objects of the JSON array `list`, but for members that are not asked for. As a table:
/// a line of `columns` and one for each object, a tab between the columns, control characters
/// escaped as in JSON. Exit code.
int print_listing(const std::string& list, const std::vector<std::string>& columns,
                  const std::string& formatter);

}  // namespace polymq::cli
