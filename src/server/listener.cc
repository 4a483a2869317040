// Binding, accepting, socket options.
#include "server/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>

#include "base/log.h"
#include "server/stale_socket.h"

namespace polymq::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// Without descriptors there is no point in trying again at once.
constexpr auto kPauseAfterError = std::chrono::milliseconds(100);

asio::generic::stream_protocol::endpoint to_asio(const Endpoint& endpoint) {
  if (endpoint.is_unix) return asio::local::stream_protocol::endpoint(endpoint.address);
  const asio::ip::address address = endpoint.address.empty()
                                        ? asio::ip::address(asio::ip::address_v6::any())
                                        : asio::ip::make_address(endpoint.address);
  return asio::ip::tcp::endpoint(address, endpoint.port);
}

}  // namespace

Listener::Listener(asio::io_context& io, Options options, Accepted accepted)
    : acceptor_(io), pause_(io), options_(options), accepted_(std::move(accepted)) {}

Result<void> Listener::open(const Endpoint& endpoint) {
  const auto failed = [&](const error_code& error) {
    error_code ignored;
    acceptor_.close(ignored);
    return fail("cannot listen on " + to_text(endpoint) + ": " + error.message());
  };
  if (endpoint.is_unix) remove_stale_socket(endpoint.address);
  Protocol::endpoint address = to_asio(endpoint);
  error_code error;
  acceptor_.open(address.protocol(), error);
  if (error && endpoint.address.empty() && !endpoint.is_unix) {  // a machine without IPv6
    address = asio::ip::tcp::endpoint(asio::ip::address_v4::any(), endpoint.port);
    acceptor_.open(address.protocol(), error);
  }
  if (error) return failed(error);
  if (!endpoint.is_unix) {
    const int fd = acceptor_.native_handle();
    const int on = 1;
    const int v6_only = endpoint.address.empty() ? 0 : 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.protocol().family() == AF_INET6) {
      ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    }
  }
  acceptor_.bind(address, error);
  if (error) return failed(error);
  acceptor_.listen(options_.backlog, error);
  if (error) return failed(error);
  if (endpoint.is_unix) unix_path_ = endpoint.address;
  acceptor_.non_blocking(true);
  accept();
  return {};
}

void Listener::accept() {
  acceptor_.async_wait(asio::socket_base::wait_read, [this](const error_code& wait_error) {
    if (wait_error) return;
    // All that are waiting; a limit lets the shard's own connections have their turn.
    for (int i = 0; i < 64; ++i) {
      const int fd =
          ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        configure(fd);
        accepted_(fd, peer_of(fd));
        continue;
      }
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log::Line(log::Area::kConnection, log::Level::kError, "cannot accept a connection")
            .with("reason", error_code(errno, boost::system::system_category()).message());
        pause_.expires_after(kPauseAfterError);
        pause_.async_wait([this](const error_code& error) {
          if (!error) accept();
        });
        return;
      }
      break;
    }
    accept();
  });
}

void Listener::configure(int fd) {
  const int on = 1;
  if (options_.tcp_nodelay) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options_.keepalive) ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

void Listener::close() {
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

}  // namespace polymq::server
