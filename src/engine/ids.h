// The names of things inside one node. An incarnation is never reused while the process lives.
#pragma once

#include <cstdint>

namespace polymq::engine {

using ShardIndex = std::uint16_t;
/// Shard 0 in its role of putting topology changes in order.
inline constexpr ShardIndex kControlShard = 0;

using VhostId = std::uint32_t;
/// Incarnations of queues and exchanges share one sequence, given by control.
using QueueId = std::uint64_t;
using ExchangeId = std::uint64_t;
/// Ever growing within a queue; the order in which messages entered it.
using Position = std::uint64_t;
/// Grows by one with each hand-out to a consumer; with the consumer's id it names a lease for good.
using LeaseNumber = std::uint64_t;
/// What clients of some dialects know a message by: 128 bits, all zero when there is none.
struct MessageId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const MessageId&) const = default;
};
using RequestId = std::uint64_t;
using UnitId = std::uint64_t;

namespace detail {
/// An incarnation made on one shard: the shard is part of the number.
template <class Tag>
struct ShardLocalId {
  std::uint64_t value = 0;
  static ShardLocalId make(ShardIndex shard, std::uint64_t number) {
    return {number << 16 | shard};
  }
  std::uint64_t number() const { return value >> 16; }
  ShardIndex shard() const { return static_cast<ShardIndex>(value & 0xffff); }
  explicit operator bool() const { return value != 0; }
  auto operator<=>(const ShardLocalId&) const = default;
};
}  // namespace detail

/// A connection, as the engine knows it.
using ClientId = detail::ShardLocalId<struct ClientTag>;
/// A channel incarnation (or what corresponds to it in another dialect); lives on its client's
/// shard.
using SessionId = detail::ShardLocalId<struct SessionTag>;
/// The numbers of publishers that are no sessions, one of each on every shard; sessions come after.
inline constexpr std::uint64_t kDeadLetterPublisher = 0;
inline constexpr std::uint64_t kExchangePublisher = 1;
inline constexpr std::uint64_t kFirstSession = 2;
/// A consumer of a queue, named by the queue's home shard.
using ConsumerId = detail::ShardLocalId<struct ConsumerTag>;

}  // namespace polymq::engine
