// Sockets that close themselves, and how they come to be connected.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"

namespace polymq::perf {

class Socket {
 public:
  explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket();

  int get() const { return descriptor_; }
  void set_blocking(bool blocking) const;

 private:
  int descriptor_;
};

/// A blocking TCP connection without Nagle's delay. Connecting, reads and writes give up after
/// `timeout_seconds`.
Result<Socket> connect_to(const std::string& host, std::uint16_t port, int timeout_seconds);

/// A listening socket; port 0 takes a free one.
Result<Socket> listen_on(const std::string& host, std::uint16_t port);
std::uint16_t local_port(const Socket& socket);

/// "WHAT: reason of errno".
tl::unexpected<Error> system_failure(const std::string& what);

}  // namespace polymq::perf
