// Layout: a version octet, four numbers of eight octets, the first octets of their SipHash.
#include "sqs/receipt_handle.h"

#include "base/bytes.h"
#include "sqs/base64.h"

namespace polymq::sqs {
namespace {

constexpr std::size_t kSignedSize = 33;
constexpr std::size_t kSignatureSize = 15;
constexpr std::size_t kSize = kSignedSize + kSignatureSize;
constexpr char kVersion = 2;
static_assert(base64_size(kSize, Base64::kUrlSafe) == kReceiptHandleSize);

}  // namespace

ReceiptHandleText ReceiptHandles::write(const ReceiptHandle& handle) {
  std::array<char, kSize> bytes;
  bytes[0] = kVersion;
  store_big_endian(bytes.data() + 1, handle.queue);
  store_big_endian(bytes.data() + 9, handle.position);
  store_big_endian(bytes.data() + 17, handle.generation);
  store_big_endian(bytes.data() + 25, handle.life);
  const SipHash::Tag signature = seal_.sign({bytes.data(), kSignedSize});
  std::memcpy(bytes.data() + kSignedSize, signature.data(), kSignatureSize);
  ReceiptHandleText text;
  encode_base64(view(bytes), Base64::kUrlSafe, text.data());
  return text;
}

Result<ReceiptHandle, HandleFault> ReceiptHandles::read(std::string_view text,
                                                        std::uint64_t queue) {
  std::array<char, kSize> bytes;
  if (text.size() != kReceiptHandleSize ||
      decode_base64(text, Base64::kUrlSafe, bytes.data()) != kSize || bytes[0] != kVersion) {
    return tl::make_unexpected(HandleFault::kMalformed);
  }
  const SipHash::Tag signature = seal_.sign({bytes.data(), kSignedSize});
  if (!same_in_constant_time({bytes.data() + kSignedSize, kSignatureSize},
                             {signature.data(), kSignatureSize})) {
    return tl::make_unexpected(HandleFault::kWrongSignature);
  }
  const ReceiptHandle handle{load_big_endian<std::uint64_t>(bytes.data() + 1),
                             load_big_endian<std::uint64_t>(bytes.data() + 9),
                             load_big_endian<std::uint64_t>(bytes.data() + 17),
                             load_big_endian<std::uint64_t>(bytes.data() + 25)};
  if (handle.queue != queue) return tl::make_unexpected(HandleFault::kOtherQueue);
  return handle;
}

}  // namespace polymq::sqs
