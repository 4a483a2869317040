// The messages that publishers send: built once, then only stamped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/perf/clock.h"

namespace polymq::perf {

/// What the body of a message begins with, as far as it is large enough: 8 octets intended send
/// time, 8 octets sequence number with the publisher in the upper 16 bits.
struct Stamp {
  Nanos intended = 0;
  std::uint64_t sequence = 0;
  static constexpr std::size_t kTimeSize = 8;
  static constexpr std::size_t kSize = 16;
};

struct MessageSpec {
  std::string_view exchange;
  std::string_view routing_key;
  std::size_t size = 0;
  bool persistent = false;
  bool mandatory = false;
  std::string_view reply_to;  ///< "" = none
};

/// The frames of one publish.
class MessageTemplate {
 public:
  MessageTemplate(const MessageSpec& spec, std::uint32_t frame_max);

  std::size_t size() const { return bytes_.size(); }
  /// Writes size() octets to `to`.
  void write(char* to, Stamp stamp) const;

 private:
  std::string bytes_;
  std::size_t body_at_ = 0;
  std::size_t body_size_ = 0;
};

/// Reads the beginning of a body; `has_sequence` is false when it was too short for one. Bodies
/// that are too short for a time have none either: returns false.
bool read_stamp(std::string_view body, Stamp& out, bool& has_sequence);

}  // namespace polymq::perf
