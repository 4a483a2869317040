// Encoding of what only few messages have: further routing keys and deaths.
#include "engine/stored_message.h"

#include <cstring>
#include <span>

#include "base/bytes.h"

namespace polymq::engine {
namespace {

void append(Buffer& out, const std::vector<std::string>& texts) {
  out.u32(static_cast<std::uint32_t>(texts.size()));
  for (const std::string& text : texts) out.long_string(text);
}

std::vector<std::string> read_texts(ByteReader& in) {
  std::vector<std::string> texts;
  for (std::uint32_t left = in.u32(); left != 0 && in.ok(); --left) {
    texts.emplace_back(in.long_string());
  }
  return texts;
}

// `passed`: what it had reached, where that still matters.
std::string encode(const MessageExtension& extension, std::span<const std::uint64_t> passed) {
  const bool nothing = extension.more_keys.empty() && extension.deaths.empty() && passed.empty() &&
                       extension.delay_ms < 0 && extension.entered == 0;
  if (nothing) return {};
  Buffer out;
  append(out, extension.more_keys);
  out.u32(static_cast<std::uint32_t>(extension.visible_keys));
  out.u32(static_cast<std::uint32_t>(extension.deaths.size()));
  for (const DeathEntry& death : extension.deaths) {
    out.long_string(death.queue);
    out.u8(static_cast<std::uint8_t>(death.reason));
    out.u8(death.first ? 1 : 0);
    out.u64(death.count);
    out.u64(static_cast<std::uint64_t>(death.time_s));
    out.long_string(death.exchange);
    append(out, death.routing_keys);
    out.u8(death.original_expiration ? 1 : 0);
    if (death.original_expiration) out.long_string(*death.original_expiration);
  }
  out.u32(static_cast<std::uint32_t>(passed.size()));
  for (const std::uint64_t target : passed) out.u64(target);
  out.u64(static_cast<std::uint64_t>(extension.delay_ms));
  out.u64(static_cast<std::uint64_t>(extension.entered));
  return std::string(out.view());
}

bool decode(std::string_view bytes, MessageExtension& extension) {
  ByteReader in(bytes);
  extension.more_keys = read_texts(in);
  extension.visible_keys = in.u32();
  for (std::uint32_t left = in.u32(); left != 0 && in.ok(); --left) {
    DeathEntry death;
    death.queue = in.long_string();
    const std::uint8_t reason = in.u8();
    if (reason > static_cast<std::uint8_t>(DeathReason::kDeliveryLimit)) return false;
    death.reason = static_cast<DeathReason>(reason);
    death.first = in.u8() != 0;
    death.count = in.u64();
    death.time_s = static_cast<std::int64_t>(in.u64());
    death.exchange = in.long_string();
    death.routing_keys = read_texts(in);
    if (in.u8() != 0) death.original_expiration = in.long_string();
    extension.deaths.push_back(std::move(death));
  }
  for (std::uint32_t left = in.u32(); left != 0 && in.ok(); --left) {
    extension.passed.push_back(in.u64());
  }
  extension.delay_ms = static_cast<std::int64_t>(in.u64());
  extension.entered = static_cast<WallMs>(in.u64());
  return in.ok() && in.left() == 0 && extension.visible_keys <= extension.more_keys.size();
}

}  // namespace

storage::MessageRecord to_record(const Message& message, QueueId queue, Position position,
                                 WallMs enqueued) {
  const MessageExtension* extension = message.extension();
  return {.queue = queue,
          .position = position,
          .enqueued = enqueued,
          .dialect = static_cast<std::uint8_t>(message.dialect()),
          .priority = message.priority(),
          .exchange = message.exchange(),
          .routing_key = message.routing_key(),
          .properties = message.properties(),
          .body = message.body(),
          .ttl_ms = message.ttl().ms,
          .extension = extension == nullptr ? std::string() : encode(*extension, {})};
}

storage::MessageRecord to_held_record(const Message& message, ExchangeId exchange,
                                      Position position, WallMs due) {
  storage::MessageRecord record = to_record(message, exchange, position, due);
  const MessageExtension* extension = message.extension();
  if (extension != nullptr) record.extension = encode(*extension, extension->passed);
  return record;
}

Result<Message*> from_record(const storage::MessageRecord& record, MemoryMeter& meter) {
  if (record.dialect >= static_cast<std::uint8_t>(Dialect::kCount)) {
    return fail("a message of an unknown dialect");
  }
  MessageExtension extension;
  if (!record.extension.empty() && !decode(record.extension, extension)) {
    return fail("a message with keys or deaths that cannot be decoded");
  }
  Message* message = Message::create({.exchange = record.exchange,
                                      .routing_key = record.routing_key,
                                      .properties = record.properties,
                                      .body_size = record.body.size(),
                                      .dialect = static_cast<Dialect>(record.dialect),
                                      .priority = record.priority,
                                      .persistent = true},
                                     meter);
  if (!record.body.empty()) {
    std::memcpy(message->body_space(), record.body.data(), record.body.size());
  }
  if (!record.extension.empty() || record.ttl_ms >= 0) {
    extension.ttl = {record.ttl_ms};
    message->make_extension() = std::move(extension);
    message->count_extension(meter);
  }
  return message;
}

}  // namespace polymq::engine
