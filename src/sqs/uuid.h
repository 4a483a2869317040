// Random UUIDs (RFC 9562, version 4) as text, and as the engine knows them.
#pragma once

#include <array>
#include <string_view>

#include "engine/ids.h"

namespace polymq::sqs {

using Uuid = std::array<char, 36>;

/// Any thread.
Uuid random_uuid();

/// As text, which has to be one of 36 characters, and back.
engine::MessageId to_message_id(std::string_view uuid);
Uuid to_uuid(const engine::MessageId& id);

/// Of a message that came by another protocol: from its place in the queue, always the same.
Uuid uuid_of_place(engine::QueueId queue, engine::Position position);

}  // namespace polymq::sqs
