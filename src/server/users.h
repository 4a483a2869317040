// The users and access keys that a configuration names.
#pragma once

#include <memory>

#include "auth/access_keys.h"
#include "auth/directory.h"
#include "base/result.h"
#include "server/config/config.h"

namespace polymq::server {

/// Who may do something, at one moment.
struct Access {
  std::shared_ptr<const auth::Directory> users;
  std::shared_ptr<const auth::AccessKeys> keys;  // without sqs.auth none
};

/// Reads the users file, or gives the default users without one, and the keys file. Error: what is
/// wrong with the files, or with settings that name users. `needs_keys`: with sqs.auth, whatever
/// the settings say about that.
Result<Access> load_access(const Config& settings, bool needs_keys);

}  // namespace polymq::server
