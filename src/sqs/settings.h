// What the operator has said about this dialect.
#pragma once

#include <string>

namespace polymq::sqs {

/// Shared by all shards, unchanged while the server runs.
struct Settings {
  std::string vhost = "/";  // where queues are
  std::string account = "000000000000";
  std::string region = "us-east-1";  // of requests that tell none
  std::string public_url;            // what queue URLs begin with; empty: as the client came
  bool trusts_proxy = false;         // X-Forwarded-Host and -Proto tell how it came
  std::string handle_key;            // receipt handles are signed with it
};

}  // namespace polymq::sqs
