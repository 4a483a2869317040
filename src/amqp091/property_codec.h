// The engine's view of this dialect's message properties.
#pragma once

#include "engine/properties.h"

namespace polymq::amqp091 {

/// Call once, before the first message.
void register_property_codec();

}  // namespace polymq::amqp091
