// Reads into the shard's shared buffer, one write per turn, orderly and forced closing.
#include "server/socket_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "server/peer.h"
#include "server/protocols.h"
#include "server/proxy_protocol.h"
#include "server/shard_runtime.h"
#include "server/tls_stream.h"

namespace polymq::server {
namespace {

/// A rest this small is moved in front of the next read in the shared buffer.
constexpr std::size_t kSmallRest = 32 * 1024;
constexpr std::size_t kOwnRead = 64 * 1024;
/// While consumers are behind, publishers are read in smaller bites: that gives consumers more
/// turns, so that they catch up while the messages are still in the cache.
constexpr std::size_t kReadUnderBacklog = 32 * 1024;

/// Has the peer closed its side, as far as can be told without reading?
bool hung_up(int fd) {
  pollfd state{.fd = fd, .events = POLLRDHUP, .revents = 0};
  return ::poll(&state, 1, 0) > 0;
}

}  // namespace

SocketConnection::SocketConnection(ShardRuntime& runtime, Socket socket, Peer peer,
                                   Protocol& protocol, bool expects_proxy_header,
                                   std::unique_ptr<TlsStream> tls)
    : runtime_(runtime),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      protocol_(protocol),
      tls_(std::move(tls)),
      expects_proxy_header_(expects_proxy_header) {}

SocketConnection::~SocketConnection() = default;

void SocketConnection::start() {
  started_ = runtime_.shard().now().monotonic;
  if (!expects_proxy_header_ && !tls_) connect();
  read_if_wanted();
}

void SocketConnection::connect() {
  if (tls_) {
    peer_.tls = std::string(tls_->version()) + " " + std::string(tls_->cipher());
    peer_.certificate = tls_->client_name();
    log::Line(log::Area::kConnection, log::Level::kDebug, "TLS handshake done")
        .with("peer", peer_.name)
        .with("tls", peer_.tls)
        .with("certificate", peer_.certificate);
  }
  connection_ = protocol_.connect(runtime_, *this, peer_);
}

// --- reading ------------------------------------------------------------------------------------
void SocketConnection::read_if_wanted() {
  if (reading_ || closed_ || peer_ended_) return;
  if (connection_ && !connection_->wants_input()) return;
  if (tls_ && tls_->has_ended()) return on_end_of_input();
  reading_ = true;
  runtime_.read_later(*this);
}

void SocketConnection::wait_for_input() {
  if (closed_) return;
  socket_.async_wait(Socket::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;  // closed by ourselves
    runtime_.begin_turn();
    reading_ = false;
    on_readable();
  });
}

void SocketConnection::on_readable() {
  std::vector<char>& shared = runtime_.read_buffer();
  const bool own = input_.size() > kSmallRest;
  const std::size_t rest = own ? 0 : input_.size();
  char* to = shared.data() + rest;
  std::size_t space = shared.size() - rest;
  if (own) {
    to = input_.reserve(kOwnRead);
    space = kOwnRead;
  } else if (runtime_.shard().consumers_behind() && publishes()) {
    space = std::min(space, kReadUnderBacklog);
  }
  const ssize_t got = receive(to, space);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return read_if_wanted();
  if (got < 0) return close_now();
  if (got == 0) return on_end_of_input();
  if (own) {
    input_.commit(static_cast<std::size_t>(got));
    return continue_input();
  }
  if (rest != 0) {
    std::memcpy(shared.data(), input_.view().data(), rest);
    input_.consume(rest);
  }
  feed({shared.data(), rest + static_cast<std::size_t>(got)});
}

// As recv() does.
ssize_t SocketConnection::receive(char* to, std::size_t space) {
  if (expects_proxy_header_) space = std::min(space, kMaxProxyHeader);
  if (!tls_ || expects_proxy_header_) return ::recv(socket_.native_handle(), to, space, 0);
  const ssize_t got = tls_->receive(to, space);
  const int error = errno;
  if (got < 0 && error == EPROTO) log_tls_failure(tls_->failure());
  if (tls_->is_blocked()) wait_for_room();
  if (!connection_ && tls_->is_open()) connect();
  errno = error;
  return got;
}

void SocketConnection::on_end_of_input() {
  peer_ended_ = connection_ && connection_->peer_ended();
  if (!peer_ended_) close_now();
}

void SocketConnection::continue_input() {
  resume_noted_ = false;
  if (closed_) return;
  if (input_.empty()) return read_if_wanted();
  // The input may grow by what is left over: it is handed over as a whole first.
  Buffer pending = std::move(input_);
  input_ = Buffer();
  feed(pending.view());
}

void SocketConnection::feed(std::string_view bytes) {
  if (!take_proxy_header(bytes)) return;
  if (connection_) {
    bytes.remove_prefix(connection_->receive(bytes));
    connection_->end_of_input();
  }
  if (!bytes.empty() && !closed_) input_.append(bytes);
  if (input_.empty()) input_.release();
  read_if_wanted();
}

// False when the header is not complete, or wrong.
bool SocketConnection::take_proxy_header(std::string_view& bytes) {
  if (!expects_proxy_header_) return true;
  const ProxyResult result = parse_proxy_header(bytes);
  switch (result.kind) {
    case ProxyResult::Kind::kNeedMore:
      input_.append(bytes);
      read_if_wanted();
      return false;
    case ProxyResult::Kind::kInvalid:
      log::Line(log::Area::kConnection, log::Level::kWarning, "no valid PROXY header")
          .with("peer", peer_.name);
      close_now();
      return false;
    case ProxyResult::Kind::kHeader:
      break;
  }
  expects_proxy_header_ = false;
  bytes.remove_prefix(result.header.size);
  peer_ = peer_behind_proxy(peer_, result.header);
  if (!tls_) {
    connect();
    return true;
  }
  tls_->begin_with(bytes);
  if (bytes.empty()) {
    read_if_wanted();
  } else {
    on_readable();
  }
  return false;
}

// --- writing ------------------------------------------------------------------------------------
void SocketConnection::output_ready() {
  if (flush_noted_ || closed_) return;
  flush_noted_ = true;
  runtime_.output_ready(*this);
}

void SocketConnection::flush() {
  flush_noted_ = false;
  if (closed_ || !connection_) return;
  connection_->prepare_output();
  if (writing_) return;
  const bool wanted_input = connection_->wants_input();
  const Buffer& output = connection_->output();
  while (!output.empty()) {
    const std::string_view bytes = output.view();
    const ssize_t sent = send(bytes);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return close_now();
    if (sent < 0) {
      wait_for_room();
      break;
    }
    connection_->written(static_cast<std::size_t>(sent));
  }
  if (!wanted_input && connection_->wants_input()) resume();
  if (!shut_ || !output.empty()) return;
  if (peer_ended_ || close_at_ <= runtime_.shard().now().monotonic) return close_now();
  if (!std::exchange(shut_output_, false)) return;
  if (tls_) tls_->close();
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

// As send() does.
ssize_t SocketConnection::send(std::string_view bytes) {
  if (tls_) return tls_->send(bytes);
  return ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void SocketConnection::wait_for_room() {
  if (std::exchange(writing_, true)) return;
  socket_.async_wait(Socket::wait_write, [this](const boost::system::error_code& error) {
    if (error) return;
    runtime_.begin_turn();
    on_writable();
  });
}

void SocketConnection::on_writable() {
  writing_ = false;
  if (tls_ && !tls_->flush()) {
    if (errno != EAGAIN) return close_now();
    return wait_for_room();
  }
  output_ready();
}

void SocketConnection::log_tls_failure(std::string_view reason) {
  const auto left_out =
      runtime_.log_limiter().admit(peer_.address(), std::chrono::steady_clock::now());
  if (!left_out) return;
  log::Line line(log::Area::kConnection, log::Level::kWarning,
                 connection_ ? "TLS error" : "TLS handshake failed");
  line.with("peer", peer_.name).with("reason", reason);
  if (*left_out != 0) line.with("lines_left_out", *left_out);
}

// --- ending -------------------------------------------------------------------------------------
void SocketConnection::resume() {
  if (resume_noted_) return;
  resume_noted_ = true;
  runtime_.resume(*this);
}

void SocketConnection::shut(std::chrono::milliseconds after) {
  const MonotonicMs at = runtime_.shard().now().monotonic + after.count();
  close_at_ = shut_ ? std::min(close_at_, at) : at;
  shut_ = true;
  output_ready();
}

void SocketConnection::shut_output(std::chrono::milliseconds after) {
  shut_output_ = true;
  shut(after);
}

bool SocketConnection::peer_closed() const {
  if (closed_ || (tls_ && tls_->has_ended())) return true;
  // Asking for the descriptor is no change of the socket, though Asio declares it as one.
  return hung_up(const_cast<Socket&>(socket_).native_handle());
}

void SocketConnection::tick(MonotonicMs now) {
  if (!connection_) {  // a proxy or a client of TLS that says nothing
    if (now - started_ <= protocol_.patience().count()) return;
    if (!expects_proxy_header_) log_tls_failure("it took too long");
    return close_now();
  }
  if (connection_->ends_with_peer() && peer_closed()) return close_now();
  connection_->tick(now);
  if (shut_ && now >= close_at_) close_now();
}

void SocketConnection::close_now() {
  if (closed_) return;
  closed_ = true;
  if (tls_) tls_->close();
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (!connection_) return runtime_.remove(*this);
  if (!lost_told_) {
    lost_told_ = true;
    connection_->lost();
  }
}

void SocketConnection::force_close(std::string_view reason) {
  if (connection_) {
    connection_->force_close(reason);
  } else {
    close_now();  // a proxy that has not said yet whom it speaks for
  }
}

LogLimiter& SocketConnection::log_limiter() { return runtime_.log_limiter(); }

void SocketConnection::finished() { runtime_.remove(*this); }

}  // namespace polymq::server
