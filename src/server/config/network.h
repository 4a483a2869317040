// A range of IP addresses, as in 10.0.0.0/8.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace polymq::server {

/// IPv4 ranges are kept as IPv4-mapped IPv6 ones, so that an IPv4 peer of a dual-stack listener
/// is found in them too.
struct Network {
  std::array<std::uint8_t, 16> address{};
  std::uint8_t prefix = 0;  // significant bits of `address`, 0 to 128

  /// `peer`: an IPv6 or IPv4-mapped IPv6 address.
  bool contains(const std::array<std::uint8_t, 16>& peer) const;
  bool operator==(const Network&) const = default;
};

/// `10.0.0.0/8`, `fd00::/8`, or a single address. Bits behind the prefix must be zero.
Result<Network> parse_network(std::string_view text);

/// The 16 octets of an IPv4 (mapped) or IPv6 address in text form.
Result<std::array<std::uint8_t, 16>> parse_ip(std::string_view text);

}  // namespace polymq::server
