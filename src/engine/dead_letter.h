// Dead lettering, the part without queues: the record of a message's deaths, the headers that show
// it, and the rule that cuts cycles.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "engine/properties.h"

namespace polymq::engine {

enum class DeathReason : std::uint8_t { kRejected, kExpired, kMaxLength, kDeliveryLimit };
/// "rejected", "expired", "maxlen", "delivery_limit".
std::string_view to_text(DeathReason reason);

/// All deaths of a message in one queue for one reason. A record is a vector of these, the most
/// recent first; exactly one of them is `first`.
struct DeathEntry {
  std::string queue;
  DeathReason reason = DeathReason::kRejected;
  bool first = false;  // the message's very first death was one of these
  std::uint64_t count = 1;
  // As it was before the first death of this entry:
  std::int64_t time_s = 0;  // seconds since 1970
  std::string exchange;
  std::vector<std::string> routing_keys;  // with CC, without BCC
  std::optional<std::string> original_expiration;
  bool operator==(const DeathEntry&) const = default;
};

/// One death, as the queue sees it. `expiration`: the message's own, as it was published.
struct Death {
  std::string_view queue;
  DeathReason reason;
  WallMs time;
  std::string_view exchange;
  std::vector<std::string> routing_keys;
  std::optional<std::string> expiration = std::nullopt;
};

/// Enters a death into the broker's own record. Headers that a client sent play no part.
void record_death(std::vector<DeathEntry>& record, Death death);

/// What the dead-lettered message's properties differ in: x-death, x-first-death-*, x-last-death-*
/// replace what was there, the expiration goes; so does CC when the queue overrides the routing
/// key.
PropertyChanges death_changes(std::span<const DeathEntry> record, bool routing_key_overridden);

/// Must a message with this record (its newest death included) not enter `target`? It must not if
/// it died there before and nothing since then, including now, was a consumer's rejection.
bool closes_cycle(std::span<const DeathEntry> record, std::string_view target);

}  // namespace polymq::engine
