// Looking at a request's Host.
#include "sqs/rebinding.h"

#include <string>

#include "http/cors.h"
#include "sqs/queue_address.h"

namespace polymq::sqs {
namespace {

bool is_address(std::string_view host) {
  return host.starts_with('[') || host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string_view without_port(std::string_view authority) {
  return authority.ends_with(']') ? authority : authority.substr(0, authority.rfind(':'));
}

}  // namespace

bool may_be_rebound(const RequestView& request, std::string_view public_url) {
  const bool names_no_origin = request.method == "GET" || request.method == "HEAD";
  if (!names_no_origin || !request.header("Origin").empty()) return false;
  const std::string_view host = without_port(request.header("Host"));
  const bool is_harmless = host.find('.') == std::string_view::npos || is_address(host) ||
                           http::is_local_origin("http://" + std::string(host)) ||
                           same_letters(host, without_port(authority_of(public_url)));
  return !is_harmless;
}

}  // namespace polymq::sqs
