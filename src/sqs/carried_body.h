// Bodies that SQS cannot carry as they are go as base64, and say so in an attribute; when such a
// message comes back, that is undone.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sqs/protocol/arena.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

/// The attribute: a String, "base64".
inline constexpr std::string_view kEncodingAttribute = "PolyMQ.Encoding";

/// What receivers are told of `body`: itself, or its base64, and then the attribute is added.
std::string_view carried_body(std::string_view body, Arena& arena,
                              std::vector<MessageAttribute>& attributes);

/// What a sender's body stands for. It was carried if the attribute is there and the body is the
/// base64 of something that must be carried; then the attribute goes. Else both are as they are.
struct SentBody {
  std::string_view body;
  std::span<const MessageAttribute> attributes;
};
SentBody sent_body(std::string_view body, std::span<const MessageAttribute> attributes,
                   Arena& arena);

}  // namespace polymq::sqs
