// Explanations of frame errors, and the writing of content frames.
#include "amqp091/frame.h"

#include <algorithm>
#include <cstring>

namespace polymq::amqp091 {
namespace {

/// Replies hold 255 octets at most, so showing more of a payload would be lost work.
constexpr std::size_t kMostShown = 255;

bool printable(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet >= 0x20 && octet < 0x7F) || c == '\n' || c == '\t' || c == '\r';
  });
}

/// The way Erlang shows a binary: <<"text">> when it is printable, else <<1,2,3>>.
std::string erlang_binary(std::string_view bytes) {
  bytes = bytes.substr(0, kMostShown);
  if (!bytes.empty() && printable(bytes)) {
    std::string text = "<<\"";
    for (const char c : bytes) {
      if (c == '\n') text += "\\n";
      if (c == '\t') text += "\\t";
      if (c == '\r') text += "\\r";
      if (c == '"' || c == '\\') text += '\\';
      if (c >= 0x20) text += c;
    }
    return text + "\">>";
  }
  return octets_text(bytes);
}

char* put(char* to, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

}  // namespace

std::string octets_text(std::string_view bytes) {
  std::string text = "<<";
  for (const char c : bytes.substr(0, kMostShown)) {
    if (text.size() > 2) text += ',';
    text += std::to_string(static_cast<unsigned char>(c));
  }
  return text + ">>";
}

std::string frame_error(FrameStatus status, const Frame& frame, std::string_view input,
                        std::uint32_t frame_max) {
  std::string text = "type " + std::to_string(static_cast<unsigned>(frame.type)) +
                     ", all octets = " + erlang_binary(frame.payload);
  switch (status) {
    case FrameStatus::kTooLarge: {
      const std::size_t size = announced_size(input) - kFrameOverhead;
      return text + ": {frame_too_large," + std::to_string(size) + ',' +
             std::to_string(frame_max - kFrameOverhead) + '}';
    }
    case FrameStatus::kBadEnd: {
      const auto end = static_cast<unsigned char>(input[kFrameHeaderSize + frame.payload.size()]);
      return text + ": {invalid_frame_end_marker," + std::to_string(end) + '}';
    }
    case FrameStatus::kUnknownFrame:
      return text + ": unknown_frame";
    case FrameStatus::kFrame:
    case FrameStatus::kNeedMore:
    case FrameStatus::kUnexpectedFrame:
      break;
  }
  return text;
}

char* write_header_frame(char* to, std::uint16_t channel, std::uint64_t body_size,
                         std::string_view properties) {
  const std::size_t size = kContentHeaderSize + properties.size();
  to = write_frame_header(to, FrameType::kHeader, channel, static_cast<std::uint32_t>(size));
  store_big_endian(to, std::uint32_t{kBasicClass} << 16);  // the weight is always 0
  store_big_endian(to + 4, body_size);
  to = put(to + kContentHeaderSize, properties);
  *to++ = kFrameEnd;
  return to;
}

char* write_body_frames(char* to, std::uint16_t channel, std::string_view body,
                        std::uint32_t frame_max) {
  const std::size_t most = frame_max == 0 ? 0xFFFFFFFF : frame_max - kFrameOverhead;
  while (!body.empty()) {
    const std::string_view part = body.substr(0, most);
    body.remove_prefix(part.size());
    to = write_frame_header(to, FrameType::kBody, channel, static_cast<std::uint32_t>(part.size()));
    to = put(to, part);
    *to++ = kFrameEnd;
  }
  return to;
}

void encode_content(Buffer& out, std::uint16_t channel, std::string_view properties,
                    std::string_view body, std::uint32_t frame_max) {
  const std::size_t size = content_size(properties.size(), body.size(), frame_max);
  write_content(out.reserve(size), channel, properties, body, frame_max);
  out.commit(size);
}

}  // namespace polymq::amqp091
