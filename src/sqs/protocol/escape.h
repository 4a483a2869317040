// Text inside of JSON strings and XML elements.
#pragma once

#include <string_view>

#include "base/bytes.h"

namespace polymq::sqs {

/// Appends `text` in quotes.
void append_json_string(Buffer& out, std::string_view text);

/// Appends `text` so that a parser gives back the same characters, CR included; the few that XML
/// cannot say become U+FFFD.
void append_xml_text(Buffer& out, std::string_view text);

}  // namespace polymq::sqs
