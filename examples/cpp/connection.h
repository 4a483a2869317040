// What the C++ examples share: a connection to $AMQP_URL, errors as exceptions, confirms.
#pragma once

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

inline amqp_bytes_t bytes(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

inline std::string text(amqp_bytes_t bytes) {
  return {static_cast<const char*>(bytes.bytes), bytes.len};
}

inline std::string broker_text(const amqp_method_t& method) {
  if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
    return text(static_cast<amqp_channel_close_t*>(method.decoded)->reply_text);
  }
  if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
    return text(static_cast<amqp_connection_close_t*>(method.decoded)->reply_text);
  }
  return std::string("unexpected ") + amqp_method_name(method.id);
}

/// One connection with channel 1 open. Use by one thread; every failure is a std::runtime_error.
class Connection {
 public:
  static constexpr amqp_channel_t kChannel = 1;

  Connection() : state_(amqp_new_connection()) {
    const char* configured = std::getenv("AMQP_URL");
    std::string url = configured ? configured : "amqp://guest:guest@localhost:5672/%2f";
    amqp_connection_info info;
    check(amqp_parse_url(url.data(), &info), "AMQP_URL");
    amqp_socket_t* socket = amqp_tcp_socket_new(state_);
    check(amqp_socket_open(socket, info.host, info.port), "connect");
    check(amqp_login(state_, info.vhost, AMQP_DEFAULT_MAX_CHANNELS, AMQP_DEFAULT_FRAME_SIZE,
                     /*heartbeat=*/30, AMQP_SASL_METHOD_PLAIN, info.user, info.password));
    amqp_channel_open(state_, kChannel);
    check();
  }

  ~Connection() {
    amqp_connection_close(state_, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(state_);
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  operator amqp_connection_state_t() const { return state_; }

  /// Checks the answer to the call made last.
  void check() { check(amqp_get_rpc_reply(state_)); }

  /// Declares a durable queue.
  void declare_queue(const char* name, amqp_table_t arguments = amqp_empty_table) {
    amqp_queue_declare(state_, kChannel, bytes(name), 0, 1, 0, 0, arguments);
    check();
  }

  void consume(const char* queue, bool no_ack) {
    amqp_basic_consume(state_, kChannel, bytes(queue), amqp_empty_bytes, 0, no_ack, 0,
                       amqp_empty_table);
    check();
  }

  void publish(const char* exchange, std::string_view key, std::string_view body,
               amqp_basic_properties_t properties = {}) {
    check(amqp_basic_publish(state_, kChannel, bytes(exchange), bytes(key), 0, 0, &properties,
                             bytes(body)),
          "publish");
  }

  void ack(const amqp_envelope_t& delivery) {
    check(amqp_basic_ack(state_, kChannel, delivery.delivery_tag, 0), "ack");
  }

  /// Waits for a delivery, at most `seconds` if given; nothing when the time is over.
  /// The caller frees it with amqp_destroy_envelope().
  std::optional<amqp_envelope_t> next(std::optional<int> seconds = {}) {
    amqp_maybe_release_buffers(state_);
    amqp_envelope_t delivery;
    timeval limit{seconds.value_or(0), 0};
    amqp_rpc_reply_t reply = amqp_consume_message(state_, &delivery, seconds ? &limit : nullptr, 0);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        reply.library_error == AMQP_STATUS_TIMEOUT) {
      return {};
    }
    check(reply);
    return delivery;
  }

  void confirm_select() {
    amqp_confirm_select(state_, kChannel);
    check();
  }

  /// After confirm_select() and one publish(): waits until the broker has taken the message.
  void wait_for_confirm() {
    amqp_frame_t frame;
    check(amqp_simple_wait_frame(state_, &frame), "confirm");
    if (frame.frame_type != AMQP_FRAME_METHOD) throw std::runtime_error("unexpected frame");
    if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
      throw std::runtime_error(broker_text(frame.payload.method));
    }
  }

 private:
  static void check(int status, const char* what) {
    if (status < 0) {
      throw std::runtime_error(std::string(what) + ": " + amqp_error_string2(status));
    }
  }

  static void check(const amqp_rpc_reply_t& reply) {
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) check(reply.library_error, "broker");
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
      throw std::runtime_error(broker_text(reply.reply));
    }
  }

  amqp_connection_state_t state_;
};
