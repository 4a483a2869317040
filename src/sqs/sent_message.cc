// Texts with their lengths, one after the other.
#include "sqs/sent_message.h"

#include <span>

#include "sqs/digests.h"
#include "sqs/uuid.h"

namespace polymq::sqs {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kWithoutDigest = 1;  // as older programs wrote it
constexpr std::uint8_t kText = 1;
constexpr std::uint8_t kBytes = 2;

/// What stands before everything that may be long.
struct Head {
  std::string_view id;
  std::string_view digest;
  std::string_view sender;
  std::string_view group;
};

/// False: these are no such bytes. That they are not too few `in` tells.
bool read_head(ByteReader& in, Head& head) {
  const std::uint8_t version = in.u8();
  if (version != kVersion && version != kWithoutDigest) return false;
  head.id = in.bytes(std::tuple_size_v<Uuid>);
  if (version == kVersion) head.digest = in.short_string();
  head.sender = in.short_string();
  head.group = in.short_string();
  return head.digest.empty() || head.digest.size() == std::tuple_size_v<Md5Bytes>;
}

}  // namespace

void encode(Buffer& out, const SentMessage& message) {
  out.u8(kVersion);
  out.append(message.id);
  out.short_string(message.body_digest);
  out.short_string(message.sender);
  out.short_string(message.group);
  out.short_string(message.deduplication);
  out.long_string(message.trace);
  out.u8(static_cast<std::uint8_t>(message.attributes.size()));
  for (const MessageAttribute& attribute : message.attributes) {
    out.long_string(attribute.name);
    out.long_string(attribute.data_type);
    out.u8(attribute.binary_value ? kBytes : kText);
    out.long_string(attribute.binary_value ? *attribute.binary_value
                                           : attribute.string_value.value_or(""));
  }
  out.long_string(message.headers);
}

bool decode_ids(std::string_view bytes, SentIds& ids) {
  ByteReader in(bytes);
  Head head;
  if (!read_head(in, head)) return false;
  ids = {head.id, head.group, in.short_string()};
  return in.ok();
}

bool decode(std::string_view bytes, Arena& arena, SentMessage& message) {
  ByteReader in(bytes);
  Head head;
  if (!read_head(in, head)) return false;
  message.id = head.id;
  message.body_digest = head.digest;
  message.sender = head.sender;
  message.group = head.group;
  message.deduplication = in.short_string();
  message.trace = in.long_string();
  const std::span<MessageAttribute> attributes = arena.array<MessageAttribute>(in.u8());
  for (MessageAttribute& attribute : attributes) {
    attribute.name = in.long_string();
    attribute.data_type = in.long_string();
    const std::uint8_t kind = in.u8();
    if (kind != kText && kind != kBytes) return false;
    (kind == kBytes ? attribute.binary_value : attribute.string_value) = in.long_string();
  }
  message.attributes = attributes;
  message.headers = in.long_string();
  return in.ok() && in.left() == 0;
}

std::string_view group_of(std::string_view bytes) {
  ByteReader in(bytes);
  Head head;
  return read_head(in, head) ? head.group : std::string_view();
}

}  // namespace polymq::sqs
