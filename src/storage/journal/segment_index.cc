// Gathering, encoding and checking of segments' indexes.
#include "storage/journal/segment_index.h"

#include <algorithm>

#include "base/bytes.h"
#include "storage/journal/checksum.h"
#include "storage/journal/chunk_reader.h"
#include "storage/journal/chunk_writer.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

constexpr std::uint64_t kMagic = 0x504D'5149'4458'0002;  // "PMQIDX" and the version
constexpr std::size_t kHeader = 68;
constexpr std::size_t kChunkEntry = 36;
constexpr std::size_t kStretchEntry = 52;
constexpr std::size_t kRunEntry = 6;
constexpr std::uint32_t kShared = 1;  // of a stretch's flags

bool by_place(const Settled& a, const Settled& b) {
  return std::pair(a.queue, a.first) < std::pair(b.queue, b.first);
}

/// Grows one that it follows, as a chunk's reader meets them.
void add_stretch(std::vector<Stretch>& stretches, const MessageEntry& entry,
                 std::uint32_t index_offset) {
  const bool goes_on = !stretches.empty() && stretches.back().queue == entry.queue &&
                       stretches.back().last() + 1 == entry.position &&
                       stretches.back().shared == entry.shared.has_value() &&
                       stretches.back().index_end() == index_offset;
  if (!goes_on) {
    stretches.push_back({.queue = entry.queue,
                         .first = entry.position,
                         .index_offset = index_offset,
                         .shared = entry.shared.has_value()});
  }
  stretches.back().add(entry);
}

}  // namespace

void Stretch::add(const MessageEntry& entry) {
  ++count;
  body_bytes += entry.body_size;
  data_bytes += entry.data_size;
  if (entry.has_ttl) ++with_ttl;
  append_run(priorities, {1, entry.priority});
}

// --- gathering ----------------------------------------------------------------------------------
Result<void> SegmentIndexer::add(const FoundChunk& chunk) {
  IndexedChunk& indexed = index_.chunks.emplace_back(
      IndexedChunk{chunk.lane, chunk.number, chunk.offset, chunk.size, 0, {}});
  if (chunk.index.empty()) {
    shared_ = {chunk.lane, chunk.number};
    shared_offset_ = chunk.offset;
  }
  IndexReader reader(chunk.index);
  for (Record record; reader.next(record);) {
    if (const auto* entry = std::get_if<MessageEntry>(&record)) {
      const std::size_t size = record_size(entry->shared.has_value());
      const auto offset = static_cast<std::uint32_t>(reader.offset() - size);
      if (entry->shared == shared_) indexed.shared_offset = shared_offset_;
      add_stretch(indexed.stretches, *entry, offset);
    } else if (const auto* settled = std::get_if<Settled>(&record)) {
      others_[settled->queue].settled.push_back(*settled);
    } else if (const auto* returned = std::get_if<Returned>(&record)) {
      others_[returned->queue].words[returned->position] = *returned;
    } else if (const auto* lent = std::get_if<Lent>(&record)) {
      Lent one = *lent;
      one.count = 1;
      for (; one.first <= lent->last(); ++one.first) others_[lent->queue].words[one.first] = one;
    } else if (const auto* mark = std::get_if<HandedOut>(&record)) {
      std::uint64_t& below = others_[mark->queue].handed_out;
      below = std::max(below, mark->below);
    }
  }
  if (!reader.error().empty()) return fail(reader.error());
  return {};
}

// What touches becomes one: acks that came one by one are mostly a few long ranges.
void SegmentIndexer::merge_settled() {
  std::vector<Settled>& all = index_.settled;
  std::sort(all.begin(), all.end(), by_place);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].queue == all[kept].queue && all[i].first <= all[kept].last + 1) {
      all[kept].last = std::max(all[kept].last, all[i].last);
    } else {
      all[++kept] = all[i];
    }
  }
  if (!all.empty()) all.resize(kept + 1);
}

/// Of what was merged.
bool SegmentIndexer::settles(std::uint64_t queue, std::uint64_t position) const {
  const std::vector<Settled>& all = index_.settled;
  const auto behind =
      std::upper_bound(all.begin(), all.end(), Settled{queue, position, 0}, by_place);
  if (behind == all.begin()) return false;
  const Settled& before = *(behind - 1);
  return before.queue == queue && before.last >= position;
}

// Most leases are over before their segment is: nothing is said of those.
void SegmentIndexer::finish_words() {
  std::vector<Lent> lent;
  for (auto& [queue, others] : others_) {
    for (const auto& [position, word] : others.words) {
      if (settles(queue, position)) continue;
      if (const auto* returned = std::get_if<Returned>(&word)) {
        index_.returned.push_back(*returned);
      } else {
        lent.push_back(std::get<Lent>(word));
      }
    }
    others.words = {};
  }
  std::sort(index_.returned.begin(), index_.returned.end(),
            [](const Returned& a, const Returned& b) {
              return std::pair(a.queue, a.position) < std::pair(b.queue, b.position);
            });
  std::sort(lent.begin(), lent.end(), [](const Lent& a, const Lent& b) {
    return std::pair(a.queue, a.first) < std::pair(b.queue, b.first);
  });
  for (const Lent& one : lent) {
    if (index_.lent.empty() || !index_.lent.back().grow(one)) index_.lent.push_back(one);
  }
}

SegmentIndex SegmentIndexer::finish(std::uint64_t last_commit) {
  index_.last_commit = last_commit;
  for (auto& [queue, others] : others_) {
    index_.settled.insert(index_.settled.end(), others.settled.begin(), others.settled.end());
    others.settled = {};
    if (others.handed_out != 0) index_.handed_out.push_back({queue, others.handed_out});
  }
  merge_settled();
  finish_words();
  std::sort(index_.handed_out.begin(), index_.handed_out.end(),
            [](const HandedOut& a, const HandedOut& b) { return a.queue < b.queue; });
  return std::move(index_);
}

// --- encoding -----------------------------------------------------------------------------------
namespace {

void encode_runs(const std::vector<PriorityRun>& runs, Buffer& to) {
  for (const PriorityRun& run : runs) {
    to.u32(run.count);
    to.u8(run.priority ? 1 : 0);
    to.u8(run.priority.value_or(0));
  }
}

/// As many as it has places for; false: they are not those of all its messages.
bool decode_runs(ByteReader& reader, Stretch& stretch) {
  std::uint64_t messages = 0;
  for (PriorityRun& run : stretch.priorities) {
    run.count = reader.u32();
    const bool has_one = reader.u8() != 0;
    const std::uint8_t priority = reader.u8();
    if (has_one) run.priority = priority;
    messages += run.count;
  }
  return messages == stretch.count;
}

bool decode_stretches(ByteReader& reader, std::uint64_t runs, SegmentIndex& index) {
  std::uint64_t told = 0;
  for (IndexedChunk& chunk : index.chunks) {
    for (Stretch& stretch : chunk.stretches) {
      stretch.queue = reader.u64();
      stretch.first = reader.u64();
      stretch.count = reader.u32();
      stretch.index_offset = reader.u32();
      stretch.body_bytes = reader.u64();
      stretch.data_bytes = reader.u64();
      stretch.with_ttl = reader.u32();
      const std::uint32_t flags = reader.u32();
      stretch.shared = flags == kShared;
      const std::uint32_t count = reader.u32();
      told += count;
      if (flags > kShared || stretch.count == 0 || stretch.first > kLastPosition - stretch.count ||
          told > runs) {
        return false;
      }
      stretch.priorities.resize(count);
    }
  }
  if (told != runs) return false;
  for (IndexedChunk& chunk : index.chunks) {
    for (Stretch& stretch : chunk.stretches) {
      if (!decode_runs(reader, stretch)) return false;
    }
  }
  return true;
}

}  // namespace

std::string encode(const SegmentIndex& index, const SegmentHeader& of) {
  Buffer table;
  std::uint32_t stretches = 0;
  std::uint32_t runs = 0;
  for (const IndexedChunk& chunk : index.chunks) {
    table.u16(chunk.lane);
    table.u16(0);
    table.u64(chunk.number);
    table.u64(chunk.offset);
    table.u32(chunk.size);
    table.u64(chunk.shared_offset);
    table.u32(static_cast<std::uint32_t>(chunk.stretches.size()));
    stretches += static_cast<std::uint32_t>(chunk.stretches.size());
  }
  for (const IndexedChunk& chunk : index.chunks) {
    for (const Stretch& stretch : chunk.stretches) {
      table.u64(stretch.queue);
      table.u64(stretch.first);
      table.u32(stretch.count);
      table.u32(stretch.index_offset);
      table.u64(stretch.body_bytes);
      table.u64(stretch.data_bytes);
      table.u32(stretch.with_ttl);
      table.u32(stretch.shared ? kShared : 0);
      table.u32(static_cast<std::uint32_t>(stretch.priorities.size()));
      runs += static_cast<std::uint32_t>(stretch.priorities.size());
    }
  }
  for (const IndexedChunk& chunk : index.chunks) {
    for (const Stretch& stretch : chunk.stretches) encode_runs(stretch.priorities, table);
  }
  Buffer out;
  out.u64(kMagic);
  out.u64(of.number);
  out.u64(of.generation);
  for (const std::uint64_t half : of.journal) out.u64(half);
  out.u64(index.last_commit);
  out.u32(static_cast<std::uint32_t>(index.chunks.size()));
  out.u32(stretches);
  out.u32(runs);
  out.u32(crc32c(table.view()));
  out.u32(crc32c(out.view()));
  out.append(table.view());
  ChunkWriter others;
  for (const Settled& settled : index.settled) others.settled(settled);
  for (const Returned& returned : index.returned) others.returned(returned);
  for (const Lent& lent : index.lent) others.lent(lent);
  for (const HandedOut& mark : index.handed_out) others.handed_out(mark);
  others.finish(0, 0, out);
  return std::string(out.view());
}

Result<SegmentIndex> decode_segment_index(std::string_view bytes, const SegmentHeader& of) {
  ByteReader reader(bytes);
  if (reader.u64() != kMagic) return fail("there is no index of this version");
  SegmentHeader header{.number = reader.u64(), .generation = reader.u64(), .size = of.size};
  for (std::uint64_t& half : header.journal) half = reader.u64();
  SegmentIndex index;
  index.last_commit = reader.u64();
  const std::uint64_t chunks = reader.u32();
  const std::uint64_t stretches = reader.u32();
  const std::uint64_t runs = reader.u32();
  const std::uint32_t checksum = reader.u32();
  const std::uint32_t own = reader.u32();
  if (!reader.ok() || own != crc32c(bytes.substr(0, kHeader - sizeof own))) {
    return fail("the index's header has a wrong checksum");
  }
  if (header != of) return fail("the index is of another segment");
  const std::uint64_t table = chunks * kChunkEntry + stretches * kStretchEntry + runs * kRunEntry;
  if (table > reader.left() || crc32c(reader.rest().substr(0, table)) != checksum) {
    return fail("the index's table has a wrong checksum");
  }
  const auto others = read_chunk(reader.rest().substr(table));
  if (!others) return tl::make_unexpected(others.error());

  std::uint64_t told = 0;
  for (std::uint64_t i = 0; i < chunks; ++i) {
    IndexedChunk chunk;
    chunk.lane = reader.u16();
    const std::uint16_t reserved = reader.u16();
    chunk.number = reader.u64();
    chunk.offset = reader.u64();
    chunk.size = reader.u32();
    chunk.shared_offset = reader.u64();
    const std::uint32_t count = reader.u32();
    told += count;
    if (reserved != 0 || chunk.lane >= kLanes || told > stretches)
      return fail("the index is wrong");
    chunk.stretches.resize(count);
    index.chunks.push_back(std::move(chunk));
  }
  if (told != stretches) return fail("the index is wrong");
  if (!decode_stretches(reader, runs, index)) return fail("the index is wrong");
  IndexReader records(others->index);
  for (Record record; records.next(record);) {
    if (const auto* settled = std::get_if<Settled>(&record)) {
      index.settled.push_back(*settled);
    } else if (const auto* returned = std::get_if<Returned>(&record)) {
      index.returned.push_back(*returned);
    } else if (const auto* lent = std::get_if<Lent>(&record)) {
      index.lent.push_back(*lent);
    } else if (const auto* mark = std::get_if<HandedOut>(&record)) {
      index.handed_out.push_back(*mark);
    }
  }
  if (!records.error().empty()) return fail(records.error());
  return index;
}

// --- files --------------------------------------------------------------------------------------
std::optional<SegmentIndex> load_index(Files& files, const SegmentHeader& of) {
  const auto file = files.open(index_name(of.number));
  if (!file) return std::nullopt;
  const auto size = (*file)->size();
  if (!size) return std::nullopt;
  std::string bytes(*size, '\0');
  if (!(*file)->read(0, bytes.data(), bytes.size())) return std::nullopt;
  auto index = decode_segment_index(bytes, of);
  if (!index) return std::nullopt;
  return *std::move(index);
}

FileResult<void> store_index(Files& files, const SegmentIndex& index, const SegmentHeader& of) {
  const std::string name = index_name(of.number);
  (void)files.remove(name);  // mostly there is none
  auto file = files.create(name);
  if (!file) return tl::make_unexpected(file.error());
  const std::string bytes = encode(index, of);
  const std::string_view part = bytes;
  auto done = (*file)->write(0, {&part, 1});
  if (!done) (void)files.remove(name);
  return done;
}

FileResult<void> remove_indexes(Files& files, const std::set<SegmentNumber>& kept) {
  const auto names = files.list();
  if (!names) return tl::make_unexpected(names.error());
  for (const std::string& name : *names) {
    const auto number = segment_of_index_name(name);
    if (!number || kept.contains(*number)) continue;
    if (auto gone = files.remove(name); !gone) return gone;
  }
  return {};
}

}  // namespace polymq::storage::journal
