// Opening sockets.
#include "cli/perf/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

namespace polymq::perf {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Result<Addresses> resolve(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (status != 0) return fail("cannot find " + host + ": " + gai_strerror(status));
  return Addresses(found, &freeaddrinfo);
}

Socket open_like(const addrinfo& address) {
  return Socket(socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol));
}

template <class T>
void set_option(const Socket& socket, int level, int name, const T& value) {
  setsockopt(socket.get(), level, name, &value, sizeof value);
}

}  // namespace

Socket::~Socket() {
  if (descriptor_ >= 0) close(descriptor_);
}

void Socket::set_blocking(bool blocking) const {
  const int flags = fcntl(descriptor_, F_GETFL);
  fcntl(descriptor_, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

tl::unexpected<Error> system_failure(const std::string& what) {
  return fail(what + ": " + std::generic_category().message(errno));
}

Result<Socket> connect_to(const std::string& host, std::uint16_t port, int timeout_seconds) {
  const auto addresses = resolve(host, port, 0);
  if (!addresses) return tl::make_unexpected(addresses.error());
  const std::string what = "cannot connect to " + host + " port " + std::to_string(port);
  for (const addrinfo* at = addresses->get(); at != nullptr; at = at->ai_next) {
    Socket socket = open_like(*at);
    if (socket.get() < 0) continue;
    const timeval timeout{timeout_seconds, 0};
    set_option(socket, SOL_SOCKET, SO_SNDTIMEO, timeout);
    set_option(socket, SOL_SOCKET, SO_RCVTIMEO, timeout);
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    if (connect(socket.get(), at->ai_addr, at->ai_addrlen) == 0) return socket;
  }
  return system_failure(what);
}

Result<Socket> listen_on(const std::string& host, std::uint16_t port) {
  const auto addresses = resolve(host, port, AI_PASSIVE);
  if (!addresses) return tl::make_unexpected(addresses.error());
  const addrinfo& address = **addresses;
  Socket socket = open_like(address);
  set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  if (bind(socket.get(), address.ai_addr, address.ai_addrlen) != 0 ||
      listen(socket.get(), SOMAXCONN) != 0) {
    return system_failure("cannot listen on " + host + " port " + std::to_string(port));
  }
  return socket;
}

std::uint16_t local_port(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace polymq::perf
