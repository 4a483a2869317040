// Verdicts over a snapshot of users.
#include "auth/directory.h"

#include <algorithm>
#include <utility>

namespace polymq::auth {
namespace {

std::string escape(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || static_cast<unsigned char>(c) >= 0x80;
    if (!word) out += '\\';
    out += c;
  }
  return out;
}

void replace_all(std::string& text, std::string_view variable, const std::string& value) {
  for (std::size_t at = 0; (at = text.find(variable, at)) != std::string::npos;) {
    text.replace(at, variable.size(), value);
    at += value.size();
  }
}

bool matches(const std::optional<NamePattern>& pattern, std::string_view name) {
  return pattern.has_value() && pattern->matches(name);
}

}  // namespace

Result<std::optional<NamePattern>> permission_pattern(std::string_view text) {
  if (text.empty()) return std::optional<NamePattern>{};
  return NamePattern::compile(text).map(
      [](NamePattern&& pattern) { return std::optional(std::move(pattern)); });
}

Result<std::optional<NamePattern>> topic_pattern(std::string_view text, std::string_view user,
                                                 std::string_view vhost) {
  std::string expanded(text);
  // The vhost first: a user's name cannot smuggle a variable in, a vhost's name could.
  replace_all(expanded, "{vhost}", escape(vhost));
  replace_all(expanded, "{username}", escape(user));
  return permission_pattern(expanded);
}

Directory::Directory(std::vector<User> users, const std::vector<std::string>& loopback_users) {
  for (User& user : users) {
    std::string name = user.name;
    const bool loopback =
        std::find(loopback_users.begin(), loopback_users.end(), name) != loopback_users.end();
    users_.try_emplace(std::move(name), Entry{std::move(user), loopback});
  }
}

const User* Directory::find(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : &found->second.user;
}

const User* Directory::authenticate(std::string_view name, std::string_view password) const {
  static const PasswordHash kNobody = PasswordHash::make("nobody");
  const User* const user = find(name);
  const bool has_password = user != nullptr && user->password.has_value();
  const bool right = (has_password ? *user->password : kNobody).verify(password);
  return has_password && right ? user : nullptr;
}

bool Directory::loopback_only(std::string_view user) const {
  const auto found = users_.find(user);
  return found != users_.end() && found->second.loopback_only;
}

const Permission* Directory::permission(std::string_view user, std::string_view vhost) const {
  const User* const found = find(user);
  if (found == nullptr) return nullptr;
  const Permission* general = nullptr;
  for (const Permission& row : found->permissions) {
    if (row.every_vhost) {
      general = &row;
    } else if (row.vhost == vhost) {
      return &row;
    }
  }
  return general;
}

bool Directory::vhost_allowed(std::string_view user, std::string_view vhost) const {
  return permission(user, vhost) != nullptr;
}

bool Directory::allowed(std::string_view user, std::string_view vhost, Access access,
                        std::string_view resource) const {
  const Permission* const row = permission(user, vhost);
  if (row == nullptr) return false;
  switch (access) {
    case Access::kConfigure:
      return matches(row->configure, resource);
    case Access::kWrite:
      return matches(row->write, resource);
    case Access::kRead:
      return matches(row->read, resource);
  }
  return false;
}

bool Directory::topic_allowed(std::string_view user, std::string_view vhost, Access access,
                              std::string_view exchange, std::string_view routing_key) const {
  const User* const found = find(user);
  if (found == nullptr) return false;
  if (access == Access::kConfigure) return true;
  for (const TopicPermission& row : found->topic_permissions) {
    if (row.vhost == vhost && row.exchange == exchange) {
      return matches(access == Access::kWrite ? row.write : row.read, routing_key);
    }
  }
  return true;
}

std::vector<User> default_users() {
  const std::optional<NamePattern> everything = NamePattern::compile(".*").value();
  User guest{.name = "guest", .password = PasswordHash::make("guest"), .tags = {"administrator"}};
  guest.permissions.push_back({.vhost = "",
                               .every_vhost = true,
                               .configure = everything,
                               .write = everything,
                               .read = everything});
  return {std::move(guest)};
}

}  // namespace polymq::auth
