// Finding messages by their index entries, and checking them.
#include "storage/journal/read_back.h"

#include <span>

#include "storage/journal/chunk_reader.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

// What lies between two messages is read, too, if it is no more than that.
constexpr std::uint32_t kMostBetween = 4096;

std::string place(const ReadPart& part) {
  return segment_name(part.segment) + ", chunk at " + std::to_string(part.offset) + ": ";
}

Result<std::string> bytes_at(const File& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  if (auto read = file.read(offset, bytes.data(), size); !read) return fail(read.error().text);
  return bytes;
}

Result<ChunkHeader> header_at(const File& file, std::uint64_t offset) {
  return bytes_at(file, offset, kChunkHeader).and_then(read_chunk_header);
}

Result<std::vector<MessageEntry>> read_entries(const File& file, std::uint64_t queue,
                                               const ReadPart& part, const ChunkHeader& header) {
  const std::size_t size = part.count * record_size(part.shared);
  if (part.index_offset + size > header.index_size) return fail("its index is too short");
  const auto index = bytes_at(file, part.offset + kChunkHeader + part.index_offset, size);
  if (!index) return tl::make_unexpected(index.error());
  std::vector<MessageEntry> entries;
  IndexReader reader(*index, queue);
  for (Record record; reader.next(record);) {
    const auto* entry = std::get_if<MessageEntry>(&record);
    if (entry == nullptr || entry->position != part.first + entries.size() ||
        entry->shared.has_value() != part.shared) {
      return fail("its index is wrong");
    }
    entries.push_back(*entry);
  }
  if (entries.size() != part.count) return fail("its index is wrong");
  return entries;
}

/// How many from the first one on are read at once.
std::size_t run_of(std::span<const MessageEntry> entries) {
  std::size_t run = 1;
  for (; run < entries.size(); ++run) {
    const std::uint32_t end = entries[run - 1].data_offset + entries[run - 1].data_size;
    const std::uint32_t next = entries[run].data_offset;
    if (next < end || next - end > kMostBetween) break;
  }
  return run;
}

/// Their data lies in order in bodies that begin at `bodies`.
void read_run(const File& file, std::uint64_t bodies, std::span<MessageEntry> run,
              const ReadPart& part, ReadMessages& to) {
  const std::uint32_t from = run.front().data_offset;
  const std::uint32_t end = run.back().data_offset + run.back().data_size;
  auto data = bytes_at(file, bodies + from, end - from);
  if (!data) {
    to.damages.push_back(
        {run.front().position, run.back().position, place(part) + data.error().text});
    return;
  }
  to.bytes.push_back(std::make_unique<std::string>(*std::move(data)));
  for (MessageEntry& entry : run) {
    entry.data_offset -= from;
    auto message = read_message(entry, *to.bytes.back());
    if (message) {
      to.messages.push_back(*message);
    } else {
      to.damages.push_back({entry.position, entry.position, place(part) + message.error().text});
    }
  }
}

Result<void> try_read(const File& file, std::uint64_t queue, const ReadPart& part,
                      ReadMessages& to) {
  auto header = header_at(file, part.offset);
  if (!header) return tl::make_unexpected(header.error());
  auto entries = read_entries(file, queue, part, *header);
  if (!entries) return tl::make_unexpected(entries.error());
  std::uint64_t offset = part.offset;
  if (part.shared) {
    offset = part.shared_offset;
    if (offset == 0) return fail("the chunk with its data is lost");
    header = header_at(file, offset);
    if (!header) return fail("with its data: " + header.error().text);
  }
  for (const MessageEntry& entry : *entries) {
    const bool within = entry.data_size <= header->bodies_size &&
                        entry.data_offset <= header->bodies_size - entry.data_size;
    const bool there = !part.shared || entry.shared == ChunkName{header->lane, header->number};
    if (!within || !there) return fail("its index is wrong");
  }
  const std::uint64_t bodies = offset + kChunkHeader + header->index_size;
  for (std::span<MessageEntry> rest = *entries; !rest.empty();) {
    const std::size_t run = run_of(rest);
    read_run(file, bodies, rest.first(run), part, to);
    rest = rest.subspan(run);
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
