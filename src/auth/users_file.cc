// Reading of the users file.
#include "auth/users_file.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "auth/table_reader.h"

namespace polymq::auth {
namespace {

class Reader : public TableReader {
 public:
  using TableReader::TableReader;

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

 private:
  std::int64_t limit(const toml::table& table, std::string_view name) {
    const auto given = integer(table, name, -1);
    if (given < -1) {
      problem(*table.get(name), std::string(name) + ": must be -1 (unlimited), 0 or more");
    }
    return given;
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
};

}  // namespace

Result<std::vector<User>> parse_users(std::string_view toml, const std::string& file) {
  Reader reader(file);
  std::vector<User> users;
  const auto done =
      read_tables(toml, reader, file, [&](const toml::table& root) { users = reader.read(root); });
  if (!done) return tl::make_unexpected(done.error());
  return users;
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
