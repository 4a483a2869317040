// Escaping of log fields.
#include "base/log_text.h"

#include <cstddef>
#include <cstdint>

namespace polymq::log {
namespace {

/// Length of the valid UTF-8 sequence at the front of `text`, 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = octet(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xC0) != 0x80) return 0;
  }
  const std::uint8_t second = octet(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return length;
}

void append_hex(std::string& out, std::string_view prefix, std::uint8_t octet) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += prefix;
  out += kDigits[octet >> 4];
  out += kDigits[octet & 15];
}

/// Appends the next character of `text` with control characters as `\n` or prefix + two hex digits.
void append_escaped(std::string& out, char c, std::string_view prefix, bool escape_quotes) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\t') {
    out += "\\t";
  } else if (escape_quotes && (c == '"' || c == '\\')) {
    out += '\\';
    out += c;
  } else if (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7F) {
    append_hex(out, prefix, static_cast<std::uint8_t>(c));
  } else {
    out += c;
  }
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (length == 1) {
      append_escaped(out, text[0], "\\u00", true);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void append_plain(std::string& out, std::string_view text, bool escape_quotes) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      append_hex(out, "\\x", static_cast<std::uint8_t>(text[0]));
    } else if (length == 1) {
      append_escaped(out, text[0], "\\x", escape_quotes);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    if (c == ' ' || c == '"' || c == '=' || c == '\\' || static_cast<std::uint8_t>(c) < 0x20) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string to_text(std::string_view message, const std::vector<LineField>& fields) {
  std::string out;
  append_plain(out, message, false);
  for (const LineField& field : fields) {
    out += ' ';
    out += field.key;
    out += '=';
    const bool quotes = needs_quotes(field.value);
    if (quotes) out += '"';
    append_plain(out, field.value, quotes);
    if (quotes) out += '"';
  }
  return out;
}

std::string to_json(std::string_view message, const std::vector<LineField>& fields) {
  std::string out = "\"message\":";
  append_json(out, message);
  for (const LineField& field : fields) {
    out += ",\"";
    out += field.key;
    out += "\":";
    if (field.is_text) {
      append_json(out, field.value);
    } else {
      out += field.value;
    }
  }
  return out;
}

}  // namespace polymq::log
