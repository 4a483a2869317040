// RabbitMQ's policy keys, as far as the configuration file may set them.
#pragma once

#include "base/result.h"
#include "engine/fields.h"

namespace polymq::server::config {

/// Is this a definition that a policy (or, with `is_operator`, an operator policy) may have:
/// not empty, known keys, values of their types? Error: the first thing that is wrong.
Result<void> check_definition(const engine::Fields& definition, bool is_operator);

}  // namespace polymq::server::config
