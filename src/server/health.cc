// Health checks: of load balancers, containers, test suites that wait for the server.
#include "server/health.h"

#include <string>
#include <utility>

namespace polymq::server {

void add_health(http::Router& router, std::function<bool()> recovering) {
  router.add(
      http::Method::kGet, "/health",
      [recovering = std::move(recovering)](http::Request, http::Exchange exchange) {
        const bool ready = !recovering();
        exchange.answer({.status = ready ? 200 : 503,
                         .content_type = "application/json",
                         .body = std::string(R"({"status":")") + (ready ? "ok" : "recovering") +
                                 R"(","version":")" POLYMQ_VERSION "\"}"});
      });
}

}  // namespace polymq::server
