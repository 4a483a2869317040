// Frames: finding them in received bytes, and writing the ones that are not methods.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace polymq::amqp091 {

enum class FrameType : std::uint8_t { kMethod = 1, kHeader = 2, kBody = 3, kHeartbeat = 8 };

inline constexpr std::uint32_t kFrameHeaderSize = 7;  ///< type, channel, payload size
inline constexpr std::uint32_t kFrameOverhead = 8;    ///< the header and the end octet
inline constexpr char kFrameEnd = static_cast<char>(0xCE);
inline constexpr std::uint32_t kContentHeaderSize = 12;  ///< class, weight, body size
inline constexpr std::uint16_t kBasicClass = 60;
inline constexpr std::string_view kHeartbeatFrame{"\x08\0\0\0\0\0\0\xCE", 8};
inline constexpr std::string_view kProtocolHeader{"AMQP\0\0\x09\x01", 8};

struct Frame {
  FrameType type = FrameType::kMethod;  ///< any octet when the status is kUnknownFrame
  std::uint16_t channel = 0;
  std::string_view payload;
  /// The octets that the frame takes in the input.
  std::size_t size() const { return payload.size() + kFrameOverhead; }
};

/// Everything after kNeedMore is a connection error; frame_error() says which.
enum class FrameStatus : std::uint8_t {
  kFrame,
  kNeedMore,         ///< the input ends inside the frame
  kTooLarge,         ///< 501, fatal: told from the header alone; nothing more is parsed
  kBadEnd,           ///< 501, fatal
  kUnknownFrame,     ///< 501: unknown type, or a payload that its type cannot have
  kUnexpectedFrame,  ///< 505: content on channel 0, heartbeat on another channel
};

namespace detail {

/// kFrame, or what is wrong with a frame that is there completely. Method payloads hold the method
/// id, header payloads the fixed part of a content header: later code relies on it.
inline FrameStatus check_frame(const Frame& frame) {
  switch (frame.type) {
    case FrameType::kMethod:
      return frame.payload.size() >= 4 ? FrameStatus::kFrame : FrameStatus::kUnknownFrame;
    case FrameType::kHeader:
      if (frame.payload.size() < kContentHeaderSize) return FrameStatus::kUnknownFrame;
      [[fallthrough]];
    case FrameType::kBody:
      return frame.channel != 0 ? FrameStatus::kFrame : FrameStatus::kUnexpectedFrame;
    case FrameType::kHeartbeat:
      if (!frame.payload.empty()) return FrameStatus::kUnknownFrame;
      return frame.channel == 0 ? FrameStatus::kFrame : FrameStatus::kUnexpectedFrame;
  }
  return FrameStatus::kUnknownFrame;
}

}  // namespace detail

/// Looks at the frame at the beginning of `input`. `frame_max`: the agreed limit for whole frames,
/// 0 = none; a payload may be that large, 8 more than legal, because several clients count wrongly.
/// `out.payload` points into the input; for kNeedMore `out` is undefined, for errors it holds what
/// is known (for kTooLarge an empty payload).
inline FrameStatus parse_frame(std::string_view input, std::uint32_t frame_max, Frame& out) {
  if (input.size() < kFrameHeaderSize) return FrameStatus::kNeedMore;
  const char* const at = input.data();
  out.type = static_cast<FrameType>(at[0]);
  out.channel = load_big_endian<std::uint16_t>(at + 1);
  const std::size_t size = load_big_endian<std::uint32_t>(at + 3);
  if (frame_max != 0 && size > frame_max) {
    out.payload = {};
    return FrameStatus::kTooLarge;
  }
  if (input.size() - kFrameHeaderSize <= size) return FrameStatus::kNeedMore;
  out.payload = {at + kFrameHeaderSize, size};
  if (at[kFrameHeaderSize + size] != kFrameEnd) return FrameStatus::kBadEnd;
  return detail::check_frame(out);
}

/// How many octets the frame at the beginning of `input` takes once it is complete; 0 when the
/// input is shorter than a frame header. Lets a reader make room for a large frame.
inline std::size_t announced_size(std::string_view input) {
  if (input.size() < kFrameHeaderSize) return 0;
  return load_big_endian<std::uint32_t>(input.data() + 3) + std::size_t{kFrameOverhead};
}

/// The way Erlang writes bytes: `<<1,2,3>>`; of many only as many as a reply can hold.
std::string octets_text(std::string_view bytes);

/// RabbitMQ's explanation of the error, without the code's name: `type T, all octets = ...`.
/// `input`: what was given to parse_frame().
std::string frame_error(FrameStatus status, const Frame& frame, std::string_view input,
                        std::uint32_t frame_max);

/// A content header frame's payload (at least kContentHeaderSize octets: parse_frame() saw to it).
struct ContentHeader {
  std::uint16_t class_id = 0;
  std::uint16_t weight = 0;
  std::uint64_t body_size = 0;
  std::string_view properties;  ///< flags and values, see properties.h
};

inline ContentHeader parse_content_header(std::string_view payload) {
  const char* const at = payload.data();
  return {load_big_endian<std::uint16_t>(at), load_big_endian<std::uint16_t>(at + 2),
          load_big_endian<std::uint64_t>(at + 4), payload.substr(kContentHeaderSize)};
}

/// Writes kFrameHeaderSize octets and returns their end. `size`: of the payload.
inline char* write_frame_header(char* to, FrameType type, std::uint16_t channel,
                                std::uint32_t size) {
  *to = static_cast<char>(type);
  store_big_endian(to + 1, channel);
  store_big_endian(to + 3, size);
  return to + kFrameHeaderSize;
}

/// The octets of a content's header frame and body frames.
inline std::size_t content_size(std::size_t properties_size, std::size_t body_size,
                                std::uint32_t frame_max) {
  const std::size_t header = kFrameOverhead + kContentHeaderSize + properties_size;
  if (body_size == 0) return header;
  const std::size_t most = frame_max == 0 ? 0xFFFFFFFF : frame_max - kFrameOverhead;
  return header + body_size + (body_size + most - 1) / most * kFrameOverhead;
}

/// Writes the content header frame; returns its end. `properties`: flags and values, at least
/// "\0\0".
char* write_header_frame(char* to, std::uint16_t channel, std::uint64_t body_size,
                         std::string_view properties);
/// Writes the body frames, none for an empty body, each at most `frame_max` octets (0 = no limit;
/// otherwise more than kFrameOverhead); returns their end.
char* write_body_frames(char* to, std::uint16_t channel, std::string_view body,
                        std::uint32_t frame_max);
/// Both of the above, content_size() octets.
inline char* write_content(char* to, std::uint16_t channel, std::string_view properties,
                           std::string_view body, std::uint32_t frame_max) {
  to = write_header_frame(to, channel, body.size(), properties);
  return write_body_frames(to, channel, body, frame_max);
}
void encode_content(Buffer& out, std::uint16_t channel, std::string_view properties,
                    std::string_view body, std::uint32_t frame_max);

}  // namespace polymq::amqp091
