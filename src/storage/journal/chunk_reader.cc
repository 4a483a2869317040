// Decoding and checking of chunks, records and message data.
#include "storage/journal/chunk_reader.h"

#include "storage/journal/checksum.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {

std::size_t Chunk::size() const { return kChunkHeader + index.size() + bodies.size(); }

Result<ChunkHeader> read_chunk_header(std::string_view bytes) {
  if (bytes.size() < kChunkHeader) return fail("the chunk's header is cut off");
  ByteReader reader(bytes.substr(0, kChunkHeader));
  if (reader.u32() != kChunkMagic) return fail("there is no chunk");
  ChunkHeader header;
  header.lane = reader.u16();
  const std::uint16_t reserved = reader.u16();
  header.number = reader.u64();
  header.index_size = reader.u32();
  header.index_checksum = reader.u32();
  header.bodies_size = reader.u32();
  if (reader.u32() != crc32c(bytes.substr(0, kChunkHeaderChecked))) {
    return fail("the chunk's header has a wrong checksum");
  }
  if (reserved != 0 || header.lane >= kLanes) return fail("the chunk is of another version");
  return header;
}

Result<Chunk> read_chunk(std::string_view bytes) {
  const auto header = read_chunk_header(bytes);
  if (!header) return tl::make_unexpected(header.error());
  const std::size_t index_size = header->index_size;
  if (bytes.size() - kChunkHeader < index_size + header->bodies_size) {
    return fail("the chunk is cut off");
  }
  Chunk chunk{header->lane, header->number, bytes.substr(kChunkHeader, index_size),
              bytes.substr(kChunkHeader + index_size, header->bodies_size)};
  if (crc32c(chunk.index) != header->index_checksum) {
    return fail("the chunk's index has a wrong checksum");
  }
  return chunk;
}

bool IndexReader::refuse(std::string why) {
  error_ = std::move(why);
  return false;
}

bool IndexReader::next(Record& record) {
  while (error_.empty() && bytes_.left() != 0) {
    const auto type = static_cast<RecordType>(bytes_.u8());
    const std::size_t size = bytes_.u8();
    if (type < RecordType::kQueue || type > RecordType::kLent) {
      return refuse("a record of unknown type " + std::to_string(static_cast<unsigned>(type)));
    }
    if (size != content_size(type) || size > bytes_.left()) {
      return refuse("a record of a wrong size");
    }
    if (type == RecordType::kQueue) {
      queue_ = bytes_.u64();
      continue;
    }
    if (queue_ == 0) return refuse("a record of no queue");
    switch (type) {
      case RecordType::kQueue:
        break;
      case RecordType::kMessageOfFormat1:
      case RecordType::kMessage:
      case RecordType::kSharedMessageOfFormat1:
      case RecordType::kSharedMessage:
        return read_message_entry(record, type);
      case RecordType::kSettled: {
        const std::uint64_t first = bytes_.u64();
        const std::uint64_t last = bytes_.u64();
        if (first > last) return refuse("a range that ends before it begins");
        record = Settled{queue_, first, last};
        return true;
      }
      case RecordType::kRemoved:
        record = Removed{queue_};
        return true;
      case RecordType::kReturned: {
        const std::uint64_t position = bytes_.u64();
        const std::uint16_t acquired = bytes_.u16();
        record = Returned{queue_, position, acquired, bytes_.u16()};
        return true;
      }
      case RecordType::kHandedOut:
        record = HandedOut{queue_, bytes_.u64()};
        return true;
      case RecordType::kLent:
        return read_lent(record);
    }
  }
  return false;
}

bool IndexReader::read_message_entry(Record& record, RecordType type) {
  const bool former =
      type == RecordType::kMessageOfFormat1 || type == RecordType::kSharedMessageOfFormat1;
  MessageEntry entry{.queue = queue_};
  const std::string_view content = bytes_.rest();
  const std::uint8_t flags = bytes_.u8();
  if ((flags & ~kMessageFlags) != 0) return refuse("a message with unknown flags");
  entry.delivered = (flags & kWasDelivered) != 0;
  entry.has_ttl = (flags & kHasTimeToLive) != 0;
  entry.has_extension = (flags & kHasExtension) != 0;
  entry.dialect = bytes_.u8();
  const std::uint8_t priority = bytes_.u8();
  if ((flags & kHasPriority) != 0) entry.priority = priority;
  entry.position = bytes_.u64();
  if (entry.position >= kLastPosition) return refuse("a message without a position");
  entry.entered = static_cast<WallMs>(bytes_.u64());
  entry.data_offset = bytes_.u32();
  entry.data_size = bytes_.u32();
  if (former) entry.data_checksum = bytes_.u32();
  entry.body_size = bytes_.u32();
  entry.acquired = bytes_.u16();
  entry.failed = bytes_.u16();
  if (type == RecordType::kSharedMessage || type == RecordType::kSharedMessageOfFormat1) {
    entry.shared = ChunkName{bytes_.u16(), bytes_.u64()};
    if (entry.shared->lane >= kLanes || entry.shared->number == 0) {
      return refuse("a message with its data in no chunk");
    }
  }
  const std::size_t described = content.size() - bytes_.left();
  if (!former)
    entry.data_checksum = bytes_.u32() ^ entry_checksum(queue_, content.substr(0, described));
  record = entry;
  return true;
}

bool IndexReader::read_lent(Record& record) {
  Lent lent{.queue = queue_};
  lent.first = bytes_.u64();
  lent.count = bytes_.u16();
  lent.acquired = bytes_.u16();
  lent.failed = bytes_.u16();
  lent.lease.first = static_cast<WallMs>(bytes_.u64());
  lent.lease.begun = static_cast<WallMs>(bytes_.u64());
  lent.lease.deadline = static_cast<WallMs>(bytes_.u64());
  lent.lease.life = bytes_.u64();
  if (lent.count == 0 || lent.count > Lent::kMost || lent.first > kLastPosition - lent.count) {
    return refuse("leases of no messages");
  }
  record = lent;
  return true;
}

Result<MessageRecord> read_message(const MessageEntry& entry, std::string_view bodies) {
  if (entry.data_offset > bodies.size() || entry.data_size > bodies.size() - entry.data_offset) {
    return fail("the message's data is not within the chunk");
  }
  const std::string_view data = bodies.substr(entry.data_offset, entry.data_size);
  if (crc32c(data) != entry.data_checksum) return fail("the message has a wrong checksum");
  MessageRecord message{.queue = entry.queue,
                        .position = entry.position,
                        .enqueued = entry.entered,
                        .dialect = entry.dialect,
                        .priority = entry.priority,
                        .acquired = entry.acquired,
                        .failed = entry.failed,
                        .delivered = entry.delivered};
  ByteReader reader(data);
  message.exchange = reader.short_string();
  message.routing_key = reader.short_string();
  if (entry.has_ttl) message.ttl_ms = static_cast<std::int64_t>(reader.u64());
  if (entry.has_extension) message.extension = reader.long_string();
  message.properties = reader.long_string();
  if (!reader.ok() || message.ttl_ms < (entry.has_ttl ? 0 : -1)) {
    return fail("the message cannot be decoded");
  }
  message.body = reader.rest();
  if (message.body.size() != entry.body_size) return fail("the message has a wrong size");
  return message;
}

}  // namespace polymq::storage::journal
