// Users and keys by file, checked against the settings and each other.
#include "server/users.h"

#include "auth/users_file.h"

namespace polymq::server {
namespace {

Result<void> check_keys(const auth::AccessKeys& keys, const auth::Directory& users,
                        const std::string& file) {
  for (const auth::AccessKey& key : keys.all()) {
    if (users.find(key.user) != nullptr) continue;
    return fail(file + ": there is no user '" + key.user + "', whose key '" + key.id + "' is");
  }
  return {};
}

Result<void> check_named(const auth::Directory& users, std::string_view key,
                         const std::string& user) {
  if (users.find(user) != nullptr) return {};
  return fail(std::string(key) + ": there is no user '" + user + "'");
}

}  // namespace

Result<Access> load_access(const Config& settings, bool needs_keys) {
  auto users = auth::load_directory(settings.auth.users_file, settings.auth.loopback_users);
  if (!users) return tl::make_unexpected(users.error());
  Result<void> good;
  if (const std::string& anonymous = settings.auth.anonymous_user; !anonymous.empty()) {
    good = check_named(**users, "auth.anonymous_user", anonymous);
  }
  if (good && !needs_keys && settings.sqs.is_served()) {
    good = check_named(**users, "sqs.user", settings.sqs.user);
  }
  if (!good) return tl::make_unexpected(good.error());
  if (!needs_keys) return Access{*users, std::make_shared<const auth::AccessKeys>()};

  const std::string& file = settings.sqs.keys_file;
  if (file.empty()) return fail("sqs.keys_file: is needed for sqs.auth = \"required\"");
  auto keys = auth::load_access_keys(file);
  if (!keys) return tl::make_unexpected(keys.error());
  if (good = check_keys(**keys, **users, file); !good) return tl::make_unexpected(good.error());
  return Access{*users, *keys};
}

}  // namespace polymq::server
