// Reads a TOML document into flat entries with their lines; knows no keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config/problem.h"
#include "server/config/value.h"

namespace polymq::server::config {

/// A value that is not a table, with the path of the tables around it: "amqp.port". Tables below
/// a path that `is_value` accepts are values, too.
struct Entry {
  std::string path;
  Given given;
  Origin origin;
};

/// One [[name]] table; "sqs.queues" for [[sqs.queues]]. Its entries' paths are relative to it.
struct TableEntry {
  std::string name;
  std::vector<Entry> entries;
  Origin origin;
};

struct Document {
  std::vector<Entry> entries;
  std::vector<TableEntry> tables;
};

/// Where a document has a table as a value: the path relative to the [[table]] around it.
using IsValue = bool (*)(std::string_view path);

/// `file`: the name for origins. What is no TOML at all is one problem with its line, and the
/// document is empty.
Document read_toml(std::string_view text, const std::string& file, IsValue is_value,
                   std::vector<Problem>& problems);

}  // namespace polymq::server::config
