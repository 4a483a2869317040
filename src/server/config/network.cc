// Parsing of address ranges and membership.
#include "server/config/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>

namespace polymq::server {
namespace {

constexpr std::uint8_t kMappedBits = 96;

/// True when the first `bits` bits of a and b are the same.
bool same_prefix(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b,
                 std::uint8_t bits) {
  const std::size_t whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFF << (8 - bits % 8));
  return (a[whole] & mask) == (b[whole] & mask);
}

}  // namespace

bool Network::contains(const std::array<std::uint8_t, 16>& peer) const {
  return same_prefix(address, peer, prefix);
}

Result<std::array<std::uint8_t, 16>> parse_ip(std::string_view text) {
  const std::string terminated(text);
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return bytes;
  bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (::inet_pton(AF_INET, terminated.c_str(), bytes.data() + kMappedBits / 8) == 1) return bytes;
  return fail("'" + terminated + "' is not an IP address");
}

Result<Network> parse_network(std::string_view text) {
  const auto refused = [&] {
    return fail("'" + std::string(text) + "' is not a range of addresses such as 10.0.0.0/8");
  };
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const auto address = parse_ip(host);
  if (!address) return refused();
  const bool ipv4 = host.find(':') == std::string_view::npos;
  unsigned bits = ipv4 ? 32 : 128;
  if (slash != std::string_view::npos) {
    const unsigned most = bits;
    const std::string_view digits = text.substr(slash + 1);
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, bits);
    if (error != std::errc{} || stop != end || bits > most) return refused();
  }
  Network network{*address, static_cast<std::uint8_t>(ipv4 ? bits + kMappedBits : bits)};
  for (unsigned bit = network.prefix; bit < 128; ++bit) {
    if ((network.address[bit / 8] & (0x80u >> (bit % 8))) != 0) {
      return fail("'" + std::string(text) + "' has address bits set behind its prefix");
    }
  }
  return network;
}

}  // namespace polymq::server
