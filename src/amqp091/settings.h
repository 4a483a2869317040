// What the operator decides about this dialect, as plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "auth/directory.h"
#include "auth/sasl.h"
#include "engine/fields.h"

namespace polymq::amqp091 {

/// Filled in once at the start; shared by all shards, read-only.
struct Settings {
  engine::Fields server_properties;  // product, version, ...; capabilities are added
  auth::SaslSettings sasl;

  std::chrono::milliseconds handshake_timeout{10'000};
  std::uint16_t heartbeat_s = 60;
  std::uint32_t frame_max = 131072;
  std::uint16_t channel_max = 2047;
  std::uint32_t initial_frame_max = 8192;
  std::uint64_t max_message_size = 128u << 20;
  std::uint32_t max_header_size = 128u << 10;
  std::uint32_t max_consumers_per_channel = 0;    // 0 = unlimited
  std::chrono::milliseconds consumer_timeout{0};  // 0 = none
  std::size_t output_buffer_limit = 1u << 20;
  std::uint16_t default_prefetch = 0;
  bool permit_transient_nonexclusive = true;
};

/// frame-max below this is refused: the smallest that 0-9-1 allows, and what old clients ask for.
inline constexpr std::uint32_t kSmallestFrameMax = 4096;

/// Counts connections and channels over all shards. Any thread.
class Admission {
 public:
  virtual ~Admission() = default;
  /// Empty when admitted, else RabbitMQ's explanation why not; admitted ones must leave().
  virtual std::string enter(std::string_view user, std::string_view vhost) = 0;
  virtual void leave(std::string_view user, std::string_view vhost) = 0;
  /// The same for a channel of a user.
  virtual std::string open_channel(std::string_view user) = 0;
  virtual void close_channel(std::string_view user) = 0;
  /// The users at this moment.
  virtual std::shared_ptr<const auth::Directory> directory() = 0;
  /// Changes whenever directory() does; cheap.
  virtual std::uint64_t directory_version() = 0;
};

}  // namespace polymq::amqp091
