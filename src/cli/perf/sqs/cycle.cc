// Requests made ahead, stamped and sent; answers taken apart.
#include "cli/perf/sqs/cycle.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

namespace polymq::perf {
namespace {

constexpr std::size_t kRead = 64 * 1024;

std::string quoted(std::string_view name, std::string_view escaped_value) {
  return '"' + std::string(name) + "\":\"" + std::string(escaped_value) + '"';
}

}  // namespace

Result<std::unique_ptr<Cycle>> Cycle::make(const CycleSettings& settings, Worker& worker,
                                           Histogram& receive_latency) {
  auto caller = HttpCaller::connect(settings.server);
  if (!caller) return tl::make_unexpected(caller.error());
  return std::make_unique<Cycle>(settings, caller->take_socket(), worker, receive_latency);
}

Cycle::Cycle(const CycleSettings& settings, Socket socket, Worker& worker,
             Histogram& receive_latency)
    : settings_(settings),
      socket_(std::move(socket)),
      worker_(worker),
      receive_latency_(receive_latency),
      step_(settings.sends ? Step::kSend : Step::kReceive) {
  socket_.set_blocking(false);
  prepare_send();
  receive_request_ = sqs_request(settings_.server, "ReceiveMessage",
                                 '{' + quoted("QueueUrl", settings_.queue_url) +
                                     ",\"MaxNumberOfMessages\":" + std::to_string(settings_.batch) +
                                     ",\"WaitTimeSeconds\":5}");
  input_.reserve(kRead);
}

void Cycle::prepare_send() {
  const std::string padding(settings_.size - kStampDigits, 'x');
  // Found again in the finished request: no other part of it has so many of them.
  const std::string place(kStampDigits, '#');
  std::string body = '{' + quoted("QueueUrl", settings_.queue_url);
  if (settings_.batch == 1) {
    body += ',' + quoted("MessageBody", place + padding);
  } else {
    body += ",\"Entries\":[";
    for (unsigned i = 0; i < settings_.batch; ++i) {
      if (i != 0) body += ',';
      body += '{' + quoted("Id", std::to_string(i)) + ',' + quoted("MessageBody", place + padding) +
              '}';
    }
    body += ']';
  }
  body += '}';
  step_ = Step::kSend;
  send_request_ = sqs_request(settings_.server, action(), body);
  if (!settings_.sends) step_ = Step::kReceive;
  for (std::size_t at = send_request_.find(place); at != std::string::npos;
       at = send_request_.find(place, at + kStampDigits)) {
    stamps_.push_back(at);
  }
}

std::string_view Cycle::action() const {
  switch (step_) {
    case Step::kSend:
      return settings_.batch == 1 ? "SendMessage" : "SendMessageBatch";
    case Step::kReceive:
      return "ReceiveMessage";
    case Step::kDelete:
      return settings_.batch == 1 ? "DeleteMessage" : "DeleteMessageBatch";
  }
  return "";
}

void Cycle::begin(Nanos) {
  worker_.loop.add(socket_.get(), *this, true, false);
  request();
}

void Cycle::request() {
  asked_ = now();
  switch (step_) {
    case Step::kSend:
      stamp(asked_);
      return put(send_request_);
    case Step::kReceive:
      return put(receive_request_);
    case Step::kDelete:
      return put(sqs_request(settings_.server, action(), deletion()));
  }
}

void Cycle::stamp(Nanos time) {
  std::array<char, kStampDigits> digits;
  auto left = static_cast<std::uint64_t>(time);
  for (std::size_t i = kStampDigits; i-- > 0; left >>= 4) digits[i] = "0123456789abcdef"[left & 15];
  for (const std::size_t at : stamps_) {
    std::copy(digits.begin(), digits.end(), send_request_.data() + at);
  }
}

std::string Cycle::deletion() const {
  std::string body = '{' + quoted("QueueUrl", settings_.queue_url) + ',';
  if (settings_.batch == 1) return body + quoted("ReceiptHandle", handles_.front()) + '}';
  body += "\"Entries\":[";
  for (std::size_t i = 0; i < handles_.size(); ++i) {
    if (i != 0) body += ',';
    body +=
        '{' + quoted("Id", std::to_string(i)) + ',' + quoted("ReceiptHandle", handles_[i]) + '}';
  }
  return body + "]}";
}

void Cycle::put(std::string_view bytes) {
  output_.assign(bytes);
  written_ = 0;
  flush();
}

void Cycle::flush() {
  while (written_ < output_.size()) {
    const ssize_t sent = send(socket_.get(), output_.data() + written_, output_.size() - written_,
                              MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return fail(system_failure("cannot send to the server").value().text);
    written_ += static_cast<std::size_t>(sent);
  }
  const bool waits = written_ < output_.size();
  if (waits == waits_to_write_) return;
  waits_to_write_ = waits;
  worker_.loop.change(socket_.get(), *this, true, waits);
}

void Cycle::on_ready(bool readable, bool writable) {
  if (readable && !over_) receive();
  if (writable && !over_) flush();
}

void Cycle::receive() {
  const std::size_t old = input_.size();
  input_.resize(old + kRead);
  const ssize_t got = recv(socket_.get(), input_.data() + old, kRead, MSG_DONTWAIT);
  input_.resize(old + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return fail(system_failure("cannot receive from the server").value().text);
  if (got == 0) return fail("the server closed the socket");
  const auto answer = parse_answer(input_);
  if (!answer) return fail(answer.error().text);
  if (answer->size == 0) return;
  if (answer->status != 200) return fail(refusal_text(action(), *answer));
  if (answer->size != input_.size()) return fail("the server says more than it was asked");
  on_answer(*answer);
  input_.clear();
  if (!over_) request();
}

void Cycle::on_answer(const HttpAnswer& answer) {
  switch (step_) {
    case Step::kSend:
      on_sent(answer.body);
      if (settings_.receives) step_ = Step::kReceive;
      break;
    case Step::kReceive:
      on_received(answer.body);
      if (!handles_.empty()) step_ = Step::kDelete;
      break;
    case Step::kDelete:
      if (answer.body.find("\"Failed\":[{") != std::string_view::npos) {
        return fail("not everything was deleted: " + std::string(answer.body.substr(0, 300)));
      }
      handles_.clear();
      step_ = settings_.sends ? Step::kSend : Step::kReceive;
      break;
  }
  // A round ends where the next one would begin.
  const bool round_is_over = step_ == (settings_.sends ? Step::kSend : Step::kReceive);
  if (settings_.limit == 0 || done_ < settings_.limit || !round_is_over) return;
  over_ = true;
  worker_.loop.remove(socket_.get());
  worker_.run.finished();
}

void Cycle::on_sent(std::string_view body) {
  if (body.find("\"Failed\":[{") != std::string_view::npos) {
    return fail("not everything was sent: " + std::string(body.substr(0, 300)));
  }
  const Nanos time = now();
  Counters& counters = worker_.counters;
  counters.sent.add(settings_.batch);
  counters.confirmed.add(settings_.batch);
  counters.last_sent.set(static_cast<std::uint64_t>(asked_));
  counters.last_confirmed.set(static_cast<std::uint64_t>(time));
  counters.confirm_latency.record(static_cast<std::uint64_t>(time - asked_), settings_.batch);
  done_ += settings_.batch;
}

void Cycle::on_received(std::string_view body) {
  const Nanos time = now();
  Counters& counters = worker_.counters;
  std::size_t at = 0;
  while (true) {
    const std::string_view handle = next_json_text(body, "ReceiptHandle", at);
    if (at == std::string_view::npos) break;
    handles_.emplace_back(handle);
  }
  at = 0;
  for (std::size_t i = 0; i < handles_.size(); ++i) {
    const std::string_view text = next_json_text(body, "Body", at);
    std::uint64_t sent = 0;
    const char* const end = text.data() + std::min(text.size(), kStampDigits);
    const auto [stop, error] = std::from_chars(text.data(), end, sent, 16);
    if (error != std::errc{} || stop != end) continue;  // somebody else's message
    counters.latency.record(static_cast<std::uint64_t>(time) - sent);
  }
  if (handles_.empty()) return;
  receive_latency_.record(static_cast<std::uint64_t>(time - asked_));
  counters.received.add(handles_.size());
  counters.last_received.set(static_cast<std::uint64_t>(time));
  if (!settings_.sends) done_ += handles_.size();
}

void Cycle::fail(const std::string& text) {
  if (over_) return;
  over_ = true;
  worker_.loop.remove(socket_.get());
  worker_.run.fail(text);
}

}  // namespace polymq::perf
