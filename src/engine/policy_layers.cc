// Merging two sources of policies.
#include "engine/policy_layers.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace polymq::engine {

void PolicyLayers::set(PolicyAuthor author, Policy policy) {
  policy.at_run_time = true;
  std::string name = policy.name;
  set_[static_cast<std::size_t>(author)].insert_or_assign(std::move(name), std::move(policy));
}

void PolicyLayers::clear(PolicyAuthor author, std::string_view name) {
  ByName& policies = set_[static_cast<std::size_t>(author)];
  if (const auto it = policies.find(name); it != policies.end()) policies.erase(it);
}

bool PolicyLayers::is_configured(PolicyAuthor author, std::string_view name) const {
  if (configured_ == nullptr) return false;
  const std::vector<Policy>& policies = configured_->of(author);
  return std::any_of(policies.begin(), policies.end(),
                     [&](const Policy& policy) { return policy.name == name; });
}

bool PolicyLayers::is_set(PolicyAuthor author, std::string_view name) const {
  return of(author).contains(name);
}

std::vector<Policy> PolicyLayers::in_force(PolicyAuthor author) const {
  std::vector<Policy> policies;
  if (configured_ != nullptr) policies = configured_->of(author);
  for (const auto& [name, policy] : of(author)) {
    if (!is_configured(author, name)) policies.push_back(policy);
  }
  return policies;
}

std::shared_ptr<const PolicySet> PolicyLayers::in_force() const {
  if (of(PolicyAuthor::kUser).empty() && of(PolicyAuthor::kOperator).empty()) return configured_;
  return std::make_shared<const PolicySet>(in_force(PolicyAuthor::kUser),
                                           in_force(PolicyAuthor::kOperator));
}

}  // namespace polymq::engine
