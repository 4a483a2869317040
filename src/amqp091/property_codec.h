// The engine's view of this dialect's message properties.
#pragma once

#include <string>

#include "engine/message.h"

namespace polymq::amqp091 {

/// Call once, before the first message.
void register_property_codec();

/// Basic properties for a message that came over another protocol: its headers, its message id, and
/// whether it is persistent.
std::string translated_properties(const engine::Message& message);

}  // namespace polymq::amqp091
