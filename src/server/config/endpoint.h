// An address to listen on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace polymq::server {

struct Endpoint {
  /// An IPv4 or IPv6 address without brackets, the path of a Unix socket, or empty: all addresses
  /// of the machine, IPv4 and IPv6.
  std::string address;
  std::uint16_t port = 0;
  bool is_unix = false;

  bool operator==(const Endpoint&) const = default;
};

/// `127.0.0.1:5672`, `[::1]:5672`, `*:5672` (all addresses) or `unix:/run/polymq.sock`.
/// Names of hosts are not looked up.
Result<Endpoint> parse_endpoint(std::string_view text);

/// An IPv4 or IPv6 address, with or without brackets around the latter; `*` and the empty text
/// mean all addresses and yield the empty text.
Result<std::string> parse_address(std::string_view text);

/// What parse_endpoint() reads, for log lines.
std::string to_text(const Endpoint& endpoint);

}  // namespace polymq::server
