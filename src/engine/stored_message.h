// A message as the store keeps it, and back.
#pragma once

#include "base/result.h"
#include "engine/ids.h"
#include "engine/message.h"
#include "storage/message_store.h"

namespace polymq::engine {

/// With views into `message`.
storage::MessageRecord to_record(const Message& message, QueueId queue, Position position,
                                 WallMs enqueued);

/// Of one that an exchange holds until `due`: with what it reached before.
storage::MessageRecord to_held_record(const Message& message, ExchangeId exchange,
                                      Position position, WallMs due);

/// A message with one reference. Error: what only few messages have cannot be decoded.
Result<Message*> from_record(const storage::MessageRecord& record, MemoryMeter& meter);

}  // namespace polymq::engine
