// A request of HTTP as text, for the fuzz targets of SQS: `POST /path?query`, headers, an empty
// line, the body.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "sqs/protocol/request_view.h"

namespace polymq::sqs {

inline std::string_view take_line(std::string_view& text, char end) {
  const std::size_t size = std::min(text.find(end), text.size());
  const std::string_view line = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return line;
}

/// Views into `text`; `headers` holds what the view's headers point to.
inline RequestView parse_request_text(std::string_view text, std::vector<HeaderView>& headers) {
  RequestView request;
  std::string_view first = take_line(text, '\n');
  request.method = take_line(first, ' ');
  request.path = take_line(first, '?');
  request.query = first;
  while (!text.empty()) {
    std::string_view line = take_line(text, '\n');
    if (line.empty()) break;
    const std::string_view name = take_line(line, ':');
    headers.push_back({name, line.starts_with(' ') ? line.substr(1) : line});
  }
  request.headers = headers;
  request.body = text;
  return request;
}

}  // namespace polymq::sqs
