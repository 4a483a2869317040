// What management shows of a channel: messages by what happened to them there.
#pragma once

#include <cstdint>

namespace polymq::amqp091 {

/// Named like RabbitMQ's message_stats.
struct ChannelCounters {
  std::uint64_t publish = 0;
  std::uint64_t confirm = 0;  // acknowledged, not refused
  std::uint64_t return_unroutable = 0;
  std::uint64_t drop_unroutable = 0;
  std::uint64_t deliver = 0;
  std::uint64_t deliver_no_ack = 0;
  std::uint64_t get = 0;
  std::uint64_t get_no_ack = 0;
  std::uint64_t get_empty = 0;
  std::uint64_t redeliver = 0;
  std::uint64_t ack = 0;

  bool operator==(const ChannelCounters&) const = default;
};

}  // namespace polymq::amqp091
