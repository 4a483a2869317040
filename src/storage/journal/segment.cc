// Encoding of the heads of segments and commits.
#include "storage/journal/segment.h"

#include <charconv>

#include "base/bytes.h"
#include "storage/journal/checksum.h"
#include "storage/journal/layout.h"

namespace polymq::storage::journal {
namespace {

constexpr std::string_view kSegmentMagic("PMQSEG\0\1", 8);
constexpr std::uint32_t kCommitMagic = 0x504D5143;  // "PMQC"
constexpr std::uint32_t kEndsSegment = 1;
constexpr std::string_view kSegmentSuffix = ".segment";
constexpr std::string_view kIndexSuffix = ".index";
constexpr std::size_t kDigits = 16;
constexpr int kHexadecimal = 16;

void append_zeros(Buffer& out, std::size_t count) {
  while (count-- != 0) out.u8(0);
}

std::string name_of(SegmentNumber number, std::string_view suffix) {
  std::string digits(kDigits, '0');
  std::array<char, kDigits> text;
  const auto end = std::to_chars(text.data(), text.data() + kDigits, number, kHexadecimal).ptr;
  const auto used = static_cast<std::size_t>(end - text.data());
  digits.replace(kDigits - used, used, text.data(), used);
  return digits.append(suffix);
}

std::optional<SegmentNumber> number_of(std::string_view name, std::string_view suffix) {
  if (name.size() != kDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  SegmentNumber number = 0;
  const char* end = name.data() + kDigits;
  const auto parsed = std::from_chars(name.data(), end, number, kHexadecimal);
  if (parsed.ec != std::errc{} || parsed.ptr != end || name_of(number, suffix) != name) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

std::uint32_t SegmentHeader::seed() const {
  Buffer bytes;
  bytes.u64(number);
  bytes.u64(generation);
  for (const std::uint64_t half : journal) bytes.u64(half);
  return crc32c(bytes.view());
}

std::string encode(const SegmentHeader& header) {
  Buffer out;
  out.append(kSegmentMagic);
  out.u64(header.number);
  out.u64(header.generation);
  out.u64(header.size);
  for (const std::uint64_t half : header.journal) out.u64(half);
  append_zeros(out, kSegmentHeader - sizeof(std::uint32_t) - out.size());
  out.u32(crc32c(out.view()));
  return std::string(out.view());
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeader) return fail("the segment's header is cut off");
  bytes = bytes.substr(0, kSegmentHeader);
  ByteReader reader(bytes);
  const std::string_view magic = reader.bytes(kSegmentMagic.size());
  if (magic.substr(0, kSegmentMagic.size() - 2) !=
      kSegmentMagic.substr(0, kSegmentMagic.size() - 2)) {
    return fail("it is no segment");
  }
  if (magic != kSegmentMagic) return fail("the segment is of another version");
  SegmentHeader header;
  header.number = reader.u64();
  header.generation = reader.u64();
  header.size = reader.u64();
  for (std::uint64_t& half : header.journal) half = reader.u64();
  const std::size_t checked = kSegmentHeader - sizeof(std::uint32_t);
  if (load_big_endian<std::uint32_t>(bytes.data() + checked) != crc32c(bytes.substr(0, checked))) {
    return fail("the segment's header has a wrong checksum");
  }
  return header;
}

std::uint64_t CommitHeader::blocks() const { return whole_blocks(kCommitHeader + size); }

std::string encode(const CommitHeader& header, std::uint32_t seed) {
  Buffer out;
  out.u32(kCommitMagic);
  out.u64(header.number);
  out.u64(header.size);
  out.u32(header.chunks);
  out.u32(header.headers_checksum);
  out.u64(header.synced);
  out.u32(header.ends_segment ? kEndsSegment : 0);
  append_zeros(out, kCommitHeader - sizeof(std::uint32_t) - out.size());
  out.u32(crc32c(out.view(), seed));
  return std::string(out.view());
}

std::optional<CommitHeader> decode_commit_header(std::string_view bytes, std::uint32_t seed) {
  if (bytes.size() < kCommitHeader) return std::nullopt;
  bytes = bytes.substr(0, kCommitHeader);
  ByteReader reader(bytes);
  if (reader.u32() != kCommitMagic) return std::nullopt;
  CommitHeader header;
  header.number = reader.u64();
  header.size = reader.u64();
  header.chunks = reader.u32();
  header.headers_checksum = reader.u32();
  header.synced = reader.u64();
  header.ends_segment = (reader.u32() & kEndsSegment) != 0;
  const std::size_t checked = kCommitHeader - sizeof(std::uint32_t);
  if (load_big_endian<std::uint32_t>(bytes.data() + checked) !=
      crc32c(bytes.substr(0, checked), seed)) {
    return std::nullopt;
  }
  return header;
}

std::string segment_name(SegmentNumber number) { return name_of(number, kSegmentSuffix); }
std::optional<SegmentNumber> segment_of_name(std::string_view name) {
  return number_of(name, kSegmentSuffix);
}

std::string index_name(SegmentNumber number) { return name_of(number, kIndexSuffix); }
std::optional<SegmentNumber> segment_of_index_name(std::string_view name) {
  return number_of(name, kIndexSuffix);
}

}  // namespace polymq::storage::journal
