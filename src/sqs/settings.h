// What the operator has said about this dialect.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "auth/access_keys.h"
#include "auth/directory.h"

namespace polymq::sqs {

/// Shared by all shards, unchanged while the server runs.
struct Settings {
  std::string vhost = "/";  // where queues are
  std::string account = "000000000000";
  std::string region = "us-east-1";  // of requests that tell none
  std::string public_url;            // what queue URLs begin with; empty: as the client came
  bool trusts_proxy = false;         // X-Forwarded-Host and -Proto tell how it came
  std::string handle_key;            // receipt handles are signed with it
  std::string user = "guest";        // on whose behalf requests are done that nobody signs
  bool verifies = false;             // requests must be signed with an access key
  /// The users at this moment. Any thread.
  std::function<std::shared_ptr<const auth::Directory>()> directory;
  /// The access keys at this moment; asked when `verifies`. Any thread.
  std::function<std::shared_ptr<const auth::AccessKeys>()> keys;
};

}  // namespace polymq::sqs
