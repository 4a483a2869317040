// Finding messages by their index entries, and checking them.
#include "storage/journal/read_back.h"

#include "storage/journal/chunk_reader.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

std::string place(const ReadPart& part) {
  return segment_name(part.segment) + ", chunk at " + std::to_string(part.offset) + ": ";
}

Result<void> try_read(const File& file, std::uint64_t queue, const ReadPart& part,
                      ReadMessages& to) {
  std::string head(kChunkHeader, '\0');
  if (auto read = file.read(part.offset, head.data(), head.size()); !read) {
    return fail(read.error().text);
  }
  const auto header = read_chunk_header(head);
  if (!header) return fail(header.error().text);
  std::string index(part.count * kMessageRecord, '\0');
  if (part.index_offset + index.size() > header->index_size) return fail("its index is too short");
  if (auto read =
          file.read(part.offset + kChunkHeader + part.index_offset, index.data(), index.size());
      !read) {
    return fail(read.error().text);
  }
  std::vector<MessageEntry> entries;
  IndexReader reader(index, queue);
  for (Record record; reader.next(record);) {
    const auto* entry = std::get_if<MessageEntry>(&record);
    if (entry == nullptr || entry->position != part.first + entries.size() ||
        (!entries.empty() && entry->data_offset < entries.back().data_offset)) {
      return fail("its index is wrong");
    }
    entries.push_back(*entry);
  }
  if (entries.size() != part.count) return fail("its index is wrong");
  const std::uint32_t from = entries.front().data_offset;
  const std::uint64_t end = std::uint64_t{entries.back().data_offset} + entries.back().data_size;
  if (end > header->bodies_size) return fail("its index is wrong");
  std::string data(end - from, '\0');
  if (auto read = file.read(part.offset + kChunkHeader + header->index_size + from, data.data(),
                            data.size());
      !read) {
    return fail(read.error().text);
  }
  to.bytes.push_back(std::make_unique<std::string>(std::move(data)));
  for (MessageEntry& entry : entries) {
    entry.data_offset -= from;
    auto message = read_message(entry, *to.bytes.back());
    if (message) {
      to.messages.push_back(*message);
    } else {
      to.damages.push_back({entry.position, entry.position, place(part) + message.error().text});
    }
  }
  return {};
}

}  // namespace

void read_part(const File& file, std::uint64_t queue, const ReadPart& part, ReadMessages& to) {
  if (const auto done = try_read(file, queue, part, to); !done) {
    to.damages.push_back(
        {part.first, part.first + part.count - 1, place(part) + done.error().text});
  }
}

}  // namespace polymq::storage::journal
