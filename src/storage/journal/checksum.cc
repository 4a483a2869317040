// CRC32C (Castagnoli): the polynomial 0x1EDC6F41, here bit-reversed.
#include "storage/journal/checksum.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace polymq::storage::journal {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t octet = 0; octet < 256; ++octet) {
    std::uint32_t rest = octet;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? kPolynomial : 0);
    table[octet] = rest;
  }
  return table;
}
constexpr auto kTable = make_table();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::string_view bytes,
                                                               std::uint32_t before) {
  std::uint64_t rest = ~before;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= sizeof(std::uint64_t); left -= sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    rest = _mm_crc32_u64(rest, word);
    at += sizeof word;
  }
  auto narrow = static_cast<std::uint32_t>(rest);
  for (; left != 0; --left) narrow = _mm_crc32_u8(narrow, static_cast<unsigned char>(*at++));
  return ~narrow;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before) {
  std::uint32_t rest = ~before;
  for (const char c : bytes) {
    rest = (rest >> 8) ^ kTable[(rest ^ static_cast<unsigned char>(c)) & 0xFF];
  }
  return ~rest;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return by_instruction(bytes, before);
#endif
  return crc32c_by_table(bytes, before);
}

std::uint32_t entry_checksum(std::uint64_t queue, std::string_view content) {
  return crc32c(content, static_cast<std::uint32_t>(queue ^ queue >> 32));
}

}  // namespace polymq::storage::journal
