// Arbitrary bytes as a chunk of the journal, and as the index of one: nothing is read outside of
// them, and what is accepted is written back the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "check.h"
#include "storage/journal/chunk_reader.h"
#include "storage/journal/chunk_writer.h"

using namespace polymq;
using namespace polymq::storage;
using namespace polymq::storage::journal;

namespace {

/// Writes what an index says again, as far as its bodies can be read.
struct Copier {
  std::string_view bodies;
  ChunkWriter writer = {};
  void operator()(const MessageEntry& entry) {
    const auto message = read_message(entry, bodies);
    if (!message) return;
    if (entry.shared) {
      // Of another chunk, whose bodies are taken to be the same.
      writer.shared_message(*message, writer.data(*message), *entry.shared);
    } else {
      writer.message(*message);
    }
  }
  void operator()(const Settled& range) { writer.settled(range); }
  void operator()(const Removed& queue) { writer.removed(queue); }
  void operator()(const Returned& message) { writer.returned(message); }
  void operator()(const Lent& messages) { writer.lent(messages); }
  void operator()(const HandedOut& mark) { writer.handed_out(mark); }
};

/// A chunk with the same records; those of an index without an error can be read again.
std::string copy(std::string_view index, std::string_view bodies) {
  Copier copier{bodies};
  IndexReader reader(index);
  for (Record record; reader.next(record);) std::visit(copier, record);
  Buffer out;
  copier.writer.finish(1, 1, out);
  return std::string(out.view());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto chunk = read_chunk(bytes)) FUZZ_CHECK(chunk->size() <= size);
  // Checksums keep a fuzzer out: the index is tried without them, too.
  const std::string_view index = bytes.substr(0, size / 2);
  const std::string once = copy(index, bytes.substr(size / 2));
  const auto chunk = read_chunk(once);
  FUZZ_CHECK(chunk.has_value());
  FUZZ_CHECK(copy(chunk->index, chunk->bodies) == once);
  return 0;
}
