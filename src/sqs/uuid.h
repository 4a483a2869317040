// Random UUIDs (RFC 9562, version 4) as text.
#pragma once

#include <array>

namespace polymq::sqs {

using Uuid = std::array<char, 36>;

/// Any thread.
Uuid random_uuid();

}  // namespace polymq::sqs
