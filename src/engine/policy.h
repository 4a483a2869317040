// Policies: settings that operators give to queues and exchanges by name, and how they combine with
// what a declaration asked for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/name_pattern.h"
#include "base/result.h"
#include "engine/fields.h"
#include "engine/queue_arguments.h"

namespace polymq::engine {

/// What a policy may be for.
enum class PolicyTarget : std::uint8_t {
  kAll,
  kQueues,
  kExchanges,
  kClassicQueues,
  kQuorumQueues,
  kStreams,
};
/// "all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams".
std::string_view to_text(PolicyTarget target);
std::optional<PolicyTarget> policy_target(std::string_view text);

/// User policies may say everything; operator policies only limits, which then bind users too.
enum class PolicyAuthor : std::uint8_t { kUser, kOperator };

enum class EntityKind : std::uint8_t { kExchange, kClassicQueue, kQuorumQueue };
inline EntityKind entity_kind(QueueType type) {
  return type == QueueType::kQuorum ? EntityKind::kQuorumQueue : EntityKind::kClassicQueue;
}

/// Immutable once made.
struct Policy {
  std::string vhost;
  std::string name;
  NamePattern pattern;
  PolicyTarget apply_to;
  std::int64_t priority;
  Fields definition;
  /// The kinds of entity whose policies may have all these keys: 1 << EntityKind.
  std::uint8_t applicable_kinds;
  /// Set while the node runs, and stored. Else it is of the configuration, which fixes it.
  bool at_run_time = false;

  /// Does it apply to an entity of that name and kind?
  bool applies_to(std::string_view entity, EntityKind kind) const;
};

/// A policy as an operator gave it.
struct PolicyRequest {
  std::string_view vhost;
  std::string_view name;
  std::string_view pattern;
  std::string_view apply_to = "all";
  std::int64_t priority = 0;
  Fields definition;
};

/// Checks and compiles. The error's text is for the operator: `-1 is not a valid message TTL`,
/// `[<<"foo">>] are not recognised policy settings`, a bad pattern, a bad apply-to.
Result<Policy> make_policy(PolicyAuthor author, PolicyRequest request);

/// What both policies make of the settings that a queue's arguments ask for. Numeric limits: the
/// smallest; dead lettering and the rest: the argument wins over the user policy; an operator's
/// overflow wins over both. Null = no policy.
QueueSettings effective_settings(const QueueSettings& declared, const Policy* user,
                                 const Policy* operators);

/// The policies of one vhost. Immutable: a change makes a new set.
class PolicySet {
 public:
  PolicySet() = default;
  PolicySet(std::vector<Policy> users, std::vector<Policy> operators);

  /// The one that applies to this entity: highest priority, among equals the first by name; or
  /// null.
  const Policy* user_policy(std::string_view entity, EntityKind kind) const;
  const Policy* operator_policy(std::string_view entity, EntityKind kind) const;

  /// A queue's settings under its policies. `declared` tells its type.
  QueueSettings effective(std::string_view queue, const QueueSettings& declared) const;
  /// The alternate exchange that a policy gives to `exchange`; empty = none.
  std::string alternate_exchange(std::string_view exchange) const;

  /// Highest priority first.
  const std::vector<Policy>& of(PolicyAuthor author) const {
    return author == PolicyAuthor::kUser ? users_ : operators_;
  }

 private:
  std::vector<Policy> users_;
  std::vector<Policy> operators_;
};
/// By the vhost's name.
using PolicySets = std::map<std::string, std::shared_ptr<const PolicySet>>;

}  // namespace polymq::engine
