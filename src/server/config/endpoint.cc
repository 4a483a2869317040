// Parsing of addresses to listen on.
#include "server/config/endpoint.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <array>
#include <charconv>

namespace polymq::server {
namespace {

constexpr std::string_view kUnix = "unix:";

bool is_address(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(family, text.c_str(), bytes.data()) == 1;
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc{} && stop == end && port != 0;
}

}  // namespace

Result<std::string> parse_address(std::string_view text) {
  if (text.empty() || text == "*") return std::string();
  std::string bare(text);
  if (text.starts_with('[') && text.ends_with(']')) {
    bare = text.substr(1, text.size() - 2);
    if (is_address(AF_INET6, bare)) return bare;
  } else if (is_address(AF_INET, bare) || is_address(AF_INET6, bare)) {
    return bare;
  }
  return fail("'" + std::string(text) + "' is not an IP address such as 127.0.0.1 or ::1");
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const auto refused = [&] {
    return fail("'" + std::string(text) +
                "' is not an endpoint such as 127.0.0.1:5672, [::1]:5672, *:5672 or "
                "unix:/run/polymq.sock");
  };
  Endpoint endpoint;
  if (text.starts_with(kUnix)) {
    endpoint.is_unix = true;
    endpoint.address = text.substr(kUnix.size());
    if (!endpoint.address.starts_with('/')) return refused();
    if (endpoint.address.size() >= sizeof(sockaddr_un::sun_path)) {
      return fail("the path of the Unix socket '" + endpoint.address + "' is too long");
    }
    return endpoint;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return refused();
  const std::string_view host = text.substr(0, colon);
  const bool bare_ipv6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
  const auto address = parse_address(host);
  if (bare_ipv6 || !address || !parse_port(text.substr(colon + 1), endpoint.port)) return refused();
  endpoint.address = *address;
  return endpoint;
}

std::string to_text(const Endpoint& endpoint) {
  if (endpoint.is_unix) return std::string(kUnix) + endpoint.address;
  std::string host = endpoint.address.empty() ? "*" : endpoint.address;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return host + ":" + std::to_string(endpoint.port);
}

}  // namespace polymq::server
