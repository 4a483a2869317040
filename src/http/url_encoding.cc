// One decoder for both kinds; they differ in what a plus means.
#include "http/url_encoding.h"

namespace polymq::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decode(std::string_view text, bool plus_is_blank) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at] == '+' && plus_is_blank ? ' ' : text[at];
      continue;
    }
    if (text.size() - at < 3) return std::nullopt;
    const int high = hex_value(text[at + 1]);
    const int low = hex_value(text[at + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return decoded;
}

bool stays(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) { return decode(text, false); }
std::optional<std::string> form_decode(std::string_view text) { return decode(text, true); }

std::string percent_encode(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (stays(c)) {
      encoded += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[octet >> 4];
    encoded += kDigits[octet & 15];
  }
  return encoded;
}

Result<Parameters> parse_form(std::string_view text, std::size_t max_count) {
  Parameters parameters;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view piece = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (piece.empty()) continue;
    if (parameters.size() == max_count) {
      return fail("there are more than " + std::to_string(max_count) + " parameters");
    }
    const std::size_t equals = piece.find('=');
    auto name = form_decode(piece.substr(0, equals));
    auto value =
        equals == std::string_view::npos ? std::string() : form_decode(piece.substr(equals + 1));
    if (!name || !value) return fail("a parameter is not properly percent-encoded");
    parameters.emplace_back(*std::move(name), *std::move(value));
  }
  return parameters;
}

}  // namespace polymq::http
