// Users by file, checked against the settings.
#include "server/users.h"

#include "auth/users_file.h"

namespace polymq::server {

Result<std::shared_ptr<const auth::Directory>> load_users(const Config::Auth& settings) {
  auto directory = auth::load_directory(settings.users_file, settings.loopback_users);
  if (!directory) return directory;
  const std::string& anonymous = settings.anonymous_user;
  if (!anonymous.empty() && (*directory)->find(anonymous) == nullptr) {
    return fail("auth.anonymous_user: there is no user '" + anonymous + "'");
  }
  return directory;
}

}  // namespace polymq::server
