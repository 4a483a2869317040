// The only place of this room, with what reads its tables, that knows toml++.
#include "auth/table_reader.h"

#include <algorithm>

#include "base/suggest.h"

namespace polymq::auth {

void TableReader::problem(const toml::node& node, const std::string& text) {
  problem(static_cast<std::size_t>(node.source().begin.line), text);
}

void TableReader::problem(std::size_t line, const std::string& text) {
  problems_ += (problems_.empty() ? "" : "\n") + file_ + ":" + std::to_string(line) + ": " + text;
}

void TableReader::check_names(const toml::table& table, Names allowed) {
  for (const auto& [name, node] : table) {
    if (std::find(allowed.begin(), allowed.end(), name.str()) != allowed.end()) continue;
    problem(name.source().begin.line,
            std::string(name.str()) + ": unknown key" +
                did_you_mean(name.str(), {allowed.begin(), allowed.size()}));
  }
}

template <class T>
T TableReader::value(const toml::table& table, std::string_view name, std::string_view kind,
                     T otherwise) {
  const toml::node* node = table.get(name);
  if (node == nullptr) return otherwise;
  if (const auto exact = node->value_exact<T>()) return *exact;
  problem(*node, std::string(name) + ": expected " + std::string(kind));
  return otherwise;
}

std::string TableReader::text(const toml::table& table, std::string_view name) {
  return value<std::string>(table, name, "a string", "");
}

std::int64_t TableReader::integer(const toml::table& table, std::string_view name,
                                  std::int64_t otherwise) {
  return value<std::int64_t>(table, name, "a whole number", otherwise);
}

std::string TableReader::required_text(const toml::table& table, std::string_view name) {
  std::string given = text(table, name);
  if (!table.contains(name)) {
    problem(table, "needs '" + std::string(name) + "'");
  } else if (given.empty() && table.get(name)->is_string()) {
    problem(*table.get(name), std::string(name) + ": must not be empty");
  }
  return given;
}

std::vector<const toml::table*> TableReader::tables(const toml::table& parent,
                                                    std::string_view name) {
  std::vector<const toml::table*> found;
  const toml::node* node = parent.get(name);
  if (node == nullptr) return found;
  const toml::array* array = node->as_array();
  if (array != nullptr) {
    for (const toml::node& element : *array) {
      if (element.is_table()) found.push_back(element.as_table());
    }
  }
  if (array == nullptr || found.size() != array->size()) {
    problem(*node, std::string(name) + ": expected a list of tables");
  }
  return found;
}

std::vector<std::string> TableReader::texts(const toml::table& table, std::string_view name) {
  std::vector<std::string> found;
  const toml::node* node = table.get(name);
  if (node == nullptr) return found;
  const toml::array* array = node->as_array();
  if (array != nullptr) {
    for (const toml::node& element : *array) {
      if (const auto* string = element.as_string()) found.push_back(string->get());
    }
  }
  if (array == nullptr || found.size() != array->size()) {
    problem(*node, std::string(name) + ": expected a list of strings");
  }
  return found;
}

Result<void> read_tables(std::string_view text, TableReader& reader, const std::string& file,
                         const std::function<void(const toml::table& root)>& read) {
  try {
    read(toml::parse(text, std::string_view(file)));
  } catch (const toml::parse_error& error) {
    return fail(file + ":" + std::to_string(error.source().begin.line) + ": " +
                std::string(error.description()));
  }
  if (!reader.problems().empty()) return fail(reader.problems());
  return {};
}

}  // namespace polymq::auth
