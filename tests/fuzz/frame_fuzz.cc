// Arbitrary bytes as a stream of frames: parsing always advances or stops, and views stay inside.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "amqp091/frame.h"
#include "check.h"

using namespace polymq;
using namespace polymq::amqp091;

namespace {

bool within(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check_parsed(const Frame& frame, std::string_view input) {
  FUZZ_CHECK(within(frame.payload, input));
  FUZZ_CHECK(frame.size() <= input.size());
  FUZZ_CHECK(announced_size(input) == frame.size());
  if (frame.type == FrameType::kMethod) FUZZ_CHECK(frame.payload.size() >= 4);
  if (frame.type == FrameType::kHeader) {
    FUZZ_CHECK(within(parse_content_header(frame.payload).properties, input));
  }
}

void check_error(FrameStatus status, const Frame& frame, std::string_view input,
                 std::uint32_t frame_max) {
  const std::string text = frame_error(status, frame, input, frame_max);
  FUZZ_CHECK(text.starts_with("type "));
}

/// The input as a body, split and put together again.
void check_content(std::string_view body, std::uint32_t frame_max) {
  Buffer out;
  encode_content(out, 1, std::string_view("\0\0", 2), body, frame_max);
  FUZZ_CHECK(out.size() == content_size(2, body.size(), frame_max));
  std::string_view left = out.view();
  std::string joined;
  while (!left.empty()) {
    Frame frame;
    FUZZ_CHECK(parse_frame(left, frame_max, frame) == FrameStatus::kFrame);
    FUZZ_CHECK(frame_max == 0 || frame.size() <= frame_max);
    if (frame.type == FrameType::kBody) joined += frame.payload;
    left.remove_prefix(frame.size());
  }
  FUZZ_CHECK(joined == body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // Large enough for a header frame, which cannot be split.
  const std::uint32_t frame_max = data[0] == 0 ? 0 : 32u + data[0];
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_content(input, frame_max);
  while (true) {
    Frame frame;
    const FrameStatus status = parse_frame(input, frame_max, frame);
    if (status == FrameStatus::kNeedMore) return 0;
    if (status != FrameStatus::kFrame) {
      check_error(status, frame, input, frame_max);
      return 0;
    }
    check_parsed(frame, input);
    input.remove_prefix(frame.size());
  }
}
