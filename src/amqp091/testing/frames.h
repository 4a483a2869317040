// For tests: the frames that a client sends, and what the broker answers as readable text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "amqp091/codec.h"
#include "amqp091/properties.h"

namespace polymq::amqp091 {

// --- what a client sends ------------------------------------------------------------------------

/// Any frame, right or wrong.
inline std::string any_frame(std::uint8_t type, std::uint16_t channel, std::string_view payload) {
  Buffer out;
  out.u8(type);
  out.u16(channel);
  out.long_string(payload);
  out.u8(static_cast<std::uint8_t>(kFrameEnd));
  return std::string(out.view());
}

template <class M>
std::string method_frame(std::uint16_t channel, const M& method) {
  Buffer out;
  encode_method(out, channel, method);
  return std::string(out.view());
}

/// A method frame of any ids and arguments.
inline std::string method_frame(std::uint16_t channel, MethodId id, std::string_view arguments) {
  Buffer out;
  out.u16(id.class_id);
  out.u16(id.method_id);
  out.append(arguments);
  return any_frame(1, channel, out.view());
}

inline std::string header_frame(std::uint16_t channel, std::uint64_t body_size,
                                std::string_view properties = kNoProperties,
                                std::uint16_t class_id = kBasicClass, std::uint16_t weight = 0) {
  Buffer out;
  out.u16(class_id);
  out.u16(weight);
  out.u64(body_size);
  out.append(properties);
  return any_frame(2, channel, out.view());
}

inline std::string body_frame(std::uint16_t channel, std::string_view body) {
  return any_frame(3, channel, body);
}

/// A publish whose body takes one frame, or none when it is empty.
inline std::string publish_frames(std::uint16_t channel, const method::BasicPublish& publish,
                                  std::string_view body,
                                  std::string_view properties = kNoProperties) {
  return method_frame(channel, publish) + header_frame(channel, body.size(), properties) +
         (body.empty() ? "" : body_frame(channel, body));
}

// --- what the broker sends ----------------------------------------------------------------------

/// A method with its content, a heartbeat, or the protocol header that strangers are sent.
struct Received {
  std::uint16_t channel = 0;
  MethodId id = {};  // 0/0: no method
  /// `CHANNEL NAME(ARGUMENT,...)`, and ` [BODY]` where there is one. A table shows as `{octets}`.
  std::string text = {};
  std::string arguments = {};  // as they were encoded
  std::string properties = {};
  std::string body = {};
  std::vector<std::size_t> body_frames = {};  // their sizes on the wire
};

/// Takes the broker's output apart, however it was cut, and notes the first thing that is wrong
/// with it in error().
class FrameReader {
 public:
  void add(std::string_view bytes) {
    bytes_ += bytes;
    std::size_t at = 0;
    if (bytes_.starts_with(kProtocolHeader)) {  // as a frame it would be a huge one
      received_.push_back({.text = "AMQP 0-9-1"});
      at = kProtocolHeader.size();
    }
    while (error_.empty()) {
      Frame frame;
      const FrameStatus status = parse_frame(std::string_view(bytes_).substr(at), 0, frame);
      if (status == FrameStatus::kNeedMore) break;
      if (status != FrameStatus::kFrame) {
        complain("malformed frame");
      } else if (frame_max != 0 && frame.size() > frame_max) {
        complain("frame larger than agreed");
      } else {
        take_frame(frame);
      }
      at += frame.size();
    }
    bytes_.erase(0, at);
  }

  std::vector<Received> take() { return std::exchange(received_, {}); }
  const std::string& error() const { return error_; }
  /// Nothing is left of a frame or a content that is not complete.
  bool complete() const { return bytes_.empty() && expected_ == Expected::kMethod; }

  std::uint32_t frame_max = 0;  // 0 = any size

 private:
  enum class Expected : std::uint8_t { kMethod, kHeader, kBody };

  void complain(std::string what) {
    if (error_.empty()) error_ = std::move(what);
  }

  // The broker writes a content in one go: nothing of another channel comes in between.
  void take_frame(const Frame& frame) {
    if (expected_ != Expected::kMethod && frame.channel != received_.back().channel) {
      return complain("content of one channel in that of another");
    }
    switch (frame.type) {
      case FrameType::kMethod:
        return take_method(frame);
      case FrameType::kHeader:
        return take_header(frame.payload);
      case FrameType::kBody:
        return take_body(frame);
      case FrameType::kHeartbeat:
        received_.push_back({.text = "0 heartbeat"});
        return;
    }
  }

  void take_method(const Frame& frame) {
    if (expected_ != Expected::kMethod) return complain("method inside a content");
    const MethodId id{load_big_endian<std::uint16_t>(frame.payload.data()),
                      load_big_endian<std::uint16_t>(frame.payload.data() + 2)};
    received_.push_back({.channel = frame.channel, .id = id});
    received_.back().arguments = frame.payload.substr(4);
    const auto show = [this]<class M>(const M& method) {
      received_.back().text = std::to_string(received_.back().channel) + ' ' +
                              std::string(M::kName) + '(' + arguments(method) + ')';
      if (has_content<M>()) expected_ = Expected::kHeader;
    };
    const DecodeStatus status = dispatch<method::ToClient>(id, frame.payload.substr(4), show);
    if (status != DecodeStatus::kOk) complain("method that a client cannot read");
  }

  void take_header(std::string_view payload) {
    const ContentHeader header = parse_content_header(payload);
    Properties properties;
    if (expected_ != Expected::kHeader || header.class_id != kBasicClass || header.weight != 0 ||
        parse(header.properties, properties) != PropertiesStatus::kOk) {
      return complain("content header wrong or out of place");
    }
    received_.back().properties = header.properties;
    left_ = header.body_size;
    expected_ = left_ == 0 ? Expected::kMethod : Expected::kBody;
  }

  void take_body(const Frame& frame) {
    if (expected_ != Expected::kBody || frame.payload.size() > left_) {
      return complain("content body wrong or out of place");
    }
    Received& whole = received_.back();
    whole.body += frame.payload;
    whole.body_frames.push_back(frame.size());
    left_ -= frame.payload.size();
    if (left_ != 0) return;
    expected_ = Expected::kMethod;
    constexpr std::size_t kShown = 64;
    whole.text += whole.body.size() <= kShown
                      ? " [" + whole.body + "]"
                      : " [" + std::to_string(whole.body.size()) + " octets]";
  }

  template <class M>
  static std::string arguments(const M& method) {
    std::string text;
    const auto add = [&](const auto& field) {
      using T = std::remove_cvref_t<decltype(field)>;
      if constexpr (std::is_same_v<T, bool>) {
        text += field ? "true," : "false,";
      } else if constexpr (std::is_same_v<T, std::string_view>) {
        text += std::string(field) + ',';
      } else if constexpr (std::is_same_v<T, LongString>) {
        text += std::string(field.bytes) + ',';
      } else if constexpr (std::is_same_v<T, FieldTable>) {
        text += '{' + std::to_string(field.bytes.size()) + "},";
      } else {
        text += std::to_string(field) + ',';
      }
    };
    std::apply([&](auto... member) { (add(method.*member), ...); }, M::kFields);
    if (!text.empty()) text.pop_back();
    return text;
  }

  std::string bytes_;
  std::string error_;
  std::vector<Received> received_;
  Expected expected_ = Expected::kMethod;
  std::uint64_t left_ = 0;  // of the body
};

}  // namespace polymq::amqp091
