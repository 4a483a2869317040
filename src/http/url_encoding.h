// Percent-encoding of URLs, query strings and forms (application/x-www-form-urlencoded).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace polymq::http {

/// Of a path: "%2F" becomes "/", "+" stays. Nothing when a percent sign is not followed by two
/// hexadecimal digits. The octets may be anything, not only UTF-8.
std::optional<std::string> percent_decode(std::string_view text);

/// Of a name or value in a query string or form: "+" is a blank, too.
std::optional<std::string> form_decode(std::string_view text);

/// Everything but letters, digits, "-", ".", "_" and "~" is encoded, also "/".
std::string percent_encode(std::string_view text);

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// "a=1&b=&c" as names and values in their order; a name without "=" has an empty value, empty
/// pieces ("&&") are left out. Error: a wrong encoding, or more than `max_count` parameters.
Result<Parameters> parse_form(std::string_view text, std::size_t max_count);

}  // namespace polymq::http
