// Splitting and percent-decoding; what needs no decoding is not copied.
#include "sqs/protocol/form.h"

#include <algorithm>

#include "sqs/protocol/error_messages.h"
#include "sqs/text.h"

namespace polymq::sqs {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view decoded(std::string_view text, Arena& arena) {
  // Two searches for one character each are faster than one for either.
  const std::size_t first = std::min(text.find('%'), text.find('+'));
  if (first == std::string_view::npos) return text;
  char* const begin = arena.text(text.size());
  char* to = std::copy_n(text.data(), first, begin);
  for (std::size_t i = first; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+') {
      *to++ = ' ';
    } else if (c == '%' && text.size() - i > 2 && hex_value(text[i + 1]) >= 0 &&
               hex_value(text[i + 2]) >= 0) {
      *to++ = static_cast<char>(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
      i += 2;
    } else {
      *to++ = c;
    }
  }
  return {begin, static_cast<std::size_t>(to - begin)};
}

/// Cuts off what comes before the first `separator`; everything when there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

}  // namespace

SqsResult<std::span<Parameter>> parse_form(std::string_view text, Arena& arena) {
  const auto separators = static_cast<std::size_t>(std::count(text.begin(), text.end(), '&'));
  if (separators >= kMostParameters) {
    return refuse(ErrorCode::kInvalidParameterValue, "The request has too many parameters.");
  }
  const std::span<Parameter> all = arena.array<Parameter>(separators + 1);
  std::size_t count = 0;
  while (!text.empty()) {
    std::string_view value = take_until(text, '&');
    const std::string_view name = decoded(take_until(value, '='), arena);
    if (name.empty()) continue;
    value = decoded(value, arena);
    if (!is_utf8(name) || !is_utf8(value)) {
      return refuse(ErrorCode::kInvalidParameterValue,
                    "The request has a parameter that is not UTF-8.");
    }
    all[count++] = {name, value};
  }
  return all.first(count);
}

const Parameter* find_parameter(std::span<const Parameter> form, std::string_view name) {
  for (const Parameter& parameter : form) {
    if (parameter.name == name) return &parameter;
  }
  return nullptr;
}

}  // namespace polymq::sqs
