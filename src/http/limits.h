// What a client of HTTP may demand in size and time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace polymq::http {

/// Each has its own answer: who exceeds one is told which.
struct Limits {
  std::size_t max_target = 16 * 1024;      // octets of the request target: 414
  std::size_t max_header = 32 * 1024;      // octets of request line and header: 431
  std::uint32_t max_header_fields = 128;   // 431
  std::size_t max_body = 8 * 1024 * 1024;  // octets, without the chunks' frames: 413
  std::size_t max_arriving = 256u << 20;   // octets of incomplete bodies on a shard: 503
  std::size_t max_output = 256 * 1024;     // octets unsent before the next request is looked at
  std::chrono::milliseconds header_time{20'000};  // from its first octet: 408
  std::chrono::milliseconds body_time{60'000};    // from the end of the header: 408
  std::chrono::milliseconds write_time{60'000};   // without an octet taken by the client: closed
  /// Between requests: closed. Longer than clients' pools keep theirs, so that they close first.
  std::chrono::milliseconds idle_time{120'000};
};

}  // namespace polymq::http
