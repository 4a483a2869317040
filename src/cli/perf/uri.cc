// Taking amqp:// addresses apart.
#include "cli/perf/uri.h"

#include <charconv>
#include <optional>

namespace polymq::perf {
namespace {

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

Result<std::string> decode_percent(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const auto high = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
    if (!high || !low) return fail("'%' must be followed by two hexadecimal digits");
    decoded += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return decoded;
}

/// Decodes `text` into `out`; the error, if any.
Result<void> take(std::string_view text, std::string& out) {
  auto decoded = decode_percent(text);
  if (!decoded) return tl::make_unexpected(decoded.error());
  out = std::move(*decoded);
  return {};
}

Result<void> take_login(std::string_view login, Endpoint& out) {
  const std::size_t colon = login.find(':');
  if (auto user = take(login.substr(0, colon), out.user); !user) return user;
  if (colon == std::string_view::npos) return {};
  return take(login.substr(colon + 1), out.password);
}

Result<void> take_address(std::string_view address, Endpoint& out) {
  std::size_t host_end = address.find(':');
  std::string_view host = address.substr(0, host_end);
  if (address.starts_with('[')) {  // an IPv6 address
    const std::size_t close = address.find(']');
    if (close == std::string_view::npos) return fail("'[' without ']'");
    host = address.substr(1, close - 1);
    host_end = close + 1 < address.size() ? close + 1 : std::string_view::npos;
  }
  if (!host.empty()) {
    if (auto taken = take(host, out.host); !taken) return taken;
  }
  if (host_end == std::string_view::npos) return {};
  const std::string_view port = address.substr(host_end + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc{} || end != port.data() + port.size() || out.port == 0) {
    return fail("'" + std::string(port) + "' is not a port");
  }
  return {};
}

Result<Endpoint> parse_after_scheme(std::string_view rest) {
  Endpoint endpoint;
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const auto login = take_login(authority.substr(0, at), endpoint);
    if (!login) return tl::make_unexpected(login.error());
    authority = authority.substr(at + 1);
  }
  const auto address = take_address(authority, endpoint);
  if (!address) return tl::make_unexpected(address.error());
  if (slash != std::string_view::npos) {
    const auto vhost = take(rest.substr(slash + 1), endpoint.virtual_host);
    if (!vhost) return tl::make_unexpected(vhost.error());
  }
  return endpoint;
}

}  // namespace

Result<Endpoint> parse_uri(std::string_view uri) {
  constexpr std::string_view kScheme = "amqp://";
  if (!uri.starts_with(kScheme)) {
    return fail("'" + std::string(uri) + "' does not begin with amqp:// (TLS is not supported)");
  }
  auto endpoint = parse_after_scheme(uri.substr(kScheme.size()));
  if (!endpoint) return fail("'" + std::string(uri) + "': " + endpoint.error().text);
  return endpoint;
}

}  // namespace polymq::perf
