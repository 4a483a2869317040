// Encoding of records and message data.
#include "storage/journal/chunk_writer.h"

#include <cassert>

#include "storage/journal/checksum.h"

namespace polymq::storage::journal {

void ChunkWriter::begin(RecordType type, std::uint64_t queue) {
  last_ = Removed{};
  if (queue != queue_) {
    queue_ = queue;
    index_.u8(static_cast<std::uint8_t>(RecordType::kQueue));
    index_.u8(content_size(RecordType::kQueue));
    index_.u64(queue);
  }
  index_.u8(static_cast<std::uint8_t>(type));
  index_.u8(content_size(type));
}

DataPlace ChunkWriter::data(const MessageRecord& message) {
  const std::size_t offset = bodies_.size();
  bodies_.short_string(message.exchange);
  bodies_.short_string(message.routing_key);
  if (message.ttl_ms >= 0) bodies_.u64(static_cast<std::uint64_t>(message.ttl_ms));
  if (!message.extension.empty()) bodies_.long_string(message.extension);
  bodies_.long_string(message.properties);
  bodies_.append(message.body);
  const std::string_view data = bodies_.view().substr(offset);
  return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(data.size()),
          crc32c(data)};
}

std::uint32_t ChunkWriter::message(const MessageRecord& message) {
  const DataPlace place = data(message);
  const std::uint32_t index_offset = entry(RecordType::kMessage, message, place);
  finish_entry(index_offset, place);
  return index_offset;
}

std::uint32_t ChunkWriter::shared_message(const MessageRecord& message, const DataPlace& data,
                                          const ChunkName& in) {
  const std::uint32_t index_offset = entry(RecordType::kSharedMessage, message, data);
  index_.u16(in.lane);
  index_.u64(in.number);
  finish_entry(index_offset, data);
  return index_offset;
}

std::uint32_t ChunkWriter::entry(RecordType type, const MessageRecord& message,
                                 const DataPlace& data) {
  begin(type, message.queue);
  const auto index_offset = static_cast<std::uint32_t>(index_.size() - kRecordHeader);
  index_.u8(static_cast<std::uint8_t>((message.priority ? kHasPriority : 0) |
                                      (message.delivered ? kWasDelivered : 0) |
                                      (message.ttl_ms >= 0 ? kHasTimeToLive : 0) |
                                      (message.extension.empty() ? 0 : kHasExtension)));
  index_.u8(message.dialect);
  index_.u8(message.priority.value_or(0));
  index_.u64(message.position);
  index_.u64(static_cast<std::uint64_t>(message.enqueued));
  index_.u32(data.offset);
  index_.u32(data.size);
  index_.u32(static_cast<std::uint32_t>(message.body.size()));
  index_.u16(message.acquired);
  index_.u16(message.failed);
  return index_offset;
}

void ChunkWriter::finish_entry(std::uint32_t index_offset, const DataPlace& data) {
  const std::string_view content = index_.view().substr(index_offset + kRecordHeader);
  index_.u32(data.checksum ^ entry_checksum(queue_, content));
}

void ChunkWriter::settled(const Settled& range) {
  auto* const before = std::get_if<Settled>(&last_);
  if (before != nullptr && range.queue == before->queue && range.first != 0 &&
      range.first - 1 == before->last) {
    before->last = range.last;
    index_.truncate(index_.size() - sizeof range.last);
    return index_.u64(range.last);
  }
  begin(RecordType::kSettled, range.queue);
  index_.u64(range.first);
  index_.u64(range.last);
  last_ = range;
}

void ChunkWriter::removed(const Removed& queue) { begin(RecordType::kRemoved, queue.queue); }

void ChunkWriter::returned(const Returned& message) {
  begin(RecordType::kReturned, message.queue);
  index_.u64(message.position);
  index_.u16(message.acquired);
  index_.u16(message.failed);
}

void ChunkWriter::lent(const Lent& messages) {
  Lent all = messages;
  if (auto* const before = std::get_if<Lent>(&last_); before && before->grow(messages)) {
    all = *before;
    index_.truncate(index_.size() - content_size(RecordType::kLent));
  } else {
    begin(RecordType::kLent, messages.queue);
  }
  index_.u64(all.first);
  index_.u16(all.count);
  index_.u16(all.acquired);
  index_.u16(all.failed);
  index_.u64(static_cast<std::uint64_t>(all.lease.first));
  index_.u64(static_cast<std::uint64_t>(all.lease.begun));
  index_.u64(static_cast<std::uint64_t>(all.lease.deadline));
  index_.u64(all.lease.life);
  last_ = all;
}

void ChunkWriter::handed_out(const HandedOut& mark) {
  begin(RecordType::kHandedOut, mark.queue);
  index_.u64(mark.below);
}

void ChunkWriter::finish(std::uint16_t lane, std::uint64_t number, Buffer& out) {
  assert(size() <= UINT32_MAX);
  const std::size_t start = out.size();
  out.u32(kChunkMagic);
  out.u16(lane);
  out.u16(0);
  out.u64(number);
  out.u32(static_cast<std::uint32_t>(index_.size()));
  out.u32(crc32c(index_.view()));
  out.u32(static_cast<std::uint32_t>(bodies_.size()));
  out.u32(crc32c(out.view().substr(start, kChunkHeaderChecked)));
  out.append(index_.view());
  out.append(bodies_.view());
  index_.truncate(0);
  bodies_.truncate(0);
  queue_ = 0;
  last_ = Removed{};
}

}  // namespace polymq::storage::journal
