// What `polymq perf` was asked to do.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/perf/uri.h"

namespace polymq::perf {

/// The options that all workloads share, named after RabbitMQ PerfTest's. Rates and message limits
/// are those of each producer or consumer.
struct Options {
  std::string uri = "amqp://localhost";
  unsigned producers = 1;
  unsigned consumers = 1;
  std::string queue;
  std::string queue_pattern;
  unsigned queue_pattern_from = 1;
  unsigned queue_pattern_to = 0;
  std::string exchange;
  std::string type = "direct";
  std::string routing_key;
  std::size_t size = 16;
  bool auto_ack = false;
  std::uint64_t multi_ack_every = 0;  ///< 0 = one by one
  std::uint16_t qos = 0;
  std::uint16_t global_qos = 0;
  std::uint64_t confirm = 0;
  std::vector<std::string> flags;
  double rate = 0;
  double consumer_rate = 0;
  double time_seconds = 0;
  std::uint64_t pmessages = 0;
  std::uint64_t cmessages = 0;
  bool predeclared = false;
  bool auto_delete = false;
  std::vector<std::string> queue_args;  ///< key=value
  std::uint16_t heartbeat = 0;
  double interval_seconds = 1;
  bool json = false;
  unsigned threads = 1;
  pid_t server_pid = 0;

  bool has_flag(std::string_view flag) const;
  bool persistent() const { return has_flag("persistent"); }
  bool mandatory() const { return has_flag("mandatory"); }
  /// Checked by validate().
  Endpoint endpoint() const { return *parse_uri(uri); }
};

struct FanoutOptions {
  unsigned queues = 10;
};

struct FillDrainOptions {
  std::uint64_t messages = 1'000'000;  ///< of all producers together
};

struct RpcOptions {
  unsigned clients = 10;
  bool direct_reply_to = false;
  bool queue_per_request = false;
};

struct DeclaresOptions {
  std::uint64_t count = 10'000;
  std::uint64_t pipelined = 1;
  bool durable = false;
  bool exclusive = false;
  bool bind = false;
  bool consume = false;
};

struct ConnectionsOptions {
  std::uint64_t count = 1000;
  bool channel = false;
};

struct IdleOptions {
  unsigned connections = 0;
  unsigned queues = 0;
  bool channel = false;
};

struct RelayOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 5672;
};

struct SqsOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 9324;
  unsigned connections = 8;
  unsigned batch = 10;  ///< messages of a request
  bool send_only = false;
  bool receive_only = false;
};

/// Contradictions that no single option shows. The error is a sentence for the user.
Result<void> validate(const Options& options);

/// The queues that producers and consumers take turns to use.
std::vector<std::string> queue_names(const Options& options);
/// True when the user named none: the queue is then ours to delete.
bool queue_is_ours(const Options& options);

}  // namespace polymq::perf
