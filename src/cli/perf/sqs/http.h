// HTTP/1.1 as a load generator needs it: requests made ahead, answers cut out of what was received.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/perf/socket.h"

namespace polymq::perf {

struct HttpServer {
  std::string host = "127.0.0.1";
  std::uint16_t port = 9324;
};

/// A call of an SQS action in the JSON protocol, as bytes for the socket.
std::string sqs_request(const HttpServer& server, std::string_view action, std::string_view body);

/// An answer within what was received.
struct HttpAnswer {
  int status = 0;
  std::string_view body;
  std::size_t size = 0;  ///< of all of it; 0 = it is not complete yet
};

/// The answer that `input` begins with. Fails for what is no HTTP/1.1, and for bodies without
/// Content-Length.
Result<HttpAnswer> parse_answer(std::string_view input);

/// The text that is the value of `"name"`, the first behind `at`, which goes behind it; still
/// escaped. "" when there is none: `at` is npos then.
std::string_view next_json_text(std::string_view json, std::string_view name, std::size_t& at);

/// Calls that block, one after another on a connection: for making and deleting the queue.
class HttpCaller {
 public:
  static Result<HttpCaller> connect(const HttpServer& server);
  /// The body of the answer. Fails with the server's own words when its status is not 200.
  Result<std::string> call(std::string_view action, std::string_view body);
  Socket take_socket() { return std::move(socket_); }

 private:
  HttpCaller(const HttpServer& server, Socket socket)
      : server_(server), socket_(std::move(socket)) {}

  HttpServer server_;
  Socket socket_;
};

/// What to tell the user of an answer that is not 200.
std::string refusal_text(std::string_view action, const HttpAnswer& answer);

}  // namespace polymq::perf
