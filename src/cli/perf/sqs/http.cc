// Making requests and reading answers.
#include "cli/perf/sqs/http.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>

namespace polymq::perf {
namespace {

constexpr int kPatienceSeconds = 30;

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

/// The value of a field among the lines of a head; "" when there is none.
std::string_view field_of(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && same_letters(line.substr(0, colon), name)) {
      const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
      return begin == std::string_view::npos ? "" : line.substr(begin);
    }
    if (end == std::string_view::npos) break;
    head.remove_prefix(end + 2);
  }
  return {};
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end;
}

}  // namespace

std::string sqs_request(const HttpServer& server, std::string_view action, std::string_view body) {
  std::string text = "POST / HTTP/1.1\r\nHost: ";
  text += server.host + ':' + std::to_string(server.port);
  text += "\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.";
  text += action;
  text += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  text += body;
  return text;
}

Result<HttpAnswer> parse_answer(std::string_view input) {
  constexpr std::string_view kBegin = "HTTP/1.1 ";
  constexpr std::size_t kMostHead = 64 * 1024;
  const std::size_t head_size = input.find("\r\n\r\n");
  if (head_size == std::string_view::npos) {
    if (input.size() > kMostHead) return fail("the server's answer has no end of its head");
    return HttpAnswer{};
  }
  const std::string_view head = input.substr(0, head_size);
  HttpAnswer answer;
  if (!head.starts_with(kBegin) || !read_number(head.substr(kBegin.size(), 3), answer.status)) {
    return fail("the server does not answer with HTTP/1.1");
  }
  std::size_t length = 0;
  if (!read_number(field_of(head, "Content-Length"), length)) {
    return fail("the server answers without Content-Length");
  }
  const std::size_t begin = head_size + 4;
  if (input.size() - begin < length) return HttpAnswer{};
  answer.body = input.substr(begin, length);
  answer.size = begin + length;
  return answer;
}

std::string_view next_json_text(std::string_view json, std::string_view name, std::size_t& at) {
  for (at = json.find(name, at); at != std::string_view::npos; at = json.find(name, at)) {
    const bool quoted = at != 0 && json[at - 1] == '"';
    at += name.size();
    if (!quoted || !json.substr(at).starts_with('"')) continue;
    const std::size_t colon = json.find_first_not_of(" \t\r\n", at + 1);
    if (colon == std::string_view::npos || json[colon] != ':') continue;
    const std::size_t quote = json.find_first_not_of(" \t\r\n", colon + 1);
    if (quote == std::string_view::npos || json[quote] != '"') continue;
    std::size_t end = quote + 1;
    while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
    if (end >= json.size()) break;
    at = end + 1;
    return json.substr(quote + 1, end - quote - 1);
  }
  at = std::string_view::npos;
  return {};
}

std::string refusal_text(std::string_view action, const HttpAnswer& answer) {
  constexpr std::size_t kMost = 300;
  return std::string(action) + " was answered with " + std::to_string(answer.status) + ": " +
         std::string(answer.body.substr(0, kMost));
}

Result<HttpCaller> HttpCaller::connect(const HttpServer& server) {
  auto socket = connect_to(server.host, server.port, kPatienceSeconds);
  if (!socket) return tl::make_unexpected(socket.error());
  return HttpCaller(server, std::move(*socket));
}

Result<std::string> HttpCaller::call(std::string_view action, std::string_view body) {
  const std::string request = sqs_request(server_, action, body);
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t now =
        send(socket_.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return system_failure("cannot send to the server");
    sent += static_cast<std::size_t>(now);
  }
  std::string input;
  std::array<char, 16384> piece;
  while (true) {
    const ssize_t got = recv(socket_.get(), piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("cannot receive from the server");
    if (got == 0) return fail("the server closed the socket");
    input.append(piece.data(), static_cast<std::size_t>(got));
    const auto answer = parse_answer(input);
    if (!answer) return tl::make_unexpected(answer.error());
    if (answer->size == 0) continue;
    if (answer->status != 200) return fail(refusal_text(action, *answer));
    return std::string(answer->body);
  }
}

}  // namespace polymq::perf
