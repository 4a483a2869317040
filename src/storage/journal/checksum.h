// CRC32C, the checksum of everything that is read back from disk.
#pragma once

#include <cstdint>
#include <string_view>

namespace polymq::storage::journal {

/// Of `bytes`, going on from `before`: crc32c(ab) == crc32c(b, crc32c(a)). Uses the processor's
/// instruction where it has one.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

/// Of what a message's record says, and of which queue. The record keeps it in one number with its
/// data's, so that both are checked when one message is read, without the rest of its chunk.
std::uint32_t entry_checksum(std::uint64_t queue, std::string_view content);

/// The same without that instruction, for processors that lack it.
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before = 0);

}  // namespace polymq::storage::journal
