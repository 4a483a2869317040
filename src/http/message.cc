// Finding header fields, building responses.
#include "http/message.h"

#include <algorithm>
#include <array>

namespace polymq::http {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 31> kReasons{{
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
}};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (const Field& field : fields_) {
    if (equal_ignoring_case(text(field.name), name)) return text(field.value);
  }
  return std::nullopt;
}

Response& Response::add(std::string_view name, std::string_view value) {
  fields.reserve(fields.size() + name.size() + value.size() + 4);
  fields.append(name).append(": ");
  for (const char c : value) {
    const auto octet = static_cast<unsigned char>(c);
    fields += octet < 0x20 || octet == 0x7f ? ' ' : c;
  }
  fields.append("\r\n");
  return *this;
}

Response plain_text(int status, std::string_view text) {
  Response response{.status = status, .content_type = "text/plain; charset=utf-8"};
  response.body.reserve(text.size() + 1);
  response.body.append(text).append("\n");
  return response;
}

std::string_view reason_phrase(int status) {
  const auto found =
      std::lower_bound(kReasons.begin(), kReasons.end(), status,
                       [](const auto& row, int wanted) { return row.first < wanted; });
  return found != kReasons.end() && found->first == status ? found->second : "Unknown";
}

}  // namespace polymq::http
