// Addresses of sockets.
#include "server/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace polymq::server {
namespace {

using Ip = std::array<std::uint8_t, 16>;

bool is_mapped(const Ip& ip) {
  static constexpr std::uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(ip.data(), kPrefix, sizeof kPrefix) == 0;
}

bool is_loopback(const Ip& ip) {
  static constexpr Ip kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return is_mapped(ip) ? ip[12] == 127 : ip == kLoopback;
}

std::string to_text(const Ip& ip, std::uint16_t port) {
  char text[INET6_ADDRSTRLEN];
  if (is_mapped(ip)) {
    ::inet_ntop(AF_INET, ip.data() + 12, text, sizeof text);
    return std::string(text) + ":" + std::to_string(port);
  }
  ::inet_ntop(AF_INET6, ip.data(), text, sizeof text);
  return "[" + std::string(text) + "]:" + std::to_string(port);
}

struct Address {
  Ip ip{};
  std::uint16_t port = 0;
  bool is_unix = false;
};

Address to_address(const sockaddr_storage& from) {
  Address address;
  if (from.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &from, sizeof v4);
    address.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(address.ip.data() + 12, &v4.sin_addr, 4);
    address.port = ntohs(v4.sin_port);
  } else if (from.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &from, sizeof v6);
    std::memcpy(address.ip.data(), &v6.sin6_addr, 16);
    address.port = ntohs(v6.sin6_port);
  } else {
    address.is_unix = true;
  }
  return address;
}

Address address_of(int fd, int (*get)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (get(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return to_address(storage);
}

}  // namespace

SocketPeer peer_of(int fd) {
  const Address theirs = address_of(fd, ::getpeername);
  const Address ours = address_of(fd, ::getsockname);
  if (theirs.is_unix) return {{"unix socket, descriptor " + std::to_string(fd), true}, {}};
  return {{to_text(theirs.ip, theirs.port) + " -> " + to_text(ours.ip, ours.port),
           is_loopback(theirs.ip)},
          theirs.ip};
}

Peer peer_behind_proxy(const Peer& proxy, const ProxyHeader& header) {
  if (!header.source) return proxy;
  std::string name = to_text(header.source->ip, header.source->port);
  if (header.destination) {
    name += " -> " + to_text(header.destination->ip, header.destination->port);
  }
  return {std::move(name), is_loopback(header.source->ip)};
}

}  // namespace polymq::server
