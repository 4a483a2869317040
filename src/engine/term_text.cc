// Printing values as terms.
#include "engine/term_text.h"

#include <algorithm>

namespace polymq::engine {
namespace {

bool printable(char c) { return c >= ' ' && c <= '~'; }

}  // namespace

std::string term_text(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), printable)) {
    std::string quoted = "<<\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    return quoted + "\">>";
  }
  std::string bytes = "<<";
  for (const char c : text) {
    if (bytes.size() > 2) bytes += ',';
    bytes += std::to_string(static_cast<unsigned char>(c));
  }
  return bytes + ">>";
}

std::string term_text(const Value& value) {
  const auto* text = std::get_if<std::string>(&value.payload());
  return text != nullptr ? term_text(std::string_view(*text)) : to_text(value);
}

}  // namespace polymq::engine
