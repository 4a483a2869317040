// Tables as rabbitmqctl prints them: a tab between columns.
#include "cli/listing.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/exit_code.h"

namespace polymq::cli {
namespace {

using Json = nlohmann::ordered_json;

/// One line, without tabs.
std::string cell(const Json& object, const std::string& column) {
  const auto member = object.find(column);
  if (member == object.end()) return "";
  std::string text = member->dump();
  if (!member->is_string()) return text;
  // What is escaped for JSON's sake alone needs none here.
  std::string plain;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
    plain += text[i];
  }
  return plain;
}

void print_table(const Json& list, const std::vector<std::string>& columns) {
  const auto print = [&](const auto& text_of) {
    std::string line;
    for (const std::string& column : columns) {
      if (!line.empty() || &column != &columns.front()) line += '\t';
      line += text_of(column);
    }
    std::puts(line.c_str());
  };
  print([](const std::string& column) { return column; });
  for (const Json& object : list) {
    print([&](const std::string& column) { return cell(object, column); });
  }
}

}  // namespace

void add_formatter_option(CLI::App& app, std::string& formatter) {
  app.add_option("--formatter", formatter, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

int print_listing(const std::string& list, const std::vector<std::string>& columns,
                  const std::string& formatter) {
  const Json all = Json::parse(list);
  if (formatter == "table") {
    print_table(all, columns);
    return kOk;
  }
  Json chosen = Json::array();
  for (const Json& object : all) {
    Json one = Json::object();
    for (const std::string& column : columns) {
      if (const auto member = object.find(column); member != object.end()) one[column] = *member;
    }
    chosen.push_back(std::move(one));
  }
  std::puts(chosen.dump().c_str());
  return kOk;
}

}  // namespace polymq::cli
