// A received HTTP request as the dialect sees it.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

namespace polymq::sqs {

struct HeaderView {
  std::string_view name;
  std::string_view value;
};

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// Letters A to Z count like a to z.
constexpr bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

/// Views into what the connection received; nothing is decoded yet.
struct RequestView {
  std::string_view method;  // GET, POST
  std::string_view path;    // as sent, up to the question mark
  std::string_view query;   // as sent, after the question mark
  std::span<const HeaderView> headers;
  std::string_view body;

  /// The first of this name, in whatever case; empty when there is none.
  constexpr std::string_view header(std::string_view name) const {
    for (const HeaderView& header : headers) {
      if (same_letters(header.name, name)) return header.value;
    }
    return {};
  }
};

}  // namespace polymq::sqs
