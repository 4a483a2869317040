// Reads chunks back: from a disk that may lie, so that everything is checked.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
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

/// The chunk that `bytes` begin with: header and index are whole. Its bodies are there, but not
/// checked: read_message() does that for each. Error: what is wrong.
Result<Chunk> read_chunk(std::string_view bytes);

/// Walks over the records of an index.
class IndexReader {
 public:
  explicit IndexReader(std::string_view index) : bytes_(index) {}

  /// False at the end, and when something is wrong: then error() says what.
  bool next(Record& record);
  const std::string& error() const { return error_; }

 private:
  bool refuse(std::string why);
  bool read_message_entry(Record& record);

  ByteReader bytes_;
  std::uint64_t queue_ = 0;
  std::string error_;
};

/// The message of `entry`, with views into `bodies`, the chunk's. Error: what is wrong with it.
Result<MessageRecord> read_message(const MessageEntry& entry, std::string_view bodies);

}  // namespace polymq::storage::journal
