// All users and what each may do, at one moment.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/password.h"
#include "base/name_pattern.h"

namespace polymq::auth {

enum class Access : std::uint8_t { kConfigure, kWrite, kRead };

/// What a user may do in a vhost, by the names of queues and exchanges. No pattern: nothing.
struct Permission {
  std::string vhost;
  bool every_vhost = false;  // then `vhost` is empty; a row for the vhost itself comes first
  std::optional<NamePattern> configure = {};
  std::optional<NamePattern> write = {};
  std::optional<NamePattern> read = {};
};

/// What a user may publish and bind with on a topic exchange, by routing key.
struct TopicPermission {
  std::string vhost;
  std::string exchange;
  std::optional<NamePattern> write = {};
  std::optional<NamePattern> read = {};
};

struct User {
  std::string name;
  std::optional<PasswordHash> password = {};  // none: no login with a password
  std::vector<std::string> tags = {};  // "administrator", ...: for management, not for resources
  std::vector<Permission> permissions = {};
  std::vector<TopicPermission> topic_permissions = {};
  std::int64_t max_connections = -1;  // -1 = unlimited, 0 = none allowed
  std::int64_t max_channels = -1;
};

/// A pattern of a permission: the empty text permits nothing.
Result<std::optional<NamePattern>> permission_pattern(std::string_view text);

/// The same for topics, in which `{username}` and `{vhost}` stand for these names, literally.
Result<std::optional<NamePattern>> topic_pattern(std::string_view text, std::string_view user,
                                                 std::string_view vhost);

/// Immutable: shared by all shards as shared_ptr<const Directory>; a change is a new Directory.
class Directory {
 public:
  /// Names in `loopback_users` need not exist. Names in `users` are distinct.
  Directory(std::vector<User> users, const std::vector<std::string>& loopback_users);

  /// The user, valid as long as the directory; or null.
  const User* find(std::string_view name) const;

  /// The user if the password is right, else null. Takes the same time for unknown users.
  const User* authenticate(std::string_view name, std::string_view password) const;

  /// May only connect from this machine.
  bool loopback_only(std::string_view user) const;

  /// May open connections to the vhost: has a row for it, whatever it permits.
  bool vhost_allowed(std::string_view user, std::string_view vhost) const;

  /// `resource`: name of a queue or exchange; the default exchange is `amq.default` here.
  bool allowed(std::string_view user, std::string_view vhost, Access access,
               std::string_view resource) const;

  /// For topic exchanges, in addition to allowed(). Write is asked at publish, read at bind. True
  /// when the user has no row for this exchange; kConfigure is always true.
  bool topic_allowed(std::string_view user, std::string_view vhost, Access access,
                     std::string_view exchange, std::string_view routing_key) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };
  struct Entry {
    User user;
    bool loopback_only = false;
  };
  const Permission* permission(std::string_view user, std::string_view vhost) const;

  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> users_;
};

/// What there is without a users file: guest with password guest, an administrator who may do
/// everything in every vhost.
std::vector<User> default_users();

}  // namespace polymq::auth
