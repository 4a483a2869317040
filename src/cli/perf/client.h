// A blocking AMQP 0-9-1 connection: for everything before and after the load itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "amqp091/codec.h"
#include "base/bytes.h"
#include "base/result.h"
#include "cli/perf/socket.h"
#include "cli/perf/uri.h"

namespace polymq::perf {

namespace method = amqp091::method;
using amqp091::encode_content;
using amqp091::encode_method;
using amqp091::Frame;
using amqp091::FrameType;
using amqp091::MethodId;

/// The one channel that each connection uses.
inline constexpr std::uint16_t kChannel = 1;

struct ClientSettings {
  Endpoint endpoint;
  std::uint16_t heartbeat_seconds = 0;  ///< what is asked for; 0 = none
  std::string name;                     ///< connection_name, shown by the server's tools
};

/// "the server closed the connection: 404 ...", if the frame is connection.close or channel.close.
bool is_close(const Frame& frame, std::string& text);

class Client {
 public:
  /// Connects, logs in and opens the virtual host.
  static Result<Client> open(const ClientSettings& settings);

  Result<void> open_channel();

  /// Sends a method and waits for its reply, whose views are valid until the next call. Every call
  /// fails with the server's reason once the server closes the channel or connection, and after 30
  /// s without an answer.
  template <class Reply, class Request>
  Result<Reply> call(const Request& request, std::uint16_t channel = kChannel) {
    encode_method(out_, channel, request);
    if (auto sent = flush(); !sent) return tl::make_unexpected(sent.error());
    return expect<Reply>();
  }
  /// Waits for that method, the next one to come.
  template <class Reply>
  Result<Reply> expect() {
    auto frame = next_frame();
    if (!frame) return tl::make_unexpected(frame.error());
    Reply reply;
    if (method_of(*frame) != Reply::kId ||
        amqp091::decode(frame->payload.substr(4), reply) != amqp091::DecodeStatus::kOk) {
      return fail("expected " + std::string(Reply::kName) + ", got " + describe(*frame));
    }
    return reply;
  }

  /// What is encoded here is sent by flush().
  Buffer& out() { return out_; }
  Result<void> flush();
  /// The next frame that is neither a heartbeat nor a notice of being blocked.
  Result<Frame> next_frame();

  /// Says goodbye and waits for the answer. Frames that are still coming are dropped.
  Result<void> close();

  /// 0/0 when it is no method frame.
  static MethodId method_of(const Frame& frame);

  /// The parts of an open connection, for who goes on with it; the client is then done with.
  Socket take_socket() { return std::move(socket_); }
  std::string take_unread() { return unread_.substr(consumed_); }
  std::uint32_t frame_max() const { return frame_max_; }
  std::uint16_t heartbeat_seconds() const { return heartbeat_seconds_; }

 private:
  explicit Client(Socket socket) : socket_(std::move(socket)) {}
  Result<void> log_in(const ClientSettings& settings);
  Result<void> tune(const ClientSettings& settings);
  Result<void> read_more();
  static std::string describe(const Frame& frame);

  Socket socket_;
  std::string unread_;  // bytes received, the first consumed_ of them handed out
  std::size_t consumed_ = 0;
  Buffer out_;
  std::uint32_t frame_max_ = 131072;
  std::uint16_t heartbeat_seconds_ = 0;
};

}  // namespace polymq::perf
