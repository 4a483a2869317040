// CRC32C, the checksum of everything that is read back from disk.
#pragma once

#include <cstdint>
#include <string_view>

namespace polymq::storage::journal {

/// Of `bytes`, going on from `before`: crc32c(ab) == crc32c(b, crc32c(a)). Uses the processor's
/// instruction where it has one.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

/// The same without that instruction, for processors that lack it.
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before = 0);

}  // namespace polymq::storage::journal
