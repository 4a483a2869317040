// The server's configuration as the rest of the server reads it: plain values, checked.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "engine/fields.h"
#include "server/config/endpoint.h"
#include "server/config/network.h"

namespace polymq::server {

/// A limit on memory: a share of what the machine (or its container) has, or a number of bytes.
struct Watermark {
  double fraction = 0;      // in (0, 1]; 0 when `bytes` counts
  std::uint64_t bytes = 0;  // 0 when `fraction` counts
  bool operator==(const Watermark&) const = default;
};

/// Members are named as the keys of the configuration file, whose meaning, unit and default are
/// declared in keys.cc and described in docs/configuration.md. A default-constructed Config holds
/// no defaults: get one from load().
struct Config {
  struct Server {
    std::uint32_t shards = 0;  // 0 = one per core
    std::string node_name;     // filled in by load() when not set
    std::string data_dir;
    bool in_memory = false;
    std::string control_socket;
    std::chrono::milliseconds shutdown_timeout{};
    std::uint64_t max_connections = 0;  // 0 = unlimited
    std::string product;
    std::string compatibility_version;
    std::string cluster_name;  // filled in by load() when not set
  } server;

  /// What every listener has.
  struct Listen {
    std::string bind;
    std::uint16_t port = 0;
    std::vector<std::string> listeners;
    std::uint16_t tls_port = 0;
    std::vector<std::string> tls_listeners;
    std::vector<std::string> proxy_protocol_from;

    /// From `listeners`, or from `bind` and `port`; empty when the port is 0.
    std::vector<Endpoint> endpoints;
    /// The same for TLS; empty without a certificate.
    std::vector<Endpoint> tls_endpoints;
    /// From `proxy_protocol_from`: peers whose PROXY header is believed, and demanded.
    std::vector<Network> proxy_networks;

    bool is_served() const { return !endpoints.empty() || !tls_endpoints.empty(); }
  };

  struct Amqp : Listen {
    std::chrono::milliseconds handshake_timeout{};
    std::chrono::milliseconds heartbeat{};  // whole seconds
    std::uint64_t frame_max = 0;
    std::uint16_t channel_max = 0;
    std::uint64_t initial_frame_max = 0;  // never more than frame_max
    std::uint64_t max_message_size = 0;
    std::uint64_t max_header_size = 0;
    bool tcp_nodelay = false;
    std::uint32_t backlog = 0;
    bool keepalive = false;
    std::uint32_t max_consumers_per_channel = 0;   // 0 = unlimited
    std::chrono::milliseconds consumer_timeout{};  // 0 = none
    std::uint64_t output_buffer_limit = 0;
    std::uint16_t default_consumer_prefetch = 0;  // 0 = unlimited
  } amqp;

  struct Http : Listen {
    std::uint64_t max_body_size = 0;
    std::uint64_t max_header_size = 0;
    std::chrono::milliseconds header_timeout{};
    std::chrono::milliseconds body_timeout{};
    std::chrono::milliseconds idle_timeout{};
    std::vector<std::string> cors_origins;
  };

  struct Sqs : Http {
    std::string vhost;
    std::string account;
    std::string region;
    std::string public_url;  // empty: as clients come
    bool trusts_proxy = false;
    std::string auth;  // "none" or "required"
    std::string user;
    std::string keys_file;

    struct Queue {
      std::string name;
      engine::Fields attributes;
      engine::Fields tags;
      std::string dead_letter_queue;  // empty: none, but for attributes
      std::int64_t max_receive_count = 0;
    };
    std::vector<Queue> queues;  // each is one that SQS could make

    bool verifies() const { return auth == "required"; }
  } sqs;

  struct Auth {
    std::string users_file;  // empty: guest/guest only
    std::vector<std::string> mechanisms;
    std::string anonymous_user;  // empty: ANONYMOUS is not offered
    std::vector<std::string> loopback_users;
  } auth;

  struct Tls {
    std::string certificate;  // empty: no TLS
    std::string key;
    std::string ca;
    std::string client_certificates;  // "none", "optional" or "required"
    std::string lowest_version;       // "1.2" or "1.3"
    std::vector<std::string> ciphers;

    bool enabled() const { return !certificate.empty(); }
  } tls;

  struct Limits {
    Watermark memory_high_watermark;
    /// For vhosts that do not say otherwise; -1 = unlimited, 0 = none allowed.
    std::int64_t vhost_max_connections = -1;
    std::int64_t vhost_max_queues = -1;
    /// Of every vhost, the predeclared ones counted.
    std::int64_t vhost_max_exchanges = -1;
  } limits;

  struct Queues {
    std::string default_queue_type;    // "classic" or "quorum"
    std::int64_t delivery_limit = -1;  // of quorum queues; -1 = unlimited
    bool permit_transient_nonexclusive = false;
  } queues;

  struct Storage {
    std::string sync;  // "always", "interval" or "never"
    std::chrono::milliseconds sync_interval{};
    std::uint64_t segment_size = 0;
    std::uint64_t keep_free = 0;
  } storage;

  struct Log {
    std::string level;
    std::string format;  // "text" or "json"
    std::string file;    // empty: standard error
    struct Areas {       // empty: `level`
      std::string server, connection, auth, storage;
    } areas;

    /// From `level` and `areas`, by log::Area.
    std::array<log::Level, log::kAreaNames.size()> levels{};
  } log;

  struct Part {
    std::uint16_t port = 0;  // 0 = off
  } management, metrics, pubsub;

  struct Vhost {
    std::string name;
    std::string default_queue_type;               // empty: queues.default_queue_type
    std::optional<std::int64_t> max_connections;  // nothing: limits.vhost_max_connections
    std::optional<std::int64_t> max_queues;       // nothing: limits.vhost_max_queues
  };
  /// The vhost "/" exists in any case.
  std::vector<Vhost> vhosts;

  struct Policy {
    std::string vhost;
    std::string name;
    std::string pattern;
    std::string apply_to;
    std::int64_t priority = 0;
    engine::Fields definition;  // RabbitMQ's policy keys; known and of the right type
  };
  std::vector<Policy> policies;
  std::vector<Policy> operator_policies;

  /// What was asked for explicitly and is not to be had, each as a sentence for the log.
  std::vector<std::string> unavailable;
};

}  // namespace polymq::server
