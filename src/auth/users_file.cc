// Reading of the users file; the only place of this room that knows toml++.
#include "auth/users_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "base/suggest.h"

namespace polymq::auth {
namespace {

using Names = std::initializer_list<std::string_view>;

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  std::vector<User> read(const toml::table& root) {
    check_names(root, {"users"});
    std::vector<User> users;
    std::set<std::string> names;
    for (const toml::table* table : tables(root, "users")) {
      users.push_back(user(*table));
      if (!users.back().name.empty() && !names.insert(users.back().name).second) {
        problem(*table->get("name"), "user '" + users.back().name + "' is there twice");
      }
    }
    return users;
  }
  const std::string& problems() const { return problems_; }

 private:
  void problem(const toml::node& node, const std::string& text) {
    problem(static_cast<std::size_t>(node.source().begin.line), text);
  }
  void problem(std::size_t line, const std::string& text) {
    problems_ += (problems_.empty() ? "" : "\n") + file_ + ":" + std::to_string(line) + ": " + text;
  }

  void check_names(const toml::table& table, Names allowed) {
    for (const auto& [name, node] : table) {
      if (std::find(allowed.begin(), allowed.end(), name.str()) != allowed.end()) continue;
      problem(name.source().begin.line,
              std::string(name.str()) + ": unknown key" +
                  did_you_mean(name.str(), {allowed.begin(), allowed.size()}));
    }
  }

  template <class T>
  T value(const toml::table& table, std::string_view name, std::string_view kind, T otherwise) {
    const toml::node* node = table.get(name);
    if (node == nullptr) return otherwise;
    if (const auto exact = node->value_exact<T>()) return *exact;
    problem(*node, std::string(name) + ": expected " + std::string(kind));
    return otherwise;
  }
  std::string text(const toml::table& table, std::string_view name) {
    return value<std::string>(table, name, "a string", "");
  }
  std::string required_text(const toml::table& table, std::string_view name) {
    std::string given = text(table, name);
    if (!table.contains(name)) {
      problem(table, "needs '" + std::string(name) + "'");
    } else if (given.empty() && table.get(name)->is_string()) {
      problem(*table.get(name), std::string(name) + ": must not be empty");
    }
    return given;
  }
  std::int64_t limit(const toml::table& table, std::string_view name) {
    const auto given = value<std::int64_t>(table, name, "a whole number", -1);
    if (given < -1) {
      problem(*table.get(name), std::string(name) + ": must be -1 (unlimited), 0 or more");
    }
    return given;
  }

  std::vector<const toml::table*> tables(const toml::table& parent, std::string_view name) {
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

  std::vector<std::string> texts(const toml::table& table, std::string_view name) {
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

  std::optional<NamePattern> pattern(const toml::table& table, std::string_view name,
                                     Result<std::optional<NamePattern>> compiled) {
    if (compiled) return *std::move(compiled);
    problem(*table.get(name), std::string(name) + ": " + compiled.error().text);
    return std::nullopt;
  }

  std::optional<PasswordHash> password(const toml::table& table) {
    const bool plain = table.contains("password");
    const bool hashed = table.contains("password_hash");
    const std::string algorithm_name = text(table, "hashing_algorithm");
    if (plain && hashed) problem(table, "password and password_hash exclude each other");
    const auto algorithm =
        algorithm_name.empty() ? HashAlgorithm::kSha256 : parse_hash_algorithm(algorithm_name);
    if (!algorithm) {
      problem(*table.get("hashing_algorithm"),
              "hashing_algorithm: '" + algorithm_name + "' is neither sha256 nor sha512");
      return std::nullopt;
    }
    if (plain) return PasswordHash::make(text(table, "password"), *algorithm);
    const std::string base64 = text(table, "password_hash");
    if (base64.empty()) return std::nullopt;
    auto hash = PasswordHash::parse(base64, *algorithm);
    if (hash) return *std::move(hash);
    problem(*table.get("password_hash"), "password_hash: " + hash.error().text);
    return std::nullopt;
  }

  Permission permission(const toml::table& table) {
    check_names(table, {"vhost", "configure", "write", "read"});
    Permission row{.vhost = required_text(table, "vhost")};
    if (row.vhost == "*") {
      row.every_vhost = true;
      row.vhost.clear();
    }
    const auto compile = [&](std::string_view name) {
      return pattern(table, name, permission_pattern(text(table, name)));
    };
    row.configure = compile("configure");
    row.write = compile("write");
    row.read = compile("read");
    return row;
  }

  TopicPermission topic_permission(const toml::table& table, const std::string& user) {
    check_names(table, {"vhost", "exchange", "write", "read"});
    TopicPermission row{.vhost = required_text(table, "vhost"),
                        .exchange = required_text(table, "exchange")};
    const auto compile = [&](std::string_view name) {
      return pattern(table, name, topic_pattern(text(table, name), user, row.vhost));
    };
    row.write = compile("write");
    row.read = compile("read");
    return row;
  }

  User user(const toml::table& table) {
    check_names(table, {"name", "password", "password_hash", "hashing_algorithm", "tags",
                        "permissions", "topic_permissions", "max_connections", "max_channels"});
    User made{.name = required_text(table, "name"),
              .password = password(table),
              .tags = texts(table, "tags"),
              .max_connections = limit(table, "max_connections"),
              .max_channels = limit(table, "max_channels")};
    for (const toml::table* row : tables(table, "permissions")) {
      made.permissions.push_back(permission(*row));
    }
    for (const toml::table* row : tables(table, "topic_permissions")) {
      made.topic_permissions.push_back(topic_permission(*row, made.name));
    }
    return made;
  }

  const std::string& file_;
  std::string problems_;
};

}  // namespace

Result<std::vector<User>> parse_users(std::string_view toml, const std::string& file) {
  try {
    Reader reader(file);
    std::vector<User> users = reader.read(toml::parse(toml, std::string_view(file)));
    if (!reader.problems().empty()) return fail(reader.problems());
    return users;
  } catch (const toml::parse_error& error) {
    return fail(file + ":" + std::to_string(error.source().begin.line) + ": " +
                std::string(error.description()));
  }
}

Result<std::shared_ptr<const Directory>> load_directory(
    const std::string& file, const std::vector<std::string>& loopback_users) {
  if (file.empty()) return std::make_shared<const Directory>(default_users(), loopback_users);
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) {
    return fail(file + ": cannot read the users file: " +
                std::generic_category().message(errno == 0 ? EIO : errno));
  }
  auto users = parse_users(text, file);
  if (!users) return tl::make_unexpected(users.error());
  return std::make_shared<const Directory>(*std::move(users), loopback_users);
}

}  // namespace polymq::auth
