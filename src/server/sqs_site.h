// What is served on a listener for SQS.
#pragma once

#include <functional>
#include <utility>

#include "http/router.h"
#include "server/health.h"
#include "sqs/service.h"

namespace polymq::server {

/// Health checks, and everything else for the dialect. Shard: its own.
class SqsSite final : public http::Service {
 public:
  /// `recovering`: of the node, as add_health() has it.
  SqsSite(engine::Shard& shard, const sqs::Settings& settings, std::function<bool()> recovering)
      : service_(shard, settings) {
    add_health(router_, std::move(recovering));
    router_.otherwise([this](http::Request request, http::Exchange exchange) {
      service_.handle(std::move(request), std::move(exchange));
    });
  }
  void handle(http::Request request, http::Exchange exchange) override {
    router_.handle(std::move(request), std::move(exchange));
  }
  void shutting_down() override { service_.shutting_down(); }
  sqs::Service& sqs() { return service_; }

 private:
  http::Router router_;
  sqs::Service service_;
};

}  // namespace polymq::server
