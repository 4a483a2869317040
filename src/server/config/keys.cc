// Every configuration key outside arrays of tables, declared once.
#include <array>

#include "http/cors.h"
#include "server/config/key.h"
#include "sqs/queue_address.h"

namespace polymq::server::config {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kDay = 24 * 3600 * kSecond;
constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kMaxPort = 65535;
constexpr std::int64_t kManyConnections = 1'000'000'000;

constexpr std::array<std::string_view, 3> kMechanisms{"PLAIN", "AMQPLAIN", "RABBIT-CR-DEMO"};
constexpr std::array<std::string_view, 2> kQueueTypes{"classic", "quorum"};
constexpr std::array<std::string_view, 3> kSyncPolicies{"always", "interval", "never"};
constexpr std::array<std::string_view, 2> kSqsAuth{"none", "required"};
constexpr std::array<std::string_view, 3> kClientCertificates{"none", "optional", "required"};
constexpr std::array<std::string_view, 2> kTlsVersions{"1.2", "1.3"};
constexpr std::array<std::string_view, 2> kLogFormats{"text", "json"};
constexpr std::array<std::string_view, 6> kAreaLevels{"",        "debug", "info",
                                                      "warning", "error", "off"};
Result<void> check_address(std::string_view text) {
  return parse_address(text).map([](const auto&) {});
}
Result<void> check_endpoint(std::string_view text) {
  return parse_endpoint(text).map([](const auto&) {});
}
Result<void> check_account(std::string_view text) {
  if (sqs::is_account(text)) return {};
  return fail("must be 12 digits");
}
Result<void> check_region(std::string_view text) {
  if (sqs::is_region(text)) return {};
  return fail("is not like us-east-1");
}
Result<void> check_public_url(std::string_view text) {
  if (text.empty() || sqs::is_public_url(text)) return {};
  return fail("must be like https://sqs.example.com, possibly with a port and a path");
}
Result<void> check_network(std::string_view text) {
  return parse_network(text).map([](const auto&) {});
}
/// What ends up in a short text on the wire or in the log.
Result<void> check_line(std::string_view text) {
  if (text.size() > 255) return fail("is longer than 255 octets");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) return fail("contains a control character");
  }
  return {};
}

using C = Config;

constexpr Key kKeys[] = {
    {.path = "server.shards",
     .type = Type::kInteger,
     .slot = at<&C::server, &C::Server::shards>,
     .initial = "0",
     .help = "Threads that serve connections and queues. 0: one per core.",
     .max = 256,
     .option = "--shards"},
    {.path = "server.node_name",
     .type = Type::kString,
     .slot = at<&C::server, &C::Server::node_name>,
     .initial = "",
     .help = "Name of this node in management and logs. Empty: polymq@ and the host's name.",
     .check = check_line},
    {.path = "server.data_dir",
     .type = Type::kString,
     .slot = at<&C::server, &C::Server::data_dir>,
     .initial = "",
     .help = "Folder for durable queues and persistent messages, made when it is not there. Empty: "
             "everything is kept in memory.",
     .option = "--data-dir"},
    {.path = "server.in_memory",
     .type = Type::kBool,
     .slot = at<&C::server, &C::Server::in_memory>,
     .initial = "false",
     .help = "Keep nothing on disk, even if a data folder is configured.",
     .option = "--in-memory"},
    {.path = "server.control_socket",
     .type = Type::kString,
     .slot = at<&C::server, &C::Server::control_socket>,
     .initial = "",
     .help = "Path of a Unix socket where commands such as list-queues reach a node that keeps "
             "everything in memory. Empty: they do not. With a data folder it is `control` there.",
     .option = "--control-socket"},
    {.path = "server.shutdown_timeout",
     .type = Type::kDuration,
     .slot = at<&C::server, &C::Server::shutdown_timeout>,
     .initial = "10s",
     .help = "How long a stop waits for clients to close and for what is in flight.",
     .max = kDay},
    {.path = "server.max_connections",
     .type = Type::kInteger,
     .slot = at<&C::server, &C::Server::max_connections>,
     .initial = "0",
     .help = "Most connections of clients at a time. 0: unlimited.",
     .max = kManyConnections},
    {.path = "server.product",
     .type = Type::kString,
     .slot = at<&C::server, &C::Server::product>,
     .initial = "PolyMQ",
     .help = "Product name that AMQP clients are told.",
     .check = check_line},
    {.path = "server.compatibility_version",
     .type = Type::kString,
     .slot = at<&C::server, &C::Server::compatibility_version>,
     .initial = "4.2.0",
     .help = "Version of RabbitMQ that AMQP clients are told. Some of them decide by it what they "
             "may use.",
     .check = check_line},
    {.path = "server.cluster_name",
     .type = Type::kString,
     .slot = at<&C::server, &C::Server::cluster_name>,
     .initial = "",
     .help = "Cluster name that AMQP clients are told. Empty: the node's name.",
     .check = check_line},

    {.path = "amqp.bind",
     .type = Type::kString,
     .slot = at<&C::amqp, &C::Amqp::bind>,
     .initial = "",
     .help = "IP address to listen on. Empty or *: all addresses, IPv4 and IPv6.",
     .check = check_address,
     .option = "--bind"},
    {.path = "amqp.port",
     .type = Type::kInteger,
     .slot = at<&C::amqp, &C::Amqp::port>,
     .initial = "5672",
     .help = "TCP port for AMQP 0-9-1. 0: no AMQP.",
     .max = kMaxPort,
     .option = "--amqp-port"},
    {.path = "amqp.listeners",
     .type = Type::kStrings,
     .slot = at<&C::amqp, &C::Amqp::listeners>,
     .initial = "",
     .help = "Endpoints to listen on instead of bind and port: 127.0.0.1:5672, [::1]:5672, *:5672 "
             "or unix:/run/polymq/amqp.sock.",
     .check = check_endpoint},
    {.path = "amqp.tls_port",
     .type = Type::kInteger,
     .slot = at<&C::amqp, &C::Amqp::tls_port>,
     .initial = "5671",
     .help = "TCP port for AMQP 0-9-1 over TLS (amqps), open when there is a tls.certificate. 0: "
             "off.",
     .max = kMaxPort,
     .option = "--amqp-tls-port"},
    {.path = "amqp.tls_listeners",
     .type = Type::kStrings,
     .slot = at<&C::amqp, &C::Amqp::tls_listeners>,
     .initial = "",
     .help = "Endpoints to listen on with TLS instead of bind and tls_port.",
     .check = check_endpoint},
    {.path = "amqp.handshake_timeout",
     .type = Type::kDuration,
     .slot = at<&C::amqp, &C::Amqp::handshake_timeout>,
     .initial = "10s",
     .help = "Time for a client to get from connecting to an open connection. Over TLS, its "
             "handshake has as much for itself.",
     .min = 100,
     .max = kDay},
    {.path = "amqp.heartbeat",
     .type = Type::kDuration,
     .slot = at<&C::amqp, &C::Amqp::heartbeat>,
     .initial = "60s",
     .help = "Heartbeat interval that the server proposes, in whole seconds. 0: none proposed.",
     .max = 65535 * kSecond},
    {.path = "amqp.frame_max",
     .type = Type::kSize,
     .slot = at<&C::amqp, &C::Amqp::frame_max>,
     .initial = "128KiB",
     .help = "Largest frame that the server proposes.",
     .min = 4 * kKiB,
     .max = 64 * kMiB},
    {.path = "amqp.channel_max",
     .type = Type::kInteger,
     .slot = at<&C::amqp, &C::Amqp::channel_max>,
     .initial = "2047",
     .help = "Most channels per connection that the server proposes.",
     .min = 1,
     .max = 65535},
    {.path = "amqp.initial_frame_max",
     .type = Type::kSize,
     .slot = at<&C::amqp, &C::Amqp::initial_frame_max>,
     .initial = "8KiB",
     .help = "Largest frame before login. Never more than frame_max.",
     .min = 4 * kKiB,
     .max = 64 * kMiB},
    {.path = "amqp.max_message_size",
     .type = Type::kSize,
     .slot = at<&C::amqp, &C::Amqp::max_message_size>,
     .initial = "128MiB",
     .help = "Largest message body that may be published.",
     .min = 1,
     .max = 512 * kMiB},
    {.path = "amqp.max_header_size",
     .type = Type::kSize,
     .slot = at<&C::amqp, &C::Amqp::max_header_size>,
     .initial = "128KiB",
     .help = "Largest set of message properties and headers that may be published. They must fit "
             "into one frame, too.",
     .min = kKiB,
     .max = 64 * kMiB},
    {.path = "amqp.tcp_nodelay",
     .type = Type::kBool,
     .slot = at<&C::amqp, &C::Amqp::tcp_nodelay>,
     .initial = "true",
     .help = "Send small packets at once (TCP_NODELAY)."},
    {.path = "amqp.backlog",
     .type = Type::kInteger,
     .slot = at<&C::amqp, &C::Amqp::backlog>,
     .initial = "4096",
     .help = "Connections that may wait to be accepted. The kernel's somaxconn limits it.",
     .min = 1,
     .max = 65535},
    {.path = "amqp.keepalive",
     .type = Type::kBool,
     .slot = at<&C::amqp, &C::Amqp::keepalive>,
     .initial = "true",
     .help = "Ask the kernel to find out dead peers (SO_KEEPALIVE)."},
    {.path = "amqp.proxy_protocol_from",
     .type = Type::kStrings,
     .slot = at<&C::amqp, &C::Amqp::proxy_protocol_from>,
     .initial = "",
     .help = "Address ranges of load balancers, such as 10.0.0.0/8, that begin each connection "
             "with a PROXY header (version 1 or 2), which tells the client's address; with TLS "
             "behind it. Empty: off.",
     .check = check_network},
    {.path = "amqp.max_consumers_per_channel",
     .type = Type::kInteger,
     .slot = at<&C::amqp, &C::Amqp::max_consumers_per_channel>,
     .initial = "0",
     .help = "Most consumers on one channel. 0: unlimited.",
     .max = kManyConnections},
    {.path = "amqp.consumer_timeout",
     .type = Type::kDuration,
     .slot = at<&C::amqp, &C::Amqp::consumer_timeout>,
     .initial = "0",
     .help = "A consumer that leaves a delivery unacknowledged for this long is canceled. Queue "
             "arguments and policies come first. 0: never.",
     .max = 3650 * kDay},
    {.path = "amqp.output_buffer_limit",
     .type = Type::kSize,
     .slot = at<&C::amqp, &C::Amqp::output_buffer_limit>,
     .initial = "1MiB",
     .help = "Bytes that may wait to be sent to one client before its input is left unread.",
     .min = 64 * kKiB,
     .max = 1024 * kMiB},
    {.path = "amqp.default_consumer_prefetch",
     .type = Type::kInteger,
     .slot = at<&C::amqp, &C::Amqp::default_consumer_prefetch>,
     .initial = "0",
     .help = "Prefetch of consumers that do not set one with basic.qos. 0: unlimited.",
     .max = 65535},

    {.path = "auth.users_file",
     .type = Type::kString,
     .slot = at<&C::auth, &C::Auth::users_file>,
     .initial = "",
     .help = "TOML file with users and their permissions, read again on SIGHUP. Empty: the user "
             "guest with password guest may do everything.",
     .reloads = true},
    {.path = "auth.mechanisms",
     .type = Type::kStrings,
     .slot = at<&C::auth, &C::Auth::mechanisms>,
     .initial = "PLAIN,AMQPLAIN",
     .help = "SASL mechanisms that AMQP clients are offered.",
     .choices = kMechanisms},
    {.path = "auth.anonymous_user",
     .type = Type::kString,
     .slot = at<&C::auth, &C::Auth::anonymous_user>,
     .initial = "",
     .help = "User whose rights clients of the mechanism ANONYMOUS get. Empty: it is not offered."},
    {.path = "auth.loopback_users",
     .type = Type::kStrings,
     .slot = at<&C::auth, &C::Auth::loopback_users>,
     .initial = "guest",
     .help = "Users that may connect from this machine only.",
     .reloads = true},

    {.path = "tls.certificate",
     .type = Type::kString,
     .slot = at<&C::tls, &C::Tls::certificate>,
     .initial = "",
     .help = "PEM file with the server's certificate, and behind it those of the authorities that "
             "lead to one that clients know. All files of TLS are read again on SIGHUP, for new "
             "connections. Empty: no TLS.",
     .option = "--tls-certificate",
     .reloads = true},
    {.path = "tls.key",
     .type = Type::kString,
     .slot = at<&C::tls, &C::Tls::key>,
     .initial = "",
     .help = "PEM file with the private key of the certificate, without a passphrase. Others than "
             "its owner and group should not be able to read it.",
     .option = "--tls-key",
     .reloads = true},
    {.path = "tls.client_certificates",
     .type = Type::kString,
     .slot = at<&C::tls, &C::Tls::client_certificates>,
     .initial = "none",
     .help =
         "none: clients are not asked for certificates. optional: those that have one must have "
         "one of tls.ca. required: nobody gets in without. Users and passwords are asked for "
         "in any case.",
     .choices = kClientCertificates,
     .reloads = true},
    {.path = "tls.ca",
     .type = Type::kString,
     .slot = at<&C::tls, &C::Tls::ca>,
     .initial = "",
     .help = "PEM file with the certificates of the authorities that clients' certificates must "
             "come from.",
     .reloads = true},
    {.path = "tls.lowest_version",
     .type = Type::kString,
     .slot = at<&C::tls, &C::Tls::lowest_version>,
     .initial = "1.2",
     .help = "Lowest version of TLS that clients may use.",
     .choices = kTlsVersions,
     .reloads = true},
    {.path = "tls.ciphers",
     .type = Type::kStrings,
     .slot = at<&C::tls, &C::Tls::ciphers>,
     .initial = "",
     .help = "Cipher suites that clients may use, best first, by OpenSSL's names: "
             "TLS_AES_256_GCM_SHA384 and others that begin with TLS_ for TLS 1.3, "
             "ECDHE-RSA-AES256-GCM-SHA384 and the like for TLS 1.2. A version without any is not "
             "used. Empty: as OpenSSL has them.",
     .reloads = true},

    {.path = "limits.memory_high_watermark",
     .type = Type::kWatermark,
     .slot = at<&C::limits, &C::Limits::memory_high_watermark>,
     .initial = "0.6",
     .help = "Memory use at which publishers are blocked until it falls: a fraction of the "
             "machine's or container's memory, or a size.",
     .min = 16 * kMiB},
    {.path = "limits.vhost_max_connections",
     .type = Type::kInteger,
     .slot = at<&C::limits, &C::Limits::vhost_max_connections>,
     .initial = "-1",
     .help = "Most connections to each vhost that does not say otherwise. -1: unlimited.",
     .min = -1,
     .max = kManyConnections},
    {.path = "limits.vhost_max_queues",
     .type = Type::kInteger,
     .slot = at<&C::limits, &C::Limits::vhost_max_queues>,
     .initial = "-1",
     .help = "Most queues in each vhost that does not say otherwise. -1: unlimited.",
     .min = -1,
     .max = kManyConnections},
    {.path = "limits.vhost_max_exchanges",
     .type = Type::kInteger,
     .slot = at<&C::limits, &C::Limits::vhost_max_exchanges>,
     .initial = "-1",
     .help = "Most exchanges in each vhost, the predeclared ones counted. -1: unlimited.",
     .min = -1,
     .max = kManyConnections},

    {.path = "queues.default_queue_type",
     .type = Type::kString,
     .slot = at<&C::queues, &C::Queues::default_queue_type>,
     .initial = "classic",
     .help = "Type of queues that are declared without x-queue-type.",
     .choices = kQueueTypes},
    {.path = "queues.delivery_limit",
     .type = Type::kInteger,
     .slot = at<&C::queues, &C::Queues::delivery_limit>,
     .initial = "20",
     .help = "Failed deliveries after which a quorum queue drops or dead-letters a message, unless "
             "an argument or policy says otherwise. -1: never.",
     .min = -1,
     .max = kManyConnections},
    {.path = "queues.permit_transient_nonexclusive",
     .type = Type::kBool,
     .slot = at<&C::queues, &C::Queues::permit_transient_nonexclusive>,
     .initial = "true",
     .help = "Allow queues that are neither durable nor exclusive, which RabbitMQ 4.3 forbids."},

    {.path = "storage.sync",
     .type = Type::kString,
     .slot = at<&C::storage, &C::Storage::sync>,
     .initial = "always",
     .help = "When persistent messages are confirmed. always: when they are on the disk. interval: "
             "when they are written; a power failure can lose those of the last sync_interval. "
             "never: the same, and the system writes to the disk when it likes.",
     .choices = kSyncPolicies},
    {.path = "storage.sync_interval",
     .type = Type::kDuration,
     .slot = at<&C::storage, &C::Storage::sync_interval>,
     .initial = "100ms",
     .help = "How late what nobody waits for is synced; with interval, everything.",
     .min = 1,
     .max = kDay},
    {.path = "storage.segment_size",
     .type = Type::kSize,
     .slot = at<&C::storage, &C::Storage::segment_size>,
     .initial = "64MiB",
     .help = "Size of the journal's files.",
     .min = 1024 * 1024,
     .max = 1024 * 1024 * 1024},
    {.path = "storage.keep_free",
     .type = Type::kSize,
     .slot = at<&C::storage, &C::Storage::keep_free>,
     .initial = "256MiB",
     .help = "With less than that free on the data folder's disk, publishers wait: it is for what "
             "is under way by then."},

    {.path = "log.level",
     .type = Type::kString,
     .slot = at<&C::log, &C::Log::level>,
     .initial = "info",
     .help = "Least important level that is logged.",
     .choices = log::kLevelNames,
     .option = "--log-level",
     .reloads = true},
    {.path = "log.format",
     .type = Type::kString,
     .slot = at<&C::log, &C::Log::format>,
     .initial = "text",
     .help = "Lines for people, or one JSON object a line.",
     .choices = kLogFormats,
     .reloads = true},
    {.path = "log.file",
     .type = Type::kString,
     .slot = at<&C::log, &C::Log::file>,
     .initial = "",
     .help = "File to log to, opened again on SIGHUP. Empty: standard error.",
     .reloads = true},
    {.path = "log.areas.server",
     .type = Type::kString,
     .slot = at<&C::log, &C::Log::areas, &C::Log::Areas::server>,
     .initial = "",
     .help = "Level for start, stop, listeners and limits. Empty: log.level.",
     .choices = kAreaLevels,
     .reloads = true},
    {.path = "log.areas.connection",
     .type = Type::kString,
     .slot = at<&C::log, &C::Log::areas, &C::Log::Areas::connection>,
     .initial = "",
     .help = "Level for connections and protocol errors. Empty: log.level.",
     .choices = kAreaLevels,
     .reloads = true},
    {.path = "log.areas.auth",
     .type = Type::kString,
     .slot = at<&C::log, &C::Log::areas, &C::Log::Areas::auth>,
     .initial = "",
     .help = "Level for logins and refused access. Empty: log.level.",
     .choices = kAreaLevels,
     .reloads = true},
    {.path = "log.areas.storage",
     .type = Type::kString,
     .slot = at<&C::log, &C::Log::areas, &C::Log::Areas::storage>,
     .initial = "",
     .help = "Level for what is kept on disk. Empty: log.level.",
     .choices = kAreaLevels,
     .reloads = true},

    {.path = "management.port",
     .type = Type::kInteger,
     .slot = at<&C::management, &C::Part::port>,
     .initial = "15672",
     .help = "TCP port of the management HTTP API. 0: off. Not available in this version.",
     .max = kMaxPort,
     .option = "--management-port"},
    {.path = "metrics.port",
     .type = Type::kInteger,
     .slot = at<&C::metrics, &C::Part::port>,
     .initial = "15692",
     .help = "TCP port of the metrics for Prometheus. 0: off. Not available in this version.",
     .max = kMaxPort,
     .option = "--metrics-port"},
    {.path = "sqs.bind",
     .type = Type::kString,
     .slot = at<&C::sqs, &C::Http::bind>,
     .initial = "",
     .help = "IP address to listen on. Empty: as amqp.bind. *: all addresses, IPv4 and IPv6.",
     .check = check_address},
    {.path = "sqs.port",
     .type = Type::kInteger,
     .slot = at<&C::sqs, &C::Http::port>,
     .initial = "9324",
     .help = "TCP port for clients of Amazon SQS. 0: off.",
     .max = kMaxPort,
     .option = "--sqs-port"},
    {.path = "sqs.listeners",
     .type = Type::kStrings,
     .slot = at<&C::sqs, &C::Http::listeners>,
     .initial = "",
     .help = "Endpoints to listen on instead of bind and port: 127.0.0.1:9324, [::1]:9324, *:9324 "
             "or unix:/run/polymq/sqs.sock.",
     .check = check_endpoint},
    {.path = "sqs.tls_port",
     .type = Type::kInteger,
     .slot = at<&C::sqs, &C::Http::tls_port>,
     .initial = "9325",
     .help = "TCP port for clients of Amazon SQS over TLS (https), open when there is a "
             "tls.certificate. 0: off.",
     .max = kMaxPort,
     .option = "--sqs-tls-port"},
    {.path = "sqs.tls_listeners",
     .type = Type::kStrings,
     .slot = at<&C::sqs, &C::Http::tls_listeners>,
     .initial = "",
     .help = "Endpoints to listen on with TLS instead of bind and tls_port.",
     .check = check_endpoint},
    {.path = "sqs.proxy_protocol_from",
     .type = Type::kStrings,
     .slot = at<&C::sqs, &C::Http::proxy_protocol_from>,
     .initial = "",
     .help = "Address ranges of load balancers that begin each connection with a PROXY header, as "
             "amqp.proxy_protocol_from. Empty: off.",
     .check = check_network},
    {.path = "sqs.max_body_size",
     .type = Type::kSize,
     .slot = at<&C::sqs, &C::Http::max_body_size>,
     .initial = "16MiB",
     .help = "Largest body of a request. A batch of 1 MiB can be several times as large when it is "
             "encoded.",
     .min = kKiB,
     .max = 512 * kMiB},
    {.path = "sqs.max_header_size",
     .type = Type::kSize,
     .slot = at<&C::sqs, &C::Http::max_header_size>,
     .initial = "32KiB",
     .help = "Largest header of a request, with its first line.",
     .min = kKiB,
     .max = kMiB},
    {.path = "sqs.header_timeout",
     .type = Type::kDuration,
     .slot = at<&C::sqs, &C::Http::header_timeout>,
     .initial = "20s",
     .help = "Time for a request's header to arrive, from its first octet; and for the handshake "
             "of TLS.",
     .min = 100,
     .max = kDay},
    {.path = "sqs.body_timeout",
     .type = Type::kDuration,
     .slot = at<&C::sqs, &C::Http::body_timeout>,
     .initial = "60s",
     .help = "Time for a request's body to arrive.",
     .min = 100,
     .max = kDay},
    {.path = "sqs.idle_timeout",
     .type = Type::kDuration,
     .slot = at<&C::sqs, &C::Http::idle_timeout>,
     .initial = "2m",
     .help = "Time that a connection may be idle between requests. Longer than clients keep theirs "
             "open is best: then none is closed just as it is used.",
     .min = 100,
     .max = kDay},
    {.path = "sqs.cors_origins",
     .type = Type::kStrings,
     .slot = at<&C::sqs, &C::Http::cors_origins>,
     .initial = "localhost",
     .help = "Web pages whose scripts may use the server: origins such as "
             "https://console.example.com, localhost for all pages of this machine, or * for all. "
             "Requests from other pages are refused.",
     .check = http::check_origin},
    {.path = "sqs.vhost",
     .type = Type::kString,
     .slot = at<&C::sqs, &C::Sqs::vhost>,
     .initial = "/",
     .help = "Vhost whose queues are those of SQS."},
    {.path = "sqs.account",
     .type = Type::kString,
     .slot = at<&C::sqs, &C::Sqs::account>,
     .initial = "000000000000",
     .help = "Account of 12 digits that the queues belong to, in their URLs and ARNs.",
     .check = check_account},
    {.path = "sqs.region",
     .type = Type::kString,
     .slot = at<&C::sqs, &C::Sqs::region>,
     .initial = "us-east-1",
     .help = "Region in ARNs for clients whose requests name none in their credentials. All "
             "regions have the same queues.",
     .check = check_region},
    {.path = "sqs.public_url",
     .type = Type::kString,
     .slot = at<&C::sqs, &C::Sqs::public_url>,
     .initial = "",
     .help = "What the URLs of queues begin with. Empty: http or https and the host, as the client "
             "used them.",
     .check = check_public_url},
    {.path = "sqs.trusts_proxy",
     .type = Type::kBool,
     .slot = at<&C::sqs, &C::Sqs::trusts_proxy>,
     .initial = "false",
     .help = "Believe X-Forwarded-Proto and X-Forwarded-Host, for the URLs of queues and for "
             "signatures. Only behind a proxy that sets both."},
    {.path = "sqs.auth",
     .type = Type::kString,
     .slot = at<&C::sqs, &C::Sqs::auth>,
     .initial = "none",
     .help = "none: any credentials are accepted, and requests are done as the user of sqs.user. "
             "required: requests must be signed with an access key of sqs.keys_file, and are done "
             "as its user.",
     .choices = kSqsAuth},
    {.path = "sqs.user",
     .type = Type::kString,
     .slot = at<&C::sqs, &C::Sqs::user>,
     .initial = "guest",
     .help = "User with whose permissions requests are done without sqs.auth. For one of "
             "auth.loopback_users they must come from this machine."},
    {.path = "sqs.keys_file",
     .type = Type::kString,
     .slot = at<&C::sqs, &C::Sqs::keys_file>,
     .initial = "",
     .help = "TOML file with access keys, which only its owner may be able to use (mode 0600). "
             "Read again on SIGHUP.",
     .reloads = true},
    {.path = "pubsub.port",
     .type = Type::kInteger,
     .slot = at<&C::pubsub, &C::Part::port>,
     .initial = "8085",
     .help = "TCP port for clients of Google Cloud Pub/Sub. 0: off. Not available in this version.",
     .max = kMaxPort,
     .option = "--pubsub-port"},
};

constexpr std::array kSections{
    Section{"server", "The process as a whole."},
    Section{"amqp", "Listeners and limits of AMQP 0-9-1."},
    Section{"auth", "Who may connect."},
    Section{"tls", "Encrypted connections: the listeners of tls_port."},
    Section{"limits", "Limits on memory, and limits of vhosts."},
    Section{"queues", "What queues get that do not say otherwise."},
    Section{"storage", "How durable data is kept."},
    Section{"log", "What is logged, where and how."},
    Section{"management", "RabbitMQ's management HTTP API."},
    Section{"metrics", "Metrics for Prometheus."},
    Section{"sqs", "Amazon SQS."},
    Section{"pubsub", "Google Cloud Pub/Sub."},
};

}  // namespace

std::span<const Key> keys() { return kKeys; }
std::span<const Section> sections() { return kSections; }

const Key* find_key(std::string_view path) {
  for (const Key& key : kKeys) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

std::string environment_name(const Key& key) {
  std::string name = "POLYMQ_";
  for (const char c : key.path) {
    name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

}  // namespace polymq::server::config
