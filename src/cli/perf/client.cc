// The handshake and the blocking exchange of methods.
#include "cli/perf/client.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "amqp091/field_table.h"

namespace polymq::perf {
namespace {

constexpr int kTimeoutSeconds = 30;
constexpr std::size_t kReadSize = 64 * 1024;

std::string client_properties(const std::string& name) {
  using engine::Fields;
  using engine::Value;
  const Fields capabilities{{"publisher_confirms", Value::boolean(true)},
                            {"basic.nack", Value::boolean(true)},
                            {"consumer_cancel_notify", Value::boolean(true)},
                            {"connection.blocked", Value::boolean(true)},
                            {"authentication_failure_close", Value::boolean(true)}};
  return amqp091::encode_table({{"product", Value::string("polymq perf")},
                                {"version", Value::string(POLYMQ_VERSION)},
                                {"connection_name", Value::string(name)},
                                {"capabilities", Value::table(capabilities)}});
}

/// The smaller of two limits of which 0 means none.
template <class T>
T smaller_limit(T a, T b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

}  // namespace

MethodId Client::method_of(const Frame& frame) {
  if (frame.type != FrameType::kMethod) return {};
  return {load_big_endian<std::uint16_t>(frame.payload.data()),
          load_big_endian<std::uint16_t>(frame.payload.data() + 2)};
}

std::string Client::describe(const Frame& frame) {
  const std::string_view name = amqp091::method_name(method_of(frame));
  return name.empty() ? "a frame of type " + std::to_string(static_cast<int>(frame.type))
                      : std::string(name);
}

bool is_close(const Frame& frame, std::string& text) {
  const auto read = [&]<class Close>(Close close, const char* what) {
    if (Client::method_of(frame) != Close::kId) return false;
    if (amqp091::decode(frame.payload.substr(4), close) != amqp091::DecodeStatus::kOk) return false;
    text = std::string("the server closed the ") + what + ": " + std::to_string(close.reply_code) +
           ' ' + std::string(close.reply_text);
    return true;
  };
  return read(method::ConnectionClose{}, "connection") || read(method::ChannelClose{}, "channel");
}

Result<Client> Client::open(const ClientSettings& settings) {
  auto socket = connect_to(settings.endpoint.host, settings.endpoint.port, kTimeoutSeconds);
  if (!socket) return tl::make_unexpected(socket.error());
  Client client(std::move(*socket));
  if (auto done = client.log_in(settings); !done) return tl::make_unexpected(done.error());
  return client;
}

Result<void> Client::log_in(const ClientSettings& settings) {
  out_.append(amqp091::kProtocolHeader);
  if (auto sent = flush(); !sent) return sent;
  if (auto read = read_more(); !read) return read;
  if (unread_.starts_with("AMQP")) return fail("the server does not speak AMQP 0-9-1");
  const auto start = expect<method::ConnectionStart>();
  if (!start) return tl::make_unexpected(start.error());
  if (start->mechanisms.bytes.find("PLAIN") == std::string_view::npos) {
    return fail("the server does not offer PLAIN authentication");
  }
  const std::string properties = client_properties(settings.name);
  const std::string response = '\0' + settings.endpoint.user + '\0' + settings.endpoint.password;
  encode_method(out_, 0,
                method::ConnectionStartOk{.client_properties = {properties},
                                          .mechanism = "PLAIN",
                                          .response = {response},
                                          .locale = "en_US"});
  if (auto sent = flush(); !sent) return sent;
  return tune(settings);
}

Result<void> Client::tune(const ClientSettings& settings) {
  const auto tune = expect<method::ConnectionTune>();
  if (!tune) return tl::make_unexpected(Error{"login failed: " + tune.error().text});
  frame_max_ = smaller_limit(tune->frame_max, frame_max_);
  heartbeat_seconds_ = settings.heartbeat_seconds;
  encode_method(out_, 0,
                method::ConnectionTuneOk{.channel_max = tune->channel_max,
                                         .frame_max = frame_max_,
                                         .heartbeat = heartbeat_seconds_});
  const auto opened = call<method::ConnectionOpenOk>(
      method::ConnectionOpen{.virtual_host = settings.endpoint.virtual_host}, 0);
  if (!opened) return tl::make_unexpected(opened.error());
  return {};
}

Result<void> Client::open_channel() {
  const auto opened = call<method::ChannelOpenOk>(method::ChannelOpen{});
  if (!opened) return tl::make_unexpected(opened.error());
  return {};
}

Result<void> Client::flush() {
  while (!out_.empty()) {
    const std::string_view bytes = out_.view();
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return system_failure("cannot send to the server");
    out_.consume(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<void> Client::read_more() {
  unread_.erase(0, std::exchange(consumed_, 0));
  const std::size_t before = unread_.size();
  unread_.resize(before + kReadSize);
  ssize_t received = 0;
  do {
    received = recv(socket_.get(), unread_.data() + before, kReadSize, 0);
  } while (received < 0 && errno == EINTR);
  unread_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(received, 0)));
  if (received > 0) return {};
  if (received == 0) return fail("the server closed the socket");
  if (errno == EAGAIN) return fail("the server did not answer for 30 s");
  return system_failure("cannot receive from the server");
}

Result<Frame> Client::next_frame() {
  while (true) {
    const std::string_view input = std::string_view(unread_).substr(consumed_);
    Frame frame;
    const auto status = amqp091::parse_frame(input, frame_max_, frame);
    if (status == amqp091::FrameStatus::kNeedMore) {
      if (auto read = read_more(); !read) return tl::make_unexpected(read.error());
      continue;
    }
    if (status != amqp091::FrameStatus::kFrame) {
      return fail("the server sent a bad frame: " + frame_error(status, frame, input, frame_max_));
    }
    consumed_ += frame.size();
    std::string closed;
    if (is_close(frame, closed)) return fail(closed);
    const MethodId id = method_of(frame);
    const bool notice =
        id == method::ConnectionBlocked::kId || id == method::ConnectionUnblocked::kId;
    if (frame.type != FrameType::kHeartbeat && !notice) return frame;
  }
}

Result<void> Client::close() {
  encode_method(out_, 0, method::ConnectionClose{.reply_code = 200, .reply_text = "done"});
  if (auto sent = flush(); !sent) return sent;
  while (true) {
    const auto frame = next_frame();
    if (!frame) return tl::make_unexpected(frame.error());
    if (method_of(*frame) == method::ConnectionCloseOk::kId) return {};
  }
}

}  // namespace polymq::perf
