// From octets to requests, from answers to octets, and every way in which a connection ends.
#include "http/connection.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace polymq::http {
namespace {

using namespace std::chrono_literals;

/// Behind an answer that came before the request had ended, so that the client can read it.
constexpr auto kLinger = 2000ms;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

char* put(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

class Number {
 public:
  explicit Number(std::uint64_t value)
      : end_(std::to_chars(text_.data(), text_.data() + text_.size(), value).ptr) {}
  std::string_view view() const {
    return {text_.data(), static_cast<std::size_t>(end_ - text_.data())};
  }

 private:
  std::array<char, 20> text_;
  char* end_;
};

}  // namespace

Connection::Connection(Site& site, const Now& now, Transport& transport, Peer peer)
    : site_(site),
      now_(now),
      transport_(transport),
      admitted_(site.admission.enter()),
      scanner_(site.limits),
      link_(std::make_shared<Link>()),
      since_(now.monotonic) {
  link_->connection = this;
  link_->peer = std::move(peer);
}

Connection::~Connection() {
  link_->connection = nullptr;
  forget_request();
  if (admitted_) site_.admission.leave();
}

// --- input --------------------------------------------------------------------------------------
bool Connection::wants_input() const {
  if (state_ == State::kAnswering && held_ != 0) return false;
  return output_.size() < site_.limits.max_output;
}

std::size_t Connection::receive(std::string_view input) {
  receiving_ = true;
  std::size_t used = 0;
  while (used < input.size() && state_ != State::kAnswering && state_ != State::kClosing &&
         output_.size() < site_.limits.max_output) {
    const std::size_t taken = step(input.substr(used));
    used += taken;
    if (taken == 0) break;
  }
  if (state_ == State::kClosing) used = input.size();
  held_ = input.size() - used;
  receiving_ = false;
  // What is left will never be a request.
  if (peer_ended_ && state_ != State::kAnswering && output_.size() < site_.limits.max_output) {
    close();
  }
  return used;
}

std::size_t Connection::step(std::string_view input) {
  return state_ == State::kBody ? read_body(input) : read_head(input);
}

std::size_t Connection::read_head(std::string_view input) {
  std::size_t skipped = 0;
  if (scanner_.untouched()) {
    // Old clients send a line end behind a body (RFC 9112, 2.2).
    while (input.substr(skipped, 2) == "\r\n") skipped += 2;
    input.remove_prefix(skipped);
    if (input.empty()) {
      state_ = State::kIdle;
      return skipped;
    }
    if (state_ == State::kIdle) begin_head();
    if (input == "\r") return skipped;
  }
  switch (scanner_.scan(input)) {
    case HeadScanner::Status::kNeedMore:
      return skipped;
    case HeadScanner::Status::kMalformed:
      refuse({400, "The request is not valid HTTP."});
      return skipped;
    case HeadScanner::Status::kTargetTooLong:
      refuse({414, "The request's target is too long."});
      return skipped;
    case HeadScanner::Status::kTooLarge:
      refuse({431, "The request's header is too large."});
      return skipped;
    case HeadScanner::Status::kComplete:
      break;
  }
  const std::size_t size = scanner_.size();
  scanner_.reset();
  begin_request(input.substr(0, size), input.size() > size);
  return skipped + size;
}

void Connection::begin_head() {
  state_ = State::kHead;
  since_ = now_.monotonic;
  head_only_ = false;
  http_1_0_ = false;
}

void Connection::begin_request(std::string_view head, bool more_is_here) {
  reader_.emplace(site_.limits);
  const auto refusal = reader_->read_head(head);
  const Request& request = reader_->request();
  http_1_0_ = request.http_1_0();
  head_only_ = request.method() == Method::kHead;
  if (refusal) return refuse(*refusal);
  keeps_alive_ = reader_->keeps_alive();
  if (!admitted_) return refuse({503, "The server has as many connections as it may have."});
  if (const auto origin = request.header("Origin")) {
    if (!site_.cors.allows(*origin)) {
      return refuse({403, "Web pages of this origin may not use this server."});
    }
    origin_ = *origin;
  } else if (request.header("Sec-Fetch-Site") == "cross-site" && !site_.cors.allows("")) {
    // An image or a link on somebody's page: a browser names no origin then.
    return refuse({403, "Web pages of other sites may not use this server."});
  }
  if (reader_->complete()) return dispatch();
  state_ = State::kBody;
  since_ = now_.monotonic;
  if (reader_->expects_continue() && !more_is_here) {
    begin_output();
    output_.append(kContinue);
  }
}

std::size_t Connection::read_body(std::string_view input) {
  std::size_t used = 0;
  if (const auto refusal = reader_->read_body(input, used)) {
    refuse(*refusal);
    return used;
  }
  count_arriving();
  if (reader_->complete()) {
    dispatch();
  } else if (site_.arriving > site_.limits.max_arriving) {
    refuse({503, "Too many large requests are arriving."});
  }
  return used;
}

void Connection::count_arriving() {
  const std::size_t size = reader_->request().body.size();
  site_.arriving += size - arriving_;
  arriving_ = size;
}

void Connection::dispatch() {
  Request request = reader_->take();
  forget_request();
  state_ = State::kAnswering;
  const std::uint64_t number = ++link_->number;
  if (!origin_.empty()) {
    if (auto allowed = Cors::preflight(request)) return answer(*std::move(allowed));
  }
  site_.service.handle(std::move(request), Exchange(link_, number));
}

void Connection::forget_request() {
  site_.arriving -= std::exchange(arriving_, 0);
  reader_.reset();
}

// --- answers ------------------------------------------------------------------------------------
void Connection::answer(Response response) {
  ++link_->number;
  link_->gone = nullptr;
  respond(response);
  if (state_ == State::kClosing || receiving_) return;
  if (held_ != 0) {
    transport_.resume();
  } else if (peer_ended_) {
    close();
  }
}

void Connection::respond(Response& response) {
  if (!origin_.empty()) site_.cors.add_fields(std::exchange(origin_, {}), response);
  close_after_ = close_after_ || response.close || !keeps_alive_;
  write(response);
  state_ = State::kIdle;
  since_ = now_.monotonic;
  if (close_after_) drain();
}

// The whole answer at once: room for it is made once.
void Connection::write(const Response& response) {
  const int status = std::clamp(response.status, 200, 999);
  const bool bodiless = status == 204 || status == 304;
  const bool sends_body = !bodiless && !head_only_;
  const Number code(static_cast<std::uint64_t>(status));
  const Number length(response.body.size());
  const std::string_view reason = reason_phrase(status);
  constexpr std::size_t kFixed = 160;  // all the literals below, and what is between them
  begin_output();
  char* const begin =
      output_.reserve(kFixed + reason.size() + response.content_type.size() +
                      response.fields.size() + (sends_body ? response.body.size() : 0));
  char* at = put(begin, "HTTP/1.1 ");
  at = put(put(put(at, code.view()), " "), reason);
  at = put(put(at, "\r\nDate: "), site_.date.at(now_.wall));
  if (!response.content_type.empty()) {
    at = put(put(at, "\r\nContent-Type: "), response.content_type);
  }
  if (!bodiless) at = put(put(at, "\r\nContent-Length: "), length.view());
  if (close_after_) {
    at = put(at, "\r\nConnection: close");
  } else if (http_1_0_) {
    at = put(at, "\r\nConnection: keep-alive");
  }
  at = put(put(put(at, "\r\n"), response.fields), "\r\n");
  if (sends_body) at = put(at, response.body);
  output_.commit(static_cast<std::size_t>(at - begin));
}

// Before the request has reached the service; nothing behind it makes sense.
void Connection::refuse(const Refusal& refusal) {
  forget_request();
  Response response = plain_text(refusal.status, refusal.text);
  response.close = true;
  respond(response);
}

void Connection::dropped() {
  log::Line(log::Area::kConnection, log::Level::kError, "a request was dropped without an answer")
      .with("peer", link_->peer.name);
  answer(plain_text(500, "The server has no answer to this request."));
}

void Connection::begin_output() {
  if (output_.empty()) write_since_ = now_.monotonic;
  transport_.output_ready();
}

void Connection::written(std::size_t size) {
  output_.consume(size);
  write_since_ = now_.monotonic;
  if (!output_.empty()) return;
  output_.release();
  if (state_ == State::kIdle) since_ = now_.monotonic;
  if (state_ == State::kClosing) finish();
}

// --- the end ------------------------------------------------------------------------------------
bool Connection::peer_ended() {
  peer_ended_ = true;
  if (state_ == State::kAnswering) return !link_->gone;
  // Requests that it sent together with this one wait until it has read what is there.
  if (state_ != State::kClosing && output_.size() >= site_.limits.max_output) return true;
  if (output_.empty()) return false;
  close();
  return true;
}

void Connection::when_gone(std::function<void()> gone) {
  link_->gone = std::move(gone);
  if (!peer_ended_) return;
  abandon();
  close();
}

// The service gets to know that nobody waits any more.
void Connection::abandon() {
  if (state_ != State::kAnswering) return;
  ++link_->number;
  state_ = State::kClosing;
  if (const std::function<void()> gone = std::exchange(link_->gone, nullptr)) gone();
}

void Connection::tick(MonotonicMs now) {
  const Limits& limits = site_.limits;
  if (!output_.empty() && now - write_since_ > limits.write_time.count()) {
    output_.truncate(0);
    abandon();
    return close();
  }
  switch (state_) {
    case State::kIdle:
      if (output_.empty() && now - since_ > limits.idle_time.count()) close();
      break;
    case State::kHead:
      if (now - since_ > limits.header_time.count()) {
        refuse({408, "The request's header did not arrive in time."});
      }
      break;
    case State::kBody:
      if (now - since_ > limits.body_time.count()) {
        refuse({408, "The request's body did not arrive in time."});
      }
      break;
    case State::kAnswering:
    case State::kClosing:
      break;
  }
}

void Connection::force_close(std::string_view) {
  if (state_ == State::kAnswering) {
    close_after_ = true;
  } else {
    close();
  }
}

void Connection::close() {
  lingers_ = false;
  finish();
}

// The peer may be sending still: it gets time to read the answer.
void Connection::drain() {
  lingers_ = !peer_ended_;
  finish();
}

// The socket's end begins when everything is written: that has a limit of its own.
void Connection::finish() {
  forget_request();
  state_ = State::kClosing;
  if (output_.empty()) transport_.shut_output(lingers_ ? kLinger : 0ms);
}

void Connection::lost() {
  forget_request();
  abandon();
  state_ = State::kClosing;
  link_->connection = nullptr;
  if (std::exchange(admitted_, false)) site_.admission.leave();
  transport_.finished();
}

}  // namespace polymq::http
