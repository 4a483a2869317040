// Arbitrary bytes as a segment's index, and as what chunks say that one is made of: nothing is read
// outside of them, and what is accepted is written back the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "check.h"
#include "storage/journal/checksum.h"
#include "storage/journal/segment_index.h"

using namespace polymq;
using namespace polymq::storage::journal;

namespace {

const SegmentHeader kHeader{7, 2, 64 * 1024, {11, 12}};
constexpr std::size_t kHead = 68;
constexpr std::size_t kCountsAt = 48;
constexpr std::size_t kChunkEntry = 36;
constexpr std::size_t kStretchEntry = 52;
constexpr std::size_t kRunEntry = 6;

void put_u32(std::string& bytes, std::size_t at, std::size_t value) {
  store_big_endian(bytes.data() + at, static_cast<std::uint32_t>(value));
}

/// `table` with a head and an end that fit it: checksums keep a fuzzer out.
std::string with_checksums(std::size_t chunks, std::size_t stretches, std::string_view table) {
  const std::size_t entries = chunks * kChunkEntry + stretches * kStretchEntry;
  const std::size_t runs = (table.size() - std::min(table.size(), entries)) / kRunEntry;
  table = table.substr(0, entries + runs * kRunEntry);
  const std::string empty = encode(SegmentIndex{}, kHeader);
  std::string bytes = empty.substr(0, kHead).append(table).append(empty.substr(kHead));
  put_u32(bytes, kCountsAt, chunks);
  put_u32(bytes, kCountsAt + 4, stretches);
  put_u32(bytes, kCountsAt + 8, runs);
  put_u32(bytes, kCountsAt + 12, crc32c(table));
  put_u32(bytes, kCountsAt + 16, crc32c(std::string_view(bytes).substr(0, kCountsAt + 16)));
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)decode_segment_index(bytes, kHeader);
  if (size > 2) {
    const std::string whole = with_checksums(data[0], data[1], bytes.substr(2));
    if (const auto index = decode_segment_index(whole, kHeader)) {
      FUZZ_CHECK(encode(*index, kHeader) == whole);
    }
  }
  SegmentIndexer indexer;
  (void)indexer.add({.lane = 1, .number = 2, .offset = 4096, .size = 64, .index = {}});  // data
  (void)indexer.add({.lane = 1,
                     .number = 3,
                     .offset = 4160,
                     .size = 100,
                     .index = std::string(bytes.substr(0, size / 2))});
  (void)indexer.add({.lane = 1,
                     .number = 4,
                     .offset = 8256,
                     .size = 100,
                     .index = std::string(bytes.substr(size / 2))});
  const SegmentIndex index = indexer.finish(5);
  const auto again = decode_segment_index(encode(index, kHeader), kHeader);
  FUZZ_CHECK(again.has_value() && *again == index);
  return 0;
}
