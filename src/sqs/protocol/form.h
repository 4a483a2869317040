// Form bodies and query strings: names and values, percent-decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "sqs/protocol/arena.h"
#include "sqs/protocol/error.h"

namespace polymq::sqs {

struct Parameter {
  std::string_view name{};
  std::string_view value{};
  std::uint32_t number = 0;  // for readers that sort by a number in the name
};

/// More than any legal request has.
inline constexpr std::size_t kMostParameters = 4096;

/// Decodes `name=value&...`, `+` as a blank, a % that no two hexadecimal digits follow as itself.
/// Views point into `text` or the arena. All names and values are UTF-8. Errors:
/// kInvalidParameterValue.
SqsResult<std::span<Parameter>> parse_form(std::string_view text, Arena& arena);

/// The first of this name; null when there is none.
const Parameter* find_parameter(std::span<const Parameter> form, std::string_view name);

}  // namespace polymq::sqs
