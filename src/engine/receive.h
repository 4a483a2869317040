// Asking a queue for some messages at once, and ending their leases by token: for protocols whose
// clients have no channel on which an unsettled message would live.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "engine/deduplication_window.h"
#include "engine/ids.h"

namespace polymq::engine {

class Message;

struct ReceiveOptions {
  std::uint32_t most = 1;  // messages; fewer when they are large, see Poll
  /// How long it waits for the first one; 0: what is there, or nothing.
  std::int64_t wait_ms = 0;
  /// The leases end that long after they began, and the messages return.
  std::int64_t lease_ms = 0;
  /// Nothing is handed out while that many of the queue's messages are: who waits goes on waiting,
  /// and who does not is refused.
  std::uint64_t most_leased = UINT64_MAX;
  /// Set: who asks again with the same within five minutes, because the answer got lost, is handed
  /// the same messages under the same tokens, and their leases begin again. Unless one of them was
  /// settled, or its lease was changed or has ended: then that is another receive.
  std::optional<DeduplicationKey> attempt = {};
};

/// Names one hand-out of a message: how often it had been handed out by then, saturating, and in
/// which life: after a crash it may be handed out as often once more.
struct LeaseToken {
  Position position = 0;
  std::uint16_t acquired = 0;
  std::uint64_t life = 0;  // since the broker was started; grows
  bool operator==(const LeaseToken&) const = default;
};

/// Lent until it is reported written, like any delivery.
struct ReceivedItem {
  const Message* message;
  LeaseToken token;
  WallMs enqueued;
  WallMs first_received;
};

struct LeaseExtension {
  LeaseToken token;
  std::int64_t lease_ms = 0;  // from now; 0: the lease ends
};

/// Which hand-outs of a message a token may name to end its lease.
enum class Freshness : std::uint8_t {
  kCurrent,  // the one that is out
  kLatest,   // the last one, though its time may be up
  kAny,      // any: what waits to be handed out again goes, too
};

enum class TokenEnd : std::uint8_t {
  kDone,
  kUnknown,    // there is no such message (any more)
  kStale,      // it was handed out again, or its time is up
  kNotLeased,  // it waits to be handed out again
  kOverLimit,  // it would be out for longer than it may
};

}  // namespace polymq::engine
