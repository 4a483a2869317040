// Looking a path up. There are few: a list is fast enough.
#include "http/router.h"

#include <utility>

namespace polymq::http {
namespace {

std::string_view name_of(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET, HEAD";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kDelete:
      return "DELETE";
    case Method::kPatch:
      return "PATCH";
    case Method::kOptions:
      return "OPTIONS";
    case Method::kOther:
      break;
  }
  return "";
}

}  // namespace

void Router::add(Method method, std::string path, Handler handler) {
  routes_.push_back({method, std::move(path), std::move(handler)});
}

void Router::handle(Request request, Exchange exchange) {
  const Method wanted = request.method() == Method::kHead ? Method::kGet : request.method();
  std::string allowed;
  for (const Route& route : routes_) {
    if (route.path != request.path()) continue;
    if (route.method == wanted) return route.handler(std::move(request), std::move(exchange));
    allowed += (allowed.empty() ? "" : ", ") + std::string(name_of(route.method));
  }
  // That of browsers, who ask before they do, is answered before it comes here.
  if (wanted == Method::kOptions) return exchange.answer({.status = 204});
  if (!allowed.empty()) {
    return exchange.answer(
        plain_text(405, "The method is not allowed here.").add("Allow", allowed));
  }
  if (otherwise_) return otherwise_(std::move(request), std::move(exchange));
  exchange.answer(plain_text(404, "There is nothing here."));
}

}  // namespace polymq::http
