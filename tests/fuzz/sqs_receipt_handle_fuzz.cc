// Arbitrary text as a receipt handle: read only if it is what would be written.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/bytes.h"
#include "check.h"
#include "sqs/receipt_handle.h"

using namespace polymq;
using namespace polymq::sqs;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static ReceiptHandles handles("key");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto read = handles.read(text, 7)) {
    FUZZ_CHECK(read->queue == 7);
    FUZZ_CHECK(view(handles.write(*read)) == text);
  } else if (read.error() == HandleFault::kOtherQueue) {
    FUZZ_CHECK(size == kReceiptHandleSize);
  }
  ByteReader in(text);
  const ReceiptHandle handle{in.u64(), in.u64(), in.u64(), in.u64()};
  const ReceiptHandleText written = handles.write(handle);
  const auto back = handles.read(view(written), handle.queue);
  FUZZ_CHECK(back && *back == handle);
  if (size != 0) {
    ReceiptHandleText changed = written;
    changed[data[0] % changed.size()] ^= 1;
    FUZZ_CHECK(!handles.read(view(changed), handle.queue));
  }
  return 0;
}
