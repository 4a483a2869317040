// Sixteen octets, of random ones six bits of which say so.
#include "sqs/uuid.h"

#include <cstdint>
#include <random>

namespace polymq::sqs {
namespace {

bool has_hyphen_before(int digit) {
  return digit == 8 || digit == 12 || digit == 16 || digit == 20;
}

}  // namespace

Uuid random_uuid() {
  thread_local std::mt19937_64 random{(std::uint64_t{std::random_device()()} << 32) |
                                      std::random_device()()};
  constexpr std::uint64_t kVersion = 0x4000;
  constexpr std::uint64_t kVariant = std::uint64_t{1} << 63;
  return to_uuid({(random() & ~std::uint64_t{0xF000}) | kVersion,
                  (random() & ~(std::uint64_t{3} << 62)) | kVariant});
}

Uuid to_uuid(const engine::MessageId& id) {
  constexpr char kDigits[] = "0123456789abcdef";
  Uuid text;
  char* to = text.data();
  const auto put = [&](std::uint64_t half, int first_octet, int octets) {
    for (int octet = first_octet; octet < first_octet + octets; ++octet) {
      const std::uint64_t value = half >> (56 - 8 * octet);
      *to++ = kDigits[value >> 4 & 15];
      *to++ = kDigits[value & 15];
    }
  };
  put(id.high, 0, 4);
  *to++ = '-';
  put(id.high, 4, 2);
  *to++ = '-';
  put(id.high, 6, 2);
  *to++ = '-';
  put(id.low, 0, 2);
  *to++ = '-';
  put(id.low, 2, 6);
  return text;
}

engine::MessageId to_message_id(std::string_view uuid) {
  engine::MessageId id;
  std::size_t at = 0;
  for (int digit = 0; digit < 32; ++digit) {
    if (has_hyphen_before(digit)) ++at;
    const char c = uuid[at++];
    std::uint64_t& half = digit < 16 ? id.high : id.low;
    half = half << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return id;
}

Uuid uuid_of_place(engine::QueueId queue, engine::Position position) {
  constexpr std::uint64_t kVersion = 0x4000;
  constexpr std::uint64_t kVariant = std::uint64_t{8} << 60;
  const std::uint64_t high =
      (queue & 0xffffffff) << 32 | (queue >> 32 & 0xffff) << 16 | kVersion | (queue >> 48 & 0xfff);
  const std::uint64_t low = kVariant | (position >> 48 & 0xfff) << 48 | (position & 0xffffffffffff);
  return to_uuid({high, low});
}

}  // namespace polymq::sqs
