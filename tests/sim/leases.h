// What the model is told of messages that are received under leases that end by themselves, and of
// what is done with their tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "engine/ids.h"
#include "engine/receive.h"

namespace polymq::sim {

using MessageId = std::uint64_t;

/// A copy of a message in a queue's incarnation.
struct CopyKey {
  MessageId message;
  engine::QueueId queue;
  std::uint64_t path;
  auto operator<=>(const CopyKey&) const = default;
};

/// A message in a client's hands.
struct HandOut {
  engine::QueueId queue;
  CopyKey key;
  engine::LeaseToken token;
};

/// A receive, as far as its answer has to suit it.
struct Asked {
  engine::QueueId queue = 0;
  WallMs wall = 0;
  std::uint64_t tick = 0;
  std::int64_t lease_ms = 0;
  std::string attempt = {};  // empty: it has no name
  /// As far as can be said, its attempt is known and must be answered with the same messages,
  /// unless that time comes first.
  WallMs repeats_until = 0;
  std::uint64_t number = 0;  // among those of its attempt; 0: another one was under way
};

/// Something is asked about a token.
struct TokenRequest {
  enum class What : std::uint8_t { kDelete, kGiveBack, kExtend };
  HandOut hand_out = {};
  What what;
  engine::Freshness freshness;
  std::int64_t lease_ms = 0;
  std::int64_t most_ms = 0;

  // The model's, from asks() to answered().
  WallMs asked = 0;
  std::uint64_t tick = 0;
  WallMs sure_until = 0;   // until then it names a lease that is out; 0: perhaps not
  bool alone = false;      // nothing else is asked about that message
  std::uint64_t asks = 0;  // so many things have been
  bool held = false;       // somebody had the message
  bool outdated = false;   // a later hand-out is known
  std::uint64_t hold = 0;  // which time of being held that was
  bool consumed = false;   // a consumer held it then
};

}  // namespace polymq::sim
