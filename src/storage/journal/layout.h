// The numbers of the journal's format that writing and reading share (docs/journal-format.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "storage/message_store.h"

namespace polymq::storage::journal {

/// Commits begin at multiples of it: no two share a disk block.
inline constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t whole_blocks(std::uint64_t size) {
  return (size + kBlock - 1) / kBlock * kBlock;
}

inline constexpr std::uint32_t kChunkMagic = 0x504D514B;  // "PMQK"
inline constexpr std::size_t kChunkHeader = 32;
/// The header's own checksum is its last four bytes.
inline constexpr std::size_t kChunkHeaderChecked = kChunkHeader - sizeof(std::uint32_t);

enum class RecordType : std::uint8_t {
  kQueue = 1,
  kMessageOfFormat1 = 2,  // is read, and not written any more: so is that of shared data
  kSettled = 3,
  kRemoved = 4,
  kReturned = 5,
  kHandedOut = 6,
  kSharedMessageOfFormat1 = 7,
  kMessage = 8,
  kSharedMessage = 9,
  kLent = 10,
};

/// Bytes of a record's content, which its second byte repeats.
constexpr std::uint8_t content_size(RecordType type) {
  switch (type) {
    case RecordType::kQueue:
    case RecordType::kHandedOut:
      return 8;
    case RecordType::kMessageOfFormat1:
    case RecordType::kMessage:
      return 39;
    case RecordType::kSettled:
      return 16;
    case RecordType::kRemoved:
      return 0;
    case RecordType::kReturned:
      return 12;
    case RecordType::kSharedMessageOfFormat1:
    case RecordType::kSharedMessage:
      return content_size(RecordType::kMessage) + sizeof(Lane) + sizeof(std::uint64_t);
    case RecordType::kLent:
      return 46;
  }
  return 0;
}

/// A chunk that is that large takes no more: its offsets have 32 bits.
inline constexpr std::size_t kMostPerChunk = 256 * 1024 * 1024;

/// Type and size of the content.
inline constexpr std::size_t kRecordHeader = 2;
/// A message's record as a whole: those that follow each other are this far apart.
inline constexpr std::size_t kMessageRecord = kRecordHeader + content_size(RecordType::kMessage);
inline constexpr std::size_t kSharedRecord =
    kRecordHeader + content_size(RecordType::kSharedMessage);
constexpr std::size_t record_size(bool shared) { return shared ? kSharedRecord : kMessageRecord; }

inline constexpr std::uint8_t kHasPriority = 1;
inline constexpr std::uint8_t kWasDelivered = 2;
inline constexpr std::uint8_t kHasTimeToLive = 4;
inline constexpr std::uint8_t kHasExtension = 8;
inline constexpr std::uint8_t kMessageFlags =
    kHasPriority | kWasDelivered | kHasTimeToLive | kHasExtension;

}  // namespace polymq::storage::journal
