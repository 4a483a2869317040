// The header with which load balancers tell a connection's real peer: PROXY protocol, version 1
// (text) and 2 (binary).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace polymq::server {

/// An address as the header tells it. IPv4 is mapped into IPv6.
struct ProxyAddress {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;
  bool operator==(const ProxyAddress&) const = default;
};

struct ProxyHeader {
  /// Nothing: the balancer speaks for itself (health check: LOCAL) or of a peer that is neither
  /// IPv4 nor IPv6 (UNKNOWN, UNSPEC, UNIX); then the socket's own addresses count.
  std::optional<ProxyAddress> source;
  std::optional<ProxyAddress> destination;
  std::size_t size = 0;  // octets of the header; what follows is the client's
};

struct ProxyResult {
  enum class Kind : std::uint8_t { kNeedMore, kHeader, kInvalid };
  Kind kind = Kind::kNeedMore;
  ProxyHeader header = {};  // if kHeader
};

/// No header is longer: 107 octets in version 1; version 2 with more TLVs than that is refused.
inline constexpr std::size_t kMaxProxyHeader = 1024;

/// Looks at the first octets of a connection; to be called again with more of them (the same ones
/// first) while it says kNeedMore, which it never does for kMaxProxyHeader octets or more.
ProxyResult parse_proxy_header(std::string_view received);

}  // namespace polymq::server
