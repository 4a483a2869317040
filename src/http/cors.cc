// Comparing origins, answering preflights.
#include "http/cors.h"

#include <algorithm>

namespace polymq::http {
namespace {

constexpr std::string_view kMethods = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";
constexpr std::string_view kRemember = "7200";  // seconds; browsers allow no more

/// "http://host:port" -> "host"; nothing when it is no origin of the web.
std::string_view host_of(std::string_view origin) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(origin.substr(0, scheme.size()), scheme)) continue;
    origin.remove_prefix(scheme.size());
    const std::size_t colon = origin.rfind(':');
    if (colon == std::string_view::npos || origin.ends_with(']')) return origin;
    const std::string_view port = origin.substr(colon + 1);
    const bool number = !port.empty() && port.find_first_not_of("0123456789") == port.npos;
    return number ? origin.substr(0, colon) : std::string_view();
  }
  return {};
}

/// 127.x.y.z and nothing else: 127.0.0.1.example.com is somebody's name.
bool is_loopback_ipv4(std::string_view host) {
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos &&
         std::count(host.begin(), host.end(), '.') == 3;
}

}  // namespace

bool is_local_origin(std::string_view origin) {
  const std::string_view host = host_of(origin);
  constexpr std::string_view kBelow = ".localhost";
  const bool below = host.size() > kBelow.size() &&
                     equal_ignoring_case(host.substr(host.size() - kBelow.size()), kBelow);
  return equal_ignoring_case(host, "localhost") || below || host == "[::1]" ||
         is_loopback_ipv4(host);
}

Result<void> check_origin(std::string_view text) {
  if (text == "*" || text == "localhost" || text == "null") return {};
  const std::string_view host = host_of(text);
  if (host.empty() || host.find_first_of("/ \t\r\n?#@") != host.npos) {
    return fail("is neither an origin such as https://example.com:8080, nor localhost, nor *");
  }
  return {};
}

bool Cors::allows(std::string_view origin) const {
  return std::any_of(settings_.origins.begin(), settings_.origins.end(), [&](const auto& allowed) {
    if (allowed == "*") return true;
    if (allowed == "localhost") return is_local_origin(origin);
    return equal_ignoring_case(allowed, origin);
  });
}

std::optional<Response> Cors::preflight(const Request& request) {
  if (request.method() != Method::kOptions ||
      !request.header("Access-Control-Request-Method").has_value()) {
    return std::nullopt;
  }
  Response response{.status = 204};
  response.add("Access-Control-Allow-Methods", kMethods);
  if (const auto wanted = request.header("Access-Control-Request-Headers")) {
    response.add("Access-Control-Allow-Headers", *wanted);
  }
  if (request.header("Access-Control-Request-Private-Network")) {
    response.add("Access-Control-Allow-Private-Network", "true");
  }
  response.add("Access-Control-Max-Age", kRemember);
  return response;
}

void Cors::add_fields(std::string_view origin, Response& response) const {
  response.add("Access-Control-Allow-Origin", origin).add("Vary", "Origin");
  if (!settings_.exposed_fields.empty()) {
    response.add("Access-Control-Expose-Headers", settings_.exposed_fields);
  }
}

}  // namespace polymq::http
