// Messages on their way from a queue's home to a consumer's connection.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/ids.h"

namespace polymq::engine {

class Message;

/// A message lent to a consumer. The home keeps it alive until the client reports its lease written
/// (or the session ended), whatever happens to the queue meanwhile.
struct DeliveryItem {
  const Message* message;
  std::uint16_t acquired;  // hand-outs before this one, saturating
  std::uint16_t failed;    // of those, how many ended as failures
  bool redelivered;
};

/// Consecutive items of a batch for one consumer; their leases count up from `first`.
struct DeliveryRun {
  SessionId session;
  std::uint32_t handle;  // the session's own name for the consumer
  ConsumerId consumer;
  LeaseNumber first;
  std::uint32_t count;
  std::uint32_t tokens;  // how many of them took a token of the channel-wide prefetch
  std::uint64_t bytes;   // their footprints: the messages may be gone if nobody wants them
};

/// All that one home has for one client at one moment, in order.
struct DeliveryBatch {
  ClientId client;
  std::vector<DeliveryRun> runs;
  std::vector<DeliveryItem> items;
};

}  // namespace polymq::engine
