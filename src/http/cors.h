// Which web pages' scripts may use the server (Cross-Origin Resource Sharing).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace polymq::http {

/// Browsers tell where a page comes from in the Origin field; other clients do not send it, and are
/// none of this policy's business. Requests from pages elsewhere are refused rather than only kept
/// from reading the answer: a form on any page can post to a broker on the reader's own machine.
class Cors {
 public:
  struct Settings {
    /// Origins ("https://console.example.com"), "localhost" (every page of this machine) or "*".
    std::vector<std::string> origins{"localhost"};
    /// Fields of answers that scripts may read, separated by commas.
    std::string exposed_fields{};
  };
  explicit Cors(Settings settings) : settings_(std::move(settings)) {}

  bool allows(std::string_view origin) const;
  /// The answer to a browser's question whether it may ask; nothing for other requests.
  static std::optional<Response> preflight(const Request& request);
  /// What a response to a page of an allowed `origin` needs.
  void add_fields(std::string_view origin, Response& response) const;

 private:
  Settings settings_;
};

/// What Cors::Settings::origins may hold.
Result<void> check_origin(std::string_view text);

/// Is it a page of this machine: localhost, a name below it, 127.0.0.0/8 or [::1], on any port?
bool is_local_origin(std::string_view origin);

}  // namespace polymq::http
