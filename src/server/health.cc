// Health checks: of load balancers, containers, test suites that wait for the server.
#include "server/health.h"

namespace polymq::server {

void add_health(http::Router& router) {
  router.add(http::Method::kGet, "/health", [](http::Request, http::Exchange exchange) {
    exchange.answer({.content_type = "application/json",
                     .body = R"({"status":"ok","version":")" POLYMQ_VERSION "\"}"});
  });
}

}  // namespace polymq::server
