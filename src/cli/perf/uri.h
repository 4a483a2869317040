// Where and as whom to connect: amqp:// addresses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polymq::perf {

struct Endpoint {
  std::string host = "localhost";
  std::uint16_t port = 5672;
  std::string user = "guest";
  std::string password = "guest";
  std::string virtual_host = "/";
};

/// `amqp://user:password@host:port/vhost` with every part after the scheme optional,
/// percent-encoded where needed. A trailing slash names the virtual host "" (RabbitMQ's rule for
/// addresses).
Result<Endpoint> parse_uri(std::string_view uri);

}  // namespace polymq::perf
