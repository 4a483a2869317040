// Both ends of the line protocol.
#include "server/control_socket.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "server/stale_socket.h"

namespace polymq::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Local = asio::local::stream_protocol;

constexpr mode_t kOwnerOnly = 0600;
constexpr auto kPauseAfterError = std::chrono::milliseconds(100);
constexpr std::size_t kLongestRequest = 65536;
constexpr std::size_t kReadAtOnce = 8192;
constexpr std::string_view kOk = "ok ";
constexpr std::string_view kError = "error ";

std::string reason(int error) { return std::generic_category().message(error); }

std::string on_one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text + '\n';
}

Result<Local::endpoint> endpoint_of(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(path + " is too long for a Unix socket");
  }
  return Local::endpoint(path);
}

}  // namespace

std::string control_path(const std::string& folder) { return folder + "/control"; }

std::string control_path(const Config::Server& config) {
  const bool in_memory = config.in_memory || config.data_dir.empty();
  return in_memory ? config.control_socket : control_path(config.data_dir);
}

struct ControlSocket::Client {
  explicit Client(Local::socket connected) : socket(std::move(connected)) {}
  Local::socket socket;
  std::string received;
  std::string answer;
};

ControlSocket::ControlSocket(asio::io_context& io, std::string path, SlowCommands slow,
                             ControlCommands commands)
    : io_(io),
      acceptor_(io),
      pause_(io),
      path_(std::move(path)),
      slow_(std::move(slow)),
      commands_(std::move(commands)) {}

ControlSocket::~ControlSocket() {
  close();
  if (worker_.joinable()) worker_.join();
}

Result<void> ControlSocket::open() {
  const auto endpoint = endpoint_of(path_);
  if (!endpoint) return tl::make_unexpected(endpoint.error());
  remove_stale_socket(path_);
  error_code error;
  acceptor_.open(Local(), error);
  if (!error) acceptor_.bind(*endpoint, error);
  bound_ = !error;
  // Before it listens: nobody can have connected.
  if (!error && ::chmod(path_.c_str(), kOwnerOnly) != 0) {
    error = error_code(errno, boost::system::system_category());
  }
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    close();
    return fail("cannot listen on " + path_ + ": " + error.message());
  }
  accept();
  return {};
}

void ControlSocket::close() {
  stop_ = true;
  if (!acceptor_.is_open()) return;
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  if (bound_) ::unlink(path_.c_str());  // else it is another's
}

void ControlSocket::accept() {
  acceptor_.async_accept([this](const error_code& error, Local::socket socket) {
    if (!acceptor_.is_open()) return;
    if (!error) {
      receive(std::make_shared<Client>(std::move(socket)));
      return accept();
    }
    // There are no descriptors: no use in trying again at once.
    pause_.expires_after(kPauseAfterError);
    pause_.async_wait([this](const error_code& cancelled) {
      if (!cancelled) accept();
    });
  });
}

void ControlSocket::receive(const std::shared_ptr<Client>& client) {
  asio::async_read_until(client->socket, asio::dynamic_buffer(client->received, kLongestRequest),
                         '\n', [this, client](const error_code& error, std::size_t size) {
                           if (error) return;
                           serve(client, client->received.substr(0, size - 1));
                         });
}

void ControlSocket::serve(const std::shared_ptr<Client>& client, const std::string& request) {
  const std::size_t space = std::min(request.find(' '), request.size());
  const std::string name = request.substr(0, space);
  const std::string argument = request.substr(std::min(space + 1, request.size()));
  if (const auto slow = slow_.find(name); slow != slow_.end()) {
    return serve_slowly(client, *slow, argument);
  }
  const auto command = commands_.find(name);
  if (command == commands_.end()) {
    return answer(client, fail("this node does not know `" + name + "`"));
  }
  command->second(argument, [client](const Result<std::string>& done) { answer(client, done); });
}

void ControlSocket::serve_slowly(const std::shared_ptr<Client>& client,
                                 const SlowCommands::value_type& command,
                                 const std::string& argument) {
  if (served_) return answer(client, fail("`" + serving_ + "` is under way already"));
  if (worker_.joinable()) worker_.join();  // it has told us that it is done
  stop_ = !acceptor_.is_open();
  const auto work = [this, client, &command, argument] {
    ::pthread_setname_np(::pthread_self(), "control");
    asio::post(io_, [this, client, done = command.second(argument, stop_)] {
      served_.reset();
      answer(client, done);
    });
  };
  try {
    worker_ = std::thread(work);
  } catch (const std::system_error& error) {
    return answer(client, fail("cannot start a thread: " + error.code().message()));
  }
  served_ = client;
  serving_ = command.first;
  // It has nothing more to say: this is the end of the connection.
  client->socket.async_wait(Local::socket::wait_read, [this, client](const error_code& error) {
    if (!error && served_ == client) stop_ = true;
  });
}

void ControlSocket::answer(const std::shared_ptr<Client>& client, const Result<std::string>& done) {
  client->answer =
      on_one_line(done ? std::string(kOk) + *done : std::string(kError) + done.error().text);
  asio::async_write(client->socket, asio::buffer(client->answer),
                    [client](const error_code&, std::size_t) {
                      error_code ignored;
                      client->socket.close(ignored);
                    });
}

// --- the client's end ---------------------------------------------------------------------------
namespace {

class Connection {
 public:
  Connection() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// 0, or errno.
  int connect(const Local::endpoint& to) const {
    return ::connect(fd_, to.data(), static_cast<socklen_t>(to.size())) == 0 ? 0 : errno;
  }
  bool send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t put = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }
  /// Until the other end closes it.
  std::string receive_all() const {
    std::string all;
    std::array<char, kReadAtOnce> part;
    while (true) {
      const ssize_t got = ::recv(fd_, part.data(), part.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return all;
      all.append(part.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  const int fd_;
};

}  // namespace

Result<std::optional<std::string>> ask_node(const std::string& path, const std::string& request) {
  const auto endpoint = endpoint_of(path);
  if (!endpoint) return std::nullopt;  // nor can a node listen there
  if (request.size() >= kLongestRequest || request.find('\n') != std::string::npos) {
    return fail("that is too long, or has a line end in it");
  }
  const Connection connection;
  const int error = connection.connect(*endpoint);
  if (error == ENOENT || error == ECONNREFUSED) return std::nullopt;
  if (error != 0) return fail("cannot reach the node at " + path + ": " + reason(error));
  std::string answer;
  if (connection.send(request + '\n')) answer = connection.receive_all();
  if (!answer.ends_with('\n')) return fail("the node ended before it was done");
  answer.pop_back();
  if (answer.starts_with(kOk)) return answer.substr(kOk.size());
  return fail(answer.starts_with(kError) ? answer.substr(kError.size()) : answer);
}

}  // namespace polymq::server
