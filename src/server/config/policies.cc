// The engine decides what a policy may say; here an unknown key gets a suggestion.
#include "server/config/policies.h"

#include <utility>
#include <vector>

#include "base/suggest.h"
#include "engine/policy_keys.h"

namespace polymq::server::config {
namespace {

Result<void> check_names(const engine::Fields& definition, engine::PolicyAuthor author) {
  const bool by_operator = author == engine::PolicyAuthor::kOperator;
  std::vector<std::string_view> names;
  for (const engine::PolicyKey& key : engine::policy_keys()) {
    if (key.for_operators || !by_operator) names.push_back(key.name);
  }
  for (const engine::Field& field : definition) {
    const engine::PolicyKey* key = engine::find_policy_key(field.name);
    if (key != nullptr && (key->for_operators || !by_operator)) continue;
    return fail("'" + field.name + "' is not a key of " +
                (by_operator ? "operator policies" : "policies") + did_you_mean(field.name, names));
  }
  return {};
}

}  // namespace

Result<engine::Policy> make_policy(const Config::Policy& wanted, engine::PolicyAuthor author) {
  if (auto known = check_names(wanted.definition, author); !known) {
    return tl::make_unexpected(known.error());
  }
  return engine::make_policy(author, {.vhost = wanted.vhost,
                                      .name = wanted.name,
                                      .pattern = wanted.pattern,
                                      .apply_to = wanted.apply_to,
                                      .priority = wanted.priority,
                                      .definition = wanted.definition});
}

Result<std::map<std::string, std::shared_ptr<const engine::PolicySet>>> make_policy_sets(
    const Config& config, const std::vector<std::string>& vhosts) {
  std::map<std::string, std::pair<std::vector<engine::Policy>, std::vector<engine::Policy>>> made;
  for (const std::string& vhost : vhosts) made[vhost];
  const auto add = [&](const Config::Policy& wanted, engine::PolicyAuthor author) -> Result<void> {
    auto policy = make_policy(wanted, author);
    if (!policy) return fail("policy '" + wanted.name + "': " + policy.error().text);
    const auto of_vhost = made.find(wanted.vhost);
    if (of_vhost == made.end()) {
      return fail("policy '" + wanted.name + "': no vhost '" + wanted.vhost + "'");
    }
    auto& [users, operators] = of_vhost->second;
    (author == engine::PolicyAuthor::kUser ? users : operators).push_back(*std::move(policy));
    return {};
  };
  for (const Config::Policy& policy : config.policies) {
    if (auto added = add(policy, engine::PolicyAuthor::kUser); !added) {
      return tl::make_unexpected(added.error());
    }
  }
  for (const Config::Policy& policy : config.operator_policies) {
    if (auto added = add(policy, engine::PolicyAuthor::kOperator); !added) {
      return tl::make_unexpected(added.error());
    }
  }
  std::map<std::string, std::shared_ptr<const engine::PolicySet>> sets;
  for (auto& [vhost, policies] : made) {
    sets[vhost] = std::make_shared<const engine::PolicySet>(std::move(policies.first),
                                                            std::move(policies.second));
  }
  return sets;
}

}  // namespace polymq::server::config
