// Who is on the other end of a socket, as text and as far as loopback rules need to know.
#pragma once

#include <array>
#include <cstdint>

#include "base/stream.h"
#include "server/proxy_protocol.h"

namespace polymq::server {

struct SocketPeer {
  Peer peer;
  std::array<std::uint8_t, 16> ip{};  // IPv4 mapped into IPv6; zero for a Unix socket
};

/// Of a connected socket. A Unix socket's peer is local.
SocketPeer peer_of(int fd);

/// The peer that a trusted proxy speaks for; `proxy` itself when the header names none.
Peer peer_behind_proxy(const Peer& proxy, const ProxyHeader& header);

}  // namespace polymq::server
