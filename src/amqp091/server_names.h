// Names that the server makes up: amq.gen-..., amq.ctag-...
#pragma once

#include <string>
#include <string_view>

namespace polymq::amqp091 {

/// `prefix` and 22 URL-safe base64 characters of 16 random octets: never twice.
std::string generate_name(std::string_view prefix);

}  // namespace polymq::amqp091
