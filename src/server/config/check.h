// Checks that concern several keys, and the values derived from them.
#pragma once

#include <vector>

#include "server/config/load.h"

namespace polymq::server::config {

/// Fills in what load() promises to derive and adds what is wrong to `problems`.
void check(Loaded& loaded, std::vector<Problem>& problems);

}  // namespace polymq::server::config
