// Access keys: who signs requests with a secret instead of sending a password.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace polymq::auth {

struct AccessKey {
  std::string id;       // 1 to 128 of A-Z a-z 0-9 _ -
  std::string secret;   // in plain text: signatures can be checked in no other way
  std::string user;     // with whose permissions its requests are done
  std::string account;  // 12 digits; empty: the account that owns the queues
};

/// All keys at one moment. Immutable, as Directory: a change is a new one.
class AccessKeys {
 public:
  AccessKeys() = default;
  /// Ids in `keys` are distinct.
  explicit AccessKeys(std::vector<AccessKey> keys);
  AccessKeys(const AccessKeys&) = delete;
  AccessKeys& operator=(const AccessKeys&) = delete;

  /// Valid as long as these keys; null when there is none.
  const AccessKey* find(std::string_view id) const;
  const std::vector<AccessKey>& all() const { return keys_; }

 private:
  std::vector<AccessKey> keys_;
  std::unordered_map<std::string_view, const AccessKey*> by_id_;  // into keys_
};

/// Reads [[keys]] tables:
///
///   [[keys]]
///   id = "PMQEXAMPLEKEY0000001"
///   secret = "..."
///   user = "shop"
///   account = "111122223333"          # only of a partner's key
///
/// Error: all that is wrong, a line each, as `file:line: ...`; never a secret.
Result<std::vector<AccessKey>> parse_access_keys(std::string_view toml, const std::string& file);

/// The keys of that file. Error: also when others than its owner may read or write it.
Result<std::shared_ptr<const AccessKeys>> load_access_keys(const std::string& file);

/// A key nobody had before, for `user`. Error: there are no random numbers to be had.
Result<AccessKey> make_access_key(std::string_view user);
/// As a table for the keys file.
std::string to_toml(const AccessKey& key);

}  // namespace polymq::auth
