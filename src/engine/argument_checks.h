// Checks that the arguments of queues, consumers and exchanges share, and their words.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "engine/error.h"
#include "engine/fields.h"

namespace polymq::engine {

/// Why a value is refused, in RabbitMQ's notation (`{value_zero,0}`); empty = it is fine.
using Refusal = std::string;

Refusal check_integer(const Value& value);
Refusal check_non_negative(const Value& value);
Refusal check_positive(const Value& value);
/// Milliseconds, from 0 to ten years.
Refusal check_expiry(const Value& value);
Refusal check_bool(const Value& value);
Refusal check_string(const Value& value);
/// A string out of a list; `otherwise` is the refusal of other strings.
Refusal check_choice(const Value& value, std::initializer_list<std::string_view> choices,
                     std::string_view otherwise);

/// `invalid arg 'x-expires' for queue 'q' in vhost '/': {value_zero,0}`. `of`: "queue 'q' in ...".
tl::unexpected<EngineError> invalid_argument(std::string_view name, std::string_view of,
                                             const Refusal& refusal);

/// An argument that names an exchange (alternate-exchange, x-dead-letter-exchange), if it is there.
/// kPrecondition: `invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in ...`.
EngineResult<std::optional<std::string>> exchange_name_argument(const Fields& arguments,
                                                                std::string_view name,
                                                                std::string_view of);

}  // namespace polymq::engine
