// Values as RabbitMQ's explanations print terms: strings look like `<<"abc">>`.
#pragma once

#include <string>
#include <string_view>

#include "engine/fields.h"

namespace polymq::engine {

/// `<<"abc">>`
std::string term_text(std::string_view text);
/// Strings as above, everything else as to_text() has it.
std::string term_text(const Value& value);

}  // namespace polymq::engine
