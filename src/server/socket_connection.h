// A connection of any protocol on its socket: reading, writing, closing.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/stream.h"

namespace polymq::server {

class Protocol;
class ShardRuntime;
class TlsStream;

/// Shard: lives and dies on its runtime's thread.
class SocketConnection final : public Transport {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  /// `expects_proxy_header`: the peer is a trusted proxy, which says first whom it speaks for.
  /// `tls`: on this socket; null: plain.
  SocketConnection(ShardRuntime& runtime, Socket socket, Peer peer, Protocol& protocol,
                   bool expects_proxy_header, std::unique_ptr<TlsStream> tls);
  ~SocketConnection() override;

  void start();
  void flush();
  /// Input kept back while an answer was awaited.
  void continue_input();
  void read_if_wanted();
  bool publishes() const { return connection_ && connection_->publishes(); }
  /// At the end of the turn, so that nobody is read twice in one.
  void wait_for_input();
  void tick(MonotonicMs now);
  void force_close(std::string_view reason);

  // --- Transport ---
  void output_ready() override;
  void resume() override;
  void shut(std::chrono::milliseconds after) override;
  void shut_output(std::chrono::milliseconds after) override;
  bool peer_closed() const override;
  LogLimiter& log_limiter() override;
  void finished() override;

  std::size_t place = 0;  // among the runtime's connections

 private:
  void connect();
  void on_readable();
  ssize_t receive(char* to, std::size_t space);
  void on_end_of_input();
  void feed(std::string_view bytes);
  bool take_proxy_header(std::string_view& bytes);
  ssize_t send(std::string_view bytes);
  void wait_for_room();
  void on_writable();
  void log_tls_failure(std::string_view reason);
  void close_now();

  ShardRuntime& runtime_;
  Socket socket_;
  Peer peer_;
  Protocol& protocol_;
  std::unique_ptr<TlsStream> tls_;                // null: plain
  std::unique_ptr<StreamConnection> connection_;  // made when the peer is known
  Buffer input_;                                  // received and not handled yet
  bool expects_proxy_header_;
  bool reading_ = false;  // waiting for the socket to be readable, or about to
  bool writing_ = false;  // waiting for it to be writable
  bool flush_noted_ = false;
  bool resume_noted_ = false;
  bool peer_ended_ = false;  // nothing more will come, but the peer may be reading
  bool closed_ = false;
  bool lost_told_ = false;
  bool shut_output_ = false;  // tell the peer that nothing follows the output
  bool shut_ = false;         // close when the output is written ...
  MonotonicMs started_ = 0;
  MonotonicMs close_at_ = kNever;  // ... or at this time
};

}  // namespace polymq::server
