// Accepts connections on one address and deals them to the shards.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "base/result.h"
#include "server/config/endpoint.h"
#include "server/peer.h"

namespace polymq::server {

/// Lives on the accepting shard's loop.
class Listener {
 public:
  /// Takes over the descriptor of an accepted, non-blocking socket.
  using Accepted = std::function<void(int fd, SocketPeer peer)>;

  struct Options {
    int backlog = 4096;
    bool tcp_nodelay = true;
    bool keepalive = true;
  };

  Listener(boost::asio::io_context& io, Options options, Accepted accepted);

  /// The error names the address and what is wrong with it.
  Result<void> open(const Endpoint& endpoint);
  void close();

 private:
  using Protocol = boost::asio::generic::stream_protocol;
  void accept();
  void configure(int fd);

  boost::asio::basic_socket_acceptor<Protocol> acceptor_;
  boost::asio::steady_timer pause_;
  const Options options_;
  Accepted accepted_;
  std::string unix_path_;
};

}  // namespace polymq::server
