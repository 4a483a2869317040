// Fields as JSON text: for keeping arguments where people can read them. Types survive.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/fields.h"

namespace polymq::engine {

/// [["x-max-length","signedint",5],["x-queue-type","longstr","quorum"]]; text that is not UTF-8 is
/// {"hex":"ff00"}.
std::string to_json(const Fields& fields);
/// Error: it is no such text.
Result<Fields> fields_from_json(std::string_view text);

}  // namespace polymq::engine
