// Reads chunks back: from a disk that may lie, so that everything is checked.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "storage/journal/layout.h"
#include "storage/journal/record.h"
#include "storage/message_store.h"

namespace polymq::storage::journal {

/// Views into the bytes it was read from.
struct Chunk {
  std::uint16_t lane = 0;
  std::uint64_t number = 0;
  std::string_view index;
  std::string_view bodies;

  std::size_t size() const;
};

struct ChunkHeader {
  std::uint16_t lane = 0;
  std::uint64_t number = 0;
  std::uint32_t index_size = 0;
  std::uint32_t index_checksum = 0;
  std::uint32_t bodies_size = 0;
};

/// The header that `bytes` begin with. Error: what is wrong.
Result<ChunkHeader> read_chunk_header(std::string_view bytes);

/// The chunk that `bytes` begin with: header and index are whole. Its bodies are there, but not
/// checked: read_message() does that for each. Error: what is wrong.
Result<Chunk> read_chunk(std::string_view bytes);

/// Walks over the records of an index.
class IndexReader {
 public:
  /// `queue`: what records before any that names a queue are about; 0 when there are none.
  explicit IndexReader(std::string_view index, std::uint64_t queue = 0)
      : size_(index.size()), bytes_(index), queue_(queue) {}

  /// False at the end, and when something is wrong: then error() says what.
  bool next(Record& record);
  const std::string& error() const { return error_; }
  /// Where the next record begins; after next(), that is the end of the one it gave.
  std::size_t offset() const { return size_ - bytes_.left(); }

 private:
  bool refuse(std::string why);
  bool read_message_entry(Record& record, RecordType type);
  bool read_lent(Record& record);

  std::size_t size_;
  ByteReader bytes_;
  std::uint64_t queue_;
  std::string error_;
};

/// The message of `entry`, with views into `bodies` of the chunk that has its data. Error: what is
/// wrong with it.
Result<MessageRecord> read_message(const MessageEntry& entry, std::string_view bodies);

}  // namespace polymq::storage::journal
