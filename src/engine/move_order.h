// The order to move a queue's messages to other queues, as it is kept among the queue's arguments:
// it outlives a restart, and what became of it can be read there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "engine/fields.h"

namespace polymq::engine {

/// The argument. The broker's own: not declared, not compared.
inline constexpr std::string_view kMoveOrderArgument = "x-move-order";

enum class MoveState : std::uint8_t { kRunning, kCompleted, kCancelled, kFailed };
/// Why it has failed. The message that it was about stays where it was.
enum class MoveFailure : std::uint8_t {
  kNone,
  kNoDestination,  // there is no such queue (any more)
  kNoSource,       // without a destination: it is not known where the message came from
  kRefused,        // the destination is full and rejects
};

struct MoveOrder {
  std::string id = {};
  /// A queue of the same vhost; none: each message goes back to where it was dead-lettered last.
  std::optional<std::string> destination = {};
  std::int64_t rate = 0;      // messages a second; 0: as fast as it goes
  std::int64_t messages = 0;  // that were there to be moved when it was given
  WallMs given = 0;
  MoveState state = MoveState::kRunning;
  MoveFailure failure = MoveFailure::kNone;
  std::int64_t moved = 0;  // known when it has ended
  bool operator==(const MoveOrder&) const = default;
};

Value to_value(const MoveOrder& order);
/// Nothing: the value is no order.
std::optional<MoveOrder> move_order_of(const Value& value);
/// That of a queue with these arguments.
std::optional<MoveOrder> move_order_of(const Fields& arguments);

}  // namespace polymq::engine
