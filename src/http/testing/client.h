// The client's side of a connection in tests: octets in, parsed responses out, with a service whose
// answers the test gives when it likes.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/connection.h"

namespace polymq::http {

/// Reads responses out of a stream, strictly.
class ResponseReader {
 public:
  struct Read {
    int status = 0;
    std::string head;  // status line and fields
    std::string body;

    std::optional<std::string> header(std::string_view name) const {
      for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
        const std::size_t end = head.find("\r\n", at + 2);
        const std::string_view line = std::string_view(head).substr(at + 2, end - at - 2);
        const std::size_t colon = line.find(": ");
        if (colon != line.npos && equal_ignoring_case(line.substr(0, colon), name)) {
          return std::string(line.substr(colon + 2));
        }
      }
      return std::nullopt;
    }
  };

  void add(std::string_view bytes) { unread_ += bytes; }
  /// The next one; `head_only`: it answers HEAD. Nothing when it is not complete.
  std::optional<Read> next(bool head_only = false) {
    const std::size_t end = unread_.find("\r\n\r\n");
    if (end == unread_.npos) return std::nullopt;
    Read read;
    read.head = unread_.substr(0, end + 2);
    if (!read.head.starts_with("HTTP/1.1 ") || !number(read.head.substr(9, 3), read.status)) {
      error_ = "not a status line: " + read.head;
      return std::nullopt;
    }
    std::size_t length = 0;
    const auto told = read.header("Content-Length");
    const bool bodiless = read.status < 200 || read.status == 204 || read.status == 304;
    if (bodiless == told.has_value()) error_ = "Content-Length is wrong in " + read.head;
    if (told && !number(*told, length)) error_ = "no number: " + *told;
    if (head_only) length = 0;
    if (unread_.size() < end + 4 + length) return std::nullopt;
    read.body = unread_.substr(end + 4, length);
    unread_.erase(0, end + 4 + length);
    return read;
  }
  const std::string& unread() const { return unread_; }
  const std::string& error() const { return error_; }

 private:
  template <class T>
  static bool number(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  }

  std::string unread_;
  std::string error_;
};

/// Keeps requests until the test answers them, or answers at once with `immediate`.
class TestService final : public Service {
 public:
  struct Waiting {
    Request request;
    Exchange exchange;
  };
  void handle(Request request, Exchange exchange) override {
    ++handled;
    if (immediate) return exchange.answer(immediate(request));
    if (watches) exchange.when_gone([this] { ++gone; });
    waiting.push_back({std::move(request), std::move(exchange)});
  }

  std::function<Response(const Request&)> immediate;
  bool watches = true;  // clients that go away
  std::vector<Waiting> waiting;
  int handled = 0;
  int gone = 0;
};

class TestAdmission final : public Admission {
 public:
  bool enter() override {
    if (inside == most) return false;
    ++inside;
    return true;
  }
  void leave() override { --inside; }
  int inside = 0;
  int most = 1000;
};

/// What connections share; the test sets it up before it connects.
struct TestSite {
  Limits limits;
  Cors cors{{.exposed_fields = "x-request-id"}};
  TestService service;
  TestAdmission admission;
  Now now{.monotonic = 1'000'000, .wall = 784111777000};  // 1994-11-06 08:49:37
  LogLimiter log_limiter;
  std::optional<Site> site;

  Site& get() {
    if (!site) {
      site.emplace(
          Site{.service = service, .limits = limits, .cors = cors, .admission = admission});
    }
    return *site;
  }
};

/// A client's socket and its transport, as the server's behaves.
class TestClient final : public Transport {
 public:
  explicit TestClient(TestSite& shared)
      : shared_(shared),
        connection_(std::make_unique<Connection>(shared.get(), shared.now, *this,
                                                 Peer{.name = "127.0.0.1:40000"})) {}
  ~TestClient() override { break_off(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(std::string_view bytes) {
    arrived_ += bytes;
    run();
  }
  void send_one_by_one(std::string_view bytes) {
    for (const char& c : bytes) send({&c, 1});
  }
  /// Closes its side only.
  void end() {
    ended_ = true;
    run();
  }
  /// The client has closed its side, but nobody has read that yet.
  bool closes_unheard = false;
  void break_off() {
    if (!closed_) close_now();
  }
  void pass(std::chrono::milliseconds time) {
    shared_.now.monotonic += time.count();
    shared_.now.wall += time.count();
    if (closed_) return;
    if (connection_->ends_with_peer() && ended_) return close_now();
    connection_->tick(shared_.now.monotonic);
    if (shut_at_ && shared_.now.monotonic >= *shut_at_ && connection_->output().empty()) {
      return close_now();
    }
    run();
  }

  /// Everything that is to be done without waiting is.
  void run() {
    for (bool more = true; more && !closed_;) {
      more = resume_noted_ || flush_noted_;
      if (std::exchange(resume_noted_, false)) feed();
      if (!closed_ && std::exchange(flush_noted_, false)) flush();
      // What was kept back comes before what is read.
      if (closed_ || told_end_ || resume_noted_ || !connection_->wants_input()) continue;
      if (!arrived_.empty()) {
        input_ += std::exchange(arrived_, {});
        feed();
        more = true;
      } else if (ended_) {
        told_end_ = connection_->peer_ended();
        if (!told_end_) return close_now();
        more = true;
      }
    }
  }

  /// The response that came first, complete.
  std::optional<ResponseReader::Read> response(bool head_only = false) {
    return responses.next(head_only);
  }
  int status(bool head_only = false) {
    const auto read = response(head_only);
    return read ? read->status : 0;
  }
  Connection& connection() { return *connection_; }
  bool closed() const { return closed_; }
  /// The server said that nothing more comes.
  bool output_shut() const { return output_shut_ || closed_; }
  std::size_t held() const { return input_.size() + arrived_.size(); }

  bool reads = true;
  ResponseReader responses;

  // --- Transport ---
  void output_ready() override { flush_noted_ = true; }
  void resume() override { resume_noted_ = true; }
  void shut(std::chrono::milliseconds after) override {
    const MonotonicMs at = shared_.now.monotonic + after.count();
    shut_at_ = std::min(shut_at_.value_or(at), at);
    output_ready();
  }
  void shut_output(std::chrono::milliseconds after) override {
    shuts_output_ = true;
    shut(after);
  }
  bool peer_closed() const override { return closed_ || ended_ || closes_unheard; }
  LogLimiter& log_limiter() override { return shared_.log_limiter; }
  void finished() override { finished_ = true; }
  bool forgotten() const { return finished_; }

 private:
  void feed() {
    input_.erase(0, connection_->receive(input_));
    connection_->end_of_input();
  }
  void flush() {
    connection_->prepare_output();
    const bool wanted_input = connection_->wants_input();
    while (reads && !connection_->output().empty()) {
      const std::string_view bytes = connection_->output().view().substr(0, 100'000);
      responses.add(bytes);
      connection_->written(bytes.size());
    }
    if (!wanted_input && connection_->wants_input()) resume();
    if (!shut_at_ || !connection_->output().empty()) return;
    if (told_end_ || *shut_at_ <= shared_.now.monotonic) return close_now();
    output_shut_ = shuts_output_;
  }
  void close_now() {
    closed_ = true;
    connection_->lost();
  }

  TestSite& shared_;
  std::unique_ptr<Connection> connection_;
  std::string arrived_;  // in the kernel
  std::string input_;    // received and not handled yet
  std::optional<MonotonicMs> shut_at_;
  bool ended_ = false;
  bool told_end_ = false;
  bool resume_noted_ = false;
  bool flush_noted_ = false;
  bool shuts_output_ = false;
  bool output_shut_ = false;
  bool closed_ = false;
  bool finished_ = false;
};

}  // namespace polymq::http
