// The users that a configuration names.
#pragma once

#include <memory>

#include "auth/directory.h"
#include "base/result.h"
#include "server/config/config.h"

namespace polymq::server {

/// Reads the users file, or gives the default users without one. Error: what is wrong with the
/// file, or with settings that name users.
Result<std::shared_ptr<const auth::Directory>> load_users(const Config::Auth& settings);

}  // namespace polymq::server
