// What can be spoken on a listener's sockets.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "amqp091/settings.h"
#include "base/stream.h"
#include "http/connection.h"

namespace polymq::server {

class ConnectionAdmission;
class ShardRuntime;

/// Makes the connections behind sockets. Shared by all shards.
class Protocol {
 public:
  virtual ~Protocol() = default;
  /// The shard's thread.
  virtual std::unique_ptr<StreamConnection> connect(ShardRuntime& shard, Transport& transport,
                                                    Peer peer) = 0;
  /// For a proxy to say whom it speaks for, and for the handshake of TLS.
  virtual std::chrono::milliseconds patience() const = 0;
  /// Its name for ALPN (RFC 7301); empty: it has none.
  virtual std::string_view alpn() const { return {}; }
  /// The shard's thread, when the server is about to end.
  virtual void shutting_down(ShardRuntime&) {}
};

class AmqpProtocol final : public Protocol {
 public:
  AmqpProtocol(const amqp091::Settings& settings, amqp091::Admission& admission)
      : settings_(settings), admission_(admission) {}

  std::unique_ptr<StreamConnection> connect(ShardRuntime& shard, Transport& transport,
                                            Peer peer) override;
  std::chrono::milliseconds patience() const override { return settings_.handshake_timeout; }

 private:
  const amqp091::Settings& settings_;
  amqp091::Admission& admission_;
};

class HttpProtocol final : public Protocol {
 public:
  /// Makes the service of one shard; called once for each.
  using ServiceFactory = std::function<std::unique_ptr<http::Service>(ShardRuntime&)>;

  HttpProtocol(const http::Limits& limits, http::Cors::Settings cors, http::Admission& admission)
      : limits_(limits), cors_(std::move(cors)), admission_(admission) {}

  /// For the shard of the next index, beginning with 0, before anybody connects.
  void add_shard(std::unique_ptr<http::Service> service);

  std::unique_ptr<StreamConnection> connect(ShardRuntime& shard, Transport& transport,
                                            Peer peer) override;
  std::chrono::milliseconds patience() const override { return limits_.header_time; }
  std::string_view alpn() const override { return "http/1.1"; }
  void shutting_down(ShardRuntime& shard) override;

 private:
  struct Place {
    std::unique_ptr<http::Service> service;
    http::Site site;
  };
  Place& place(ShardRuntime& shard);

  const http::Limits limits_;
  const http::Cors cors_;
  http::Admission& admission_;
  std::vector<std::unique_ptr<Place>> places_;  // by shard
};

}  // namespace polymq::server
