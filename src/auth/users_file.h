// The file with users and their permissions.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/directory.h"
#include "base/result.h"

namespace polymq::auth {

/// Reads [[users]] tables:
///
///   [[users]]
///   name = "app"
///   password = "secret"               # or password_hash = "...", as RabbitMQ exports it, with
///   hashing_algorithm = "sha256"      # sha256 (default) or sha512
///   tags = ["management"]
///   permissions = [{vhost = "/", configure = "", write = ".*", read = "^orders"}]
///   topic_permissions = [{vhost = "/", exchange = "amq.topic", write = "^{username}\\.", read =
///   ""}] max_connections = 100             # -1 = unlimited (default), 0 = none max_channels = -1
///
/// `vhost = "*"` in permissions stands for every vhost without a row of its own. A user without
/// password cannot log in with one. Error: all that is wrong, a line each, as `file:line: ...`.
Result<std::vector<User>> parse_users(std::string_view toml, const std::string& file);

/// The directory of that file; without a file (empty name) of default_users().
Result<std::shared_ptr<const Directory>> load_directory(
    const std::string& file, const std::vector<std::string>& loopback_users);

}  // namespace polymq::auth
