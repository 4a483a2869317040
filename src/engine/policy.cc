// Checking, choosing and combining policies.
#include "engine/policy.h"

#include <algorithm>
#include <array>

#include "engine/policy_keys.h"
#include "engine/term_text.h"

namespace polymq::engine {
namespace {

struct TargetRow {
  PolicyTarget target;
  std::string_view name;
};
constexpr std::array kTargets{
    TargetRow{PolicyTarget::kAll, "all"},
    TargetRow{PolicyTarget::kQueues, "queues"},
    TargetRow{PolicyTarget::kExchanges, "exchanges"},
    TargetRow{PolicyTarget::kClassicQueues, "classic_queues"},
    TargetRow{PolicyTarget::kQuorumQueues, "quorum_queues"},
    TargetRow{PolicyTarget::kStreams, "streams"},
};

bool target_covers(PolicyTarget target, EntityKind kind) {
  switch (target) {
    case PolicyTarget::kAll:
      return true;
    case PolicyTarget::kQueues:
      return kind != EntityKind::kExchange;
    case PolicyTarget::kExchanges:
      return kind == EntityKind::kExchange;
    case PolicyTarget::kClassicQueues:
      return kind == EntityKind::kClassicQueue;
    case PolicyTarget::kQuorumQueues:
      return kind == EntityKind::kQuorumQueue;
    case PolicyTarget::kStreams:
      return false;
  }
  return false;
}

/// `[{<<"foo">>,1}] are not recognised policy settings`
Result<void> check_names(PolicyAuthor author, const Fields& definition) {
  std::string unknown;
  for (const Field& field : definition) {
    const PolicyKey* key = find_policy_key(field.name);
    if (key != nullptr && (author == PolicyAuthor::kUser || key->for_operators)) continue;
    if (!unknown.empty()) unknown += ',';
    unknown += "{" + term_text(std::string_view(field.name)) + "," + term_text(field.value) + "}";
  }
  if (unknown.empty()) return {};
  return fail("[" + unknown + "] are not recognised policy settings");
}

Result<void> check_delayed_retry(const Fields& definition) {
  const Value* type = find(definition, "delayed-retry-type");
  const Value* min = find(definition, "delayed-retry-min");
  const Value* max = find(definition, "delayed-retry-max");
  if (type != nullptr && *type->as_string() != "disabled" && min == nullptr) {
    return fail("delayed-retry-type needs delayed-retry-min");
  }
  if (min != nullptr && max != nullptr && *max->as_integer() < *min->as_integer()) {
    return fail("delayed-retry-max is less than delayed-retry-min");
  }
  return {};
}

Result<void> check_definition(PolicyAuthor author, const Fields& definition) {
  if (definition.empty()) return fail("no policy provided");
  if (auto names = check_names(author, definition); !names) return names;
  for (const Field& field : definition) {
    if (find(definition, field.name) != &field.value) {
      return fail("[" + term_text(std::string_view(field.name)) + "] duplicate keys not allowed");
    }
    const PolicyKey& key = *find_policy_key(field.name);
    if (!key.valid(field.value)) {
      return fail(term_text(field.value) + " is not a valid " + std::string(key.noun));
    }
  }
  return check_delayed_retry(definition);
}

std::uint8_t kinds_of(const Fields& definition) {
  std::uint8_t kinds = 0xff;
  for (const Field& field : definition) kinds &= find_policy_key(field.name)->kinds;
  return kinds;
}

void apply(const Policy* policy, PolicyAuthor author, QueueSettings& settings) {
  if (policy == nullptr) return;
  for (const Field& field : policy->definition) {
    const PolicyKey& key = *find_policy_key(field.name);
    if (key.apply != nullptr) key.apply(field.value, author, settings);
  }
}

std::vector<Policy> in_order(std::vector<Policy> policies) {
  std::sort(policies.begin(), policies.end(), [](const Policy& a, const Policy& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.name < b.name;
  });
  return policies;
}

const Policy* first_that_applies(const std::vector<Policy>& policies, std::string_view entity,
                                 EntityKind kind) {
  const auto it = std::find_if(policies.begin(), policies.end(), [&](const Policy& policy) {
    return policy.applies_to(entity, kind);
  });
  return it == policies.end() ? nullptr : &*it;
}

}  // namespace

std::string_view to_text(PolicyTarget target) {
  return kTargets[static_cast<std::size_t>(target)].name;
}

std::optional<PolicyTarget> policy_target(std::string_view text) {
  for (const TargetRow& row : kTargets) {
    if (row.name == text) return row.target;
  }
  return std::nullopt;
}

bool Policy::applies_to(std::string_view entity, EntityKind kind) const {
  return target_covers(apply_to, kind) && (applicable_kinds >> static_cast<int>(kind) & 1) != 0 &&
         pattern.matches(entity);
}

Result<Policy> make_policy(PolicyAuthor author, PolicyRequest request) {
  if (request.name.empty()) return fail("a policy needs a name");
  const auto target = policy_target(request.apply_to);
  if (!target) {
    return fail("apply-to '" + std::string(request.apply_to) +
                "' unrecognised; should be one of: 'queues', 'classic_queues', 'quorum_queues', "
                "'streams', 'exchanges', or 'all'");
  }
  auto pattern = NamePattern::compile(request.pattern);
  if (!pattern) {
    return fail("pattern should be regular expression but is invalid: " + pattern.error().text);
  }
  if (auto valid = check_definition(author, request.definition); !valid) {
    return tl::make_unexpected(valid.error());
  }
  const std::uint8_t kinds = kinds_of(request.definition);
  return Policy{std::string(request.vhost),
                std::string(request.name),
                std::move(*pattern),
                *target,
                request.priority,
                std::move(request.definition),
                kinds};
}

QueueSettings effective_settings(const QueueSettings& declared, const Policy* user,
                                 const Policy* operators) {
  QueueSettings settings = declared;
  apply(user, PolicyAuthor::kUser, settings);
  apply(operators, PolicyAuthor::kOperator, settings);
  return settings;
}

PolicySet::PolicySet(std::vector<Policy> users, std::vector<Policy> operators)
    : users_(in_order(std::move(users))), operators_(in_order(std::move(operators))) {}

const Policy* PolicySet::user_policy(std::string_view entity, EntityKind kind) const {
  return first_that_applies(users_, entity, kind);
}

const Policy* PolicySet::operator_policy(std::string_view entity, EntityKind kind) const {
  return first_that_applies(operators_, entity, kind);
}

QueueSettings PolicySet::effective(std::string_view queue, const QueueSettings& declared) const {
  const EntityKind kind = entity_kind(declared.type);
  return effective_settings(declared, user_policy(queue, kind), operator_policy(queue, kind));
}

std::string PolicySet::alternate_exchange(std::string_view exchange) const {
  const Policy* policy = user_policy(exchange, EntityKind::kExchange);
  if (policy == nullptr) return {};
  const Value* name = find(policy->definition, "alternate-exchange");
  return name == nullptr ? std::string() : *name->as_string();
}

}  // namespace polymq::engine
