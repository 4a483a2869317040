// Sixteen random octets, six bits of which say so.
#include "sqs/uuid.h"

#include <cstdint>
#include <random>

namespace polymq::sqs {

Uuid random_uuid() {
  thread_local std::mt19937_64 random{(std::uint64_t{std::random_device()()} << 32) |
                                      std::random_device()()};
  constexpr std::uint64_t kVersion = 0x4000;
  constexpr std::uint64_t kVariant = std::uint64_t{1} << 63;
  const std::uint64_t high = (random() & ~std::uint64_t{0xF000}) | kVersion;
  const std::uint64_t low = (random() & ~(std::uint64_t{3} << 62)) | kVariant;
  constexpr char kDigits[] = "0123456789abcdef";
  Uuid text;
  std::size_t at = 0;
  for (int digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) text[at++] = '-';
    const std::uint64_t half = digit < 16 ? high : low;
    text[at++] = kDigits[(half >> (4 * (15 - digit % 16))) & 15];
  }
  return text;
}

}  // namespace polymq::sqs
