// The only place of the server that knows toml++.
#include "server/config/toml_reader.h"

#include <toml++/toml.h>

#include <utility>

namespace polymq::server::config {
namespace {

engine::Value to_value(const toml::node& node);

engine::Fields to_fields(const toml::table& table) {
  engine::Fields fields;
  for (const auto& [name, node] : table) {
    fields.push_back({std::string(name.str()), to_value(node)});
  }
  return fields;
}

engine::Value to_value(const toml::node& node) {
  if (const auto* value = node.as_boolean()) return engine::Value::boolean(value->get());
  if (const auto* value = node.as_integer()) return engine::Value::integer(value->get());
  if (const auto* value = node.as_floating_point()) return engine::Value::real(value->get());
  if (const auto* value = node.as_string()) return engine::Value::string(value->get());
  if (const auto* value = node.as_table()) return engine::Value::table(to_fields(*value));
  if (const auto* array = node.as_array()) {
    std::vector<engine::Value> values;
    for (const toml::node& element : *array) values.push_back(to_value(element));
    return engine::Value::array(std::move(values));
  }
  return {};  // dates and times: no policy has them, and void is refused there
}

Given to_given(const toml::node& node) {
  if (const auto* value = node.as_boolean()) return value->get();
  if (const auto* value = node.as_integer()) return std::int64_t{value->get()};
  if (const auto* value = node.as_floating_point()) return value->get();
  if (const auto* value = node.as_string()) return std::string(value->get());
  if (const auto* value = node.as_table()) return to_fields(*value);
  if (const auto* array = node.as_array()) {
    std::vector<std::string> strings;
    for (const toml::node& element : *array) {
      const auto* text = element.as_string();
      if (text == nullptr) return Unusable{"a list with something else than strings"};
      strings.push_back(text->get());
    }
    return strings;
  }
  return Unusable{"a date or time"};
}

class Reader {
 public:
  Reader(const std::string& file, IsValue is_value) : file_(file), is_value_(is_value) {}

  Document read(const toml::table& root) {
    Document document;
    flatten("", root, document.entries, &document.tables);
    return document;
  }

 private:
  Origin origin(const toml::node& node) const {
    return {Source::kFile, file_, static_cast<std::uint32_t>(node.source().begin.line)};
  }
  Origin origin(const toml::key& key) const {
    return {Source::kFile, file_, static_cast<std::uint32_t>(key.source().begin.line)};
  }

  /// `tables`: where arrays of tables go; null within one of them.
  void add(std::string path, const toml::node& node, Origin where, std::vector<Entry>& entries,
           std::vector<TableEntry>* tables) {
    const auto* array = node.as_array();
    if (tables != nullptr && array != nullptr && !array->empty() &&
        array->is_homogeneous(toml::node_type::table)) {
      for (const toml::node& element : *array) {
        TableEntry each{path, {}, origin(element)};
        flatten("", *element.as_table(), each.entries, nullptr);
        tables->push_back(std::move(each));
      }
      return;
    }
    const auto* table = node.as_table();
    // An empty table sets nothing, but its name may be wrong.
    if (table == nullptr || table->empty() || is_value_(path)) {
      entries.push_back({std::move(path), to_given(node), std::move(where)});
    } else {
      flatten(path + ".", *table, entries, tables);
    }
  }
  void flatten(const std::string& prefix, const toml::table& table, std::vector<Entry>& entries,
               std::vector<TableEntry>* tables) {
    for (const auto& [name, node] : table) {
      add(prefix + std::string(name.str()), node, origin(name), entries, tables);
    }
  }

  const std::string& file_;
  const IsValue is_value_;
};

}  // namespace

Document read_toml(std::string_view text, const std::string& file, IsValue is_value,
                   std::vector<Problem>& problems) {
  try {
    return Reader(file, is_value).read(toml::parse(text, std::string_view(file)));
  } catch (const toml::parse_error& error) {
    const auto line = static_cast<std::uint32_t>(error.source().begin.line);
    problems.push_back({{Source::kFile, file, line}, "", std::string(error.description())});
    return {};
  }
}

}  // namespace polymq::server::config
