// Allocation and copies of messages; the dialects' property codecs.
#include "engine/message.h"

#include <array>
#include <cassert>
#include <cstring>
#include <new>

namespace polymq::engine {
namespace {

std::array<const PropertyCodec*, static_cast<std::size_t>(Dialect::kCount)> codecs{};

void append(char*& to, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  to += bytes.size();
}

}  // namespace

void register_codec(Dialect dialect, const PropertyCodec& codec) {
  codecs[static_cast<std::size_t>(dialect)] = &codec;
}

const PropertyCodec& codec_of(Dialect dialect) {
  assert(codecs[static_cast<std::size_t>(dialect)] != nullptr);
  return *codecs[static_cast<std::size_t>(dialect)];
}

Message::Message(const MessageParts& parts)
    : body_size_(static_cast<std::uint32_t>(parts.body_size)),
      properties_size_(static_cast<std::uint32_t>(parts.properties.size())),
      exchange_size_(static_cast<std::uint8_t>(parts.exchange.size())),
      routing_key_size_(static_cast<std::uint8_t>(parts.routing_key.size())),
      priority_(parts.priority.value_or(0)),
      persistent_(parts.persistent),
      has_priority_(parts.priority.has_value()),
      dialect_(parts.dialect) {}

Message* Message::create(const MessageParts& parts, MemoryMeter& meter) {
  assert(parts.exchange.size() <= 255 && parts.routing_key.size() <= 255);
  const std::size_t size = sizeof(Message) + parts.exchange.size() + parts.routing_key.size() +
                           parts.properties.size() + parts.body_size;
  auto* message = new (::operator new(size)) Message(parts);
  char* to = reinterpret_cast<char*>(message + 1);
  append(to, parts.exchange);
  append(to, parts.routing_key);
  append(to, parts.properties);
  meter.bytes += static_cast<std::int64_t>(size);
  return message;
}

Message* Message::rewritten(std::string_view exchange, std::string_view routing_key,
                            std::string_view properties, MemoryMeter& meter) const {
  Message* message = create({.exchange = exchange,
                             .routing_key = routing_key,
                             .properties = properties,
                             .body_size = body_size_,
                             .dialect = dialect_,
                             .priority = priority(),
                             .persistent = persistent_},
                            meter);
  if (body_size_ != 0) std::memcpy(message->body_space(), body().data(), body_size_);
  return message;
}

Message* Message::clone(MemoryMeter& meter) const {
  Message* message = rewritten(exchange(), routing_key(), properties(), meter);
  if (extension_) {
    message->extension_ = std::make_unique<MessageExtension>(*extension_);
    message->count_extension(meter);
  }
  return message;
}

MessageExtension& Message::make_extension() {
  if (!extension_) extension_ = std::make_unique<MessageExtension>();
  return *extension_;
}

std::int64_t MessageExtension::bytes() const {
  std::size_t sum = sizeof *this + passed.capacity() * sizeof passed[0];
  for (const std::string& key : more_keys) sum += sizeof(std::string) + key.capacity();
  for (const DeathEntry& death : deaths) {
    sum += sizeof death + death.queue.size() + death.exchange.size();
    for (const std::string& key : death.routing_keys) {
      sum += sizeof(std::string) + key.capacity();
    }
  }
  return static_cast<std::int64_t>(sum);
}

void Message::count_extension(MemoryMeter& meter) {
  if (!extension_) return;
  const std::int64_t now = extension_->bytes();
  meter.bytes += now - std::exchange(extension_->counted.bytes, now);
}

void Message::destroy(MemoryMeter& meter) {
  meter.bytes -= static_cast<std::int64_t>(footprint());
  if (extension_) meter.bytes -= extension_->counted.bytes;
  this->~Message();
  ::operator delete(static_cast<void*>(this));
}

}  // namespace polymq::engine
