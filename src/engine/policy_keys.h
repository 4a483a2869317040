// The keys that a policy's definition may have, as a table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/fields.h"
#include "engine/policy.h"
#include "engine/queue_arguments.h"

namespace polymq::engine {

struct PolicyKey {
  std::string_view name;
  /// Which kinds of entity may have it: 1 << EntityKind. A policy applies to nothing else.
  std::uint8_t kinds;
  bool for_operators;
  bool (*valid)(const Value& value);
  /// `... is not a valid <noun>`
  std::string_view noun;
  /// Combines it with a queue's settings so far; null: it is not a queue's, or there is nothing to
  /// do on one node. `author`: whose policy it is in.
  void (*apply)(const Value& value, PolicyAuthor author, QueueSettings& settings);
};

std::span<const PolicyKey> policy_keys();
/// Null for an unknown key.
const PolicyKey* find_policy_key(std::string_view name);

}  // namespace polymq::engine
