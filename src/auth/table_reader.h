// Reading TOML tables of known keys, with every mistake told as `file:line: ...`.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace polymq::auth {

/// Collects what is wrong while somebody asks for what should be there; what cannot be read is
/// given as empty.
class TableReader {
 public:
  using Names = std::initializer_list<std::string_view>;

  explicit TableReader(const std::string& file) : file_(file) {}

  /// Nothing, or a line for each mistake.
  const std::string& problems() const { return problems_; }

  void problem(const toml::node& node, const std::string& text);
  /// Other keys than these are mistakes.
  void check_names(const toml::table& table, Names allowed);
  std::string text(const toml::table& table, std::string_view name);
  std::string required_text(const toml::table& table, std::string_view name);
  std::int64_t integer(const toml::table& table, std::string_view name, std::int64_t otherwise);
  /// The tables of a list of tables.
  std::vector<const toml::table*> tables(const toml::table& parent, std::string_view name);
  std::vector<std::string> texts(const toml::table& table, std::string_view name);

 private:
  template <class T>
  T value(const toml::table& table, std::string_view name, std::string_view kind, T otherwise);
  void problem(std::size_t line, const std::string& text);

  const std::string& file_;
  std::string problems_;
};

/// Parses `text`, named `file`, and lets `read` look at it. Error: no TOML at all, or the problems
/// that `reader` has collected.
Result<void> read_tables(std::string_view text, TableReader& reader, const std::string& file,
                         const std::function<void(const toml::table& root)>& read);

}  // namespace polymq::auth
