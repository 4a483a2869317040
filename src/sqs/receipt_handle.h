// Receipt handles: what a delivery is known by, sealed so that only we can make one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "sqs/digests.h"

namespace polymq::sqs {

struct ReceiptHandle {
  std::uint64_t queue = 0;       // the queue's incarnation
  std::uint64_t position = 0;    // of the message in its queue
  std::uint64_t generation = 0;  // which delivery of it,
  std::uint64_t life = 0;        // since the broker was started
  bool operator==(const ReceiptHandle&) const = default;
};

/// 33 octets and a signature of 15, as URL-safe base64.
inline constexpr std::size_t kReceiptHandleSize = 64;
using ReceiptHandleText = std::array<char, kReceiptHandleSize>;

enum class HandleFault : std::uint8_t {
  kMalformed,       // never was a handle
  kWrongSignature,  // made by somebody else, or with another key
  kOtherQueue,      // ours, but not this queue's
};

/// Makes and reads handles with one key. One a thread.
class ReceiptHandles {
 public:
  explicit ReceiptHandles(std::string_view key) : seal_(key) {}

  ReceiptHandleText write(const ReceiptHandle& handle);
  Result<ReceiptHandle, HandleFault> read(std::string_view text, std::uint64_t queue);

 private:
  SipHash seal_;
};

}  // namespace polymq::sqs
