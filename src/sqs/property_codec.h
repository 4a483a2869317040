// The engine's view of this dialect's message properties: its attributes are headers.
#pragma once

#include "engine/fields.h"
#include "engine/properties.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

/// Call once, before the first message.
void register_property_codec();

/// The headers that stand for a message's group and for its deduplication id, in any dialect.
using engine::kGroupHeader;
inline constexpr std::string_view kDeduplicationHeader = "x-deduplication-header";

/// The codec itself.
const engine::PropertyCodec& property_codec();

/// A header for readers of other dialects: String is text, Number an integer or a double if one
/// can tell it exactly, else text, Binary is bytes.
engine::Value to_header(const MessageAttribute& attribute);

}  // namespace polymq::sqs
