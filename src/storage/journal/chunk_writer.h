// Collects what one lane adds, as a chunk: its records, and the bodies they speak of.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "storage/journal/layout.h"
#include "storage/journal/record.h"
#include "storage/message_store.h"

namespace polymq::storage::journal {

/// Shard: the one that serves the lane, until the finished bytes are handed over.
class ChunkWriter {
 public:
  /// Only the data: for messages of other chunks, which follow in the same commit.
  DataPlace data(const MessageRecord& message);
  /// Returns where its record begins in the index.
  std::uint32_t message(const MessageRecord& message);
  /// The same; its data is in the chunk `in`, where that said.
  std::uint32_t shared_message(const MessageRecord& message, const DataPlace& data,
                               const ChunkName& in);
  /// Grows the range before it when it follows on.
  void settled(const Settled& range);
  void removed(const Removed& queue);
  void returned(const Returned& message);
  /// The same of those before it.
  void lent(const Lent& messages);
  void handed_out(const HandedOut& mark);

  bool empty() const { return index_.empty(); }
  /// Of the chunk as it stands, in bytes. Must stay below 4 GiB: offsets have 32 bits.
  std::size_t size() const { return kChunkHeader + index_.size() + bodies_.size(); }

  /// Appends the chunk to `out` and starts the next one. `number`: counts up by one in each lane.
  void finish(std::uint16_t lane, std::uint64_t number, Buffer& out);

 private:
  void begin(RecordType type, std::uint64_t queue);
  std::uint32_t entry(RecordType type, const MessageRecord& message, const DataPlace& data);
  void finish_entry(std::uint32_t index_offset, const DataPlace& data);

  Buffer index_;
  Buffer bodies_;
  std::uint64_t queue_ = 0;  // that the records at the end are about; 0: none yet
  Record last_ = Removed{};  // the one before, if it can grow
};

}  // namespace polymq::storage::journal
