// How one log line's fields are written, as text for people or as JSON for machines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace polymq::log {

/// One key and value of a line. Keys are literals of the program.
struct LineField {
  std::string_view key;
  std::string value;
  bool is_text = true;  // false: a number or boolean, written bare in JSON
};

/// `message key=value key="two words"`. Control characters and broken UTF-8, which peers may send
/// in names, are escaped, so that a line stays one line.
std::string to_text(std::string_view message, const std::vector<LineField>& fields);

/// `"message":"...","key":"value"`, without braces. Always valid JSON in valid UTF-8: octets that
/// are not are replaced by U+FFFD.
std::string to_json(std::string_view message, const std::vector<LineField>& fields);

}  // namespace polymq::log
