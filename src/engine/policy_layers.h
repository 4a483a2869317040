// The policies of one vhost from both their sources: the configuration, and operators at run time.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "engine/policy.h"

namespace polymq::engine {

/// The configuration fixes what it names: a policy of the same author and name that was set at run
/// time waits beneath it, and counts again when the configuration names it no more.
class PolicyLayers {
 public:
  /// All that the configuration has; null: nothing.
  void configure(std::shared_ptr<const PolicySet> policies) { configured_ = std::move(policies); }
  /// In the place of one of that name.
  void set(PolicyAuthor author, Policy policy);
  void clear(PolicyAuthor author, std::string_view name);

  bool is_configured(PolicyAuthor author, std::string_view name) const;
  bool is_set(PolicyAuthor author, std::string_view name) const;
  /// What both make; null: nothing.
  std::shared_ptr<const PolicySet> in_force() const;

 private:
  using ByName = std::map<std::string, Policy, std::less<>>;
  const ByName& of(PolicyAuthor author) const { return set_[static_cast<std::size_t>(author)]; }
  std::vector<Policy> in_force(PolicyAuthor author) const;

  std::shared_ptr<const PolicySet> configured_;
  std::array<ByName, 2> set_;  // by author
};

}  // namespace polymq::engine
