// Finds the end of a request's head (request line and header), whatever pieces it arrives in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/limits.h"

namespace polymq::http {

/// Looks at each octet once, in order, so that a head gets the same verdict in one piece and octet
/// by octet. Checks the lines' shape and the limits; the parser behind it sees whole heads only.
class HeadScanner {
 public:
  enum class Status : std::uint8_t {
    kNeedMore,
    kComplete,
    kMalformed,      // 400
    kTargetTooLong,  // 414
    kTooLarge,       // 431
  };

  explicit HeadScanner(const Limits& limits) : limits_(limits) {}

  /// `input` begins with the head, and with what was handed in before.
  Status scan(std::string_view input);
  /// Octets of the head with the empty line behind it, once it is complete.
  std::size_t size() const { return at_; }
  bool untouched() const { return at_ == 0; }
  /// For the next head.
  void reset();

 private:
  Status scan_first_line(std::string_view input);
  Status scan_line(std::string_view input);

  const Limits& limits_;
  std::size_t at_ = 0;          // looked at
  std::size_t line_begin_ = 0;  // of the line that at_ is in
  std::uint32_t lines_ = 0;     // complete ones
  bool complete_ = false;
};

}  // namespace polymq::http
