// Configured policies as the engine has them.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/policy.h"
#include "server/config/config.h"

namespace polymq::server::config {

/// Error: what is wrong with the pattern or the definition, with the nearest key for an unknown
/// one.
Result<engine::Policy> make_policy(const Config::Policy& wanted, engine::PolicyAuthor author);

/// The policies of each of these vhosts. Error: the first policy that is wrong, or whose vhost is
/// none of them.
Result<std::map<std::string, std::shared_ptr<const engine::PolicySet>>> make_policy_sets(
    const Config& config, const std::vector<std::string>& vhosts);

}  // namespace polymq::server::config
