// Putting a dialect's connection onto a shard.
#include "server/protocols.h"

#include "amqp091/connection.h"
#include "server/shard_runtime.h"

namespace polymq::server {

std::unique_ptr<StreamConnection> AmqpProtocol::connect(ShardRuntime& shard, Transport& transport,
                                                        Peer peer) {
  return std::make_unique<amqp091::Connection>(shard.shard(), settings_, admission_, transport,
                                               std::move(peer));
}

void HttpProtocol::add_shard(std::unique_ptr<http::Service> service) {
  http::Service& kept = *service;
  places_.push_back(std::make_unique<Place>(
      std::move(service),
      http::Site{.service = kept, .limits = limits_, .cors = cors_, .admission = admission_}));
}

HttpProtocol::Place& HttpProtocol::place(ShardRuntime& shard) { return *places_[shard.index()]; }

std::unique_ptr<StreamConnection> HttpProtocol::connect(ShardRuntime& shard, Transport& transport,
                                                        Peer peer) {
  return std::make_unique<http::Connection>(place(shard).site, shard.shard().now(), transport,
                                            std::move(peer));
}

void HttpProtocol::shutting_down(ShardRuntime& shard) { place(shard).service->shutting_down(); }

}  // namespace polymq::server
