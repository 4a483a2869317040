// A secret that the node makes for itself and keeps.
#pragma once

#include <string>

#include "base/result.h"

namespace polymq::server {

/// 32 random octets. With a folder they are in its file `name`, readable for its owner only, and
/// made when that is not there. Error: it cannot be read or written.
Result<std::string> own_secret(const std::string& folder, const std::string& name);

}  // namespace polymq::server
