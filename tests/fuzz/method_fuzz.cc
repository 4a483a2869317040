// Arbitrary arguments for every method: what decodes, encodes to something that decodes the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "amqp091/codec.h"
#include "check.h"

using namespace polymq;
using namespace polymq::amqp091;

namespace {

/// Re-encodes what was decoded. The bytes may differ (spare bits), the method may not.
struct RoundTrip {
  template <class M>
  void operator()(const M& method) const {
    Buffer out;
    encode_method(out, 1, method);
    FUZZ_CHECK(out.size() == method_frame_size(method));
    Frame frame;
    FUZZ_CHECK(parse_frame(out.view(), 0, frame) == FrameStatus::kFrame);
    M again;
    FUZZ_CHECK(decode(frame.payload.substr(4), again) == DecodeStatus::kOk);
    FUZZ_CHECK(again == method);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  const MethodId id{load_big_endian<std::uint16_t>(payload.data()),
                    load_big_endian<std::uint16_t>(payload.data() + 2)};
  const DecodeStatus status = dispatch(id, payload.substr(4), RoundTrip{});
  FUZZ_CHECK((status == DecodeStatus::kUnknownMethod) == method_name(id).empty());
  return 0;
}
