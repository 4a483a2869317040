// A message as it was published: immutable header, names, properties and body in one block.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/dead_letter.h"
#include "engine/exchange/matcher.h"
#include "engine/properties.h"
#include "engine/time_to_live.h"

namespace polymq::engine {

/// Bytes held in messages by one shard's doing: what it made minus what it freed. Single shards may
/// be negative (messages travel); the sum over all shards is exact.
struct MemoryMeter {
  std::int64_t bytes = 0;
};

/// What only few messages have.
struct MessageExtension {
  TimeToLive ttl;                      // the message's own
  std::int64_t delay_ms = -1;          // its own; -1: what the queue says
  WallMs entered = 0;                  // the first of its queues, if it has died since; 0: this one
  std::vector<std::string> more_keys;  // routing keys besides the first (CC, BCC)
  std::size_t visible_keys = 0;        // how many of more_keys may be shown (CC, not BCC)
  std::vector<DeathEntry> deaths;      // the broker's own record, newest first
  /// What it reached already when an exchange with state passes it on (see Topology::route_onward).
  std::vector<std::uint64_t> passed;
  /// Bytes of it in the memory accounting: of this object, not of what it was copied from.
  struct Counted {
    std::int64_t bytes = 0;
    Counted() = default;
    Counted(const Counted&) {}
    Counted& operator=(const Counted&) { return *this; }
  } counted;

  /// Roughly what it occupies.
  std::int64_t bytes() const;
};

/// What a message is made of. Views need to live only during Message::create.
struct MessageParts {
  std::string_view exchange = {};     // at most 255 bytes
  std::string_view routing_key = {};  // at most 255 bytes
  std::string_view properties = {};   // encoded in `dialect`
  std::size_t body_size = 0;
  Dialect dialect = Dialect::kAmqp091;
  std::optional<std::uint8_t> priority = {};
  bool persistent = false;
};

/// Immutable once published. Owned by one shard at a time: it travels with the batch that carries
/// it, and after that only the home of its queues counts references and frees it. Any shard that
/// has been lent it (a delivery) may read it. No atomics: a message bound for several homes is
/// cloned.
class Message {
 public:
  /// One allocation. The body is left for the caller to write through body_space().
  static Message* create(const MessageParts& parts, MemoryMeter& meter);
  /// The same content for another shard, with one reference.
  Message* clone(MemoryMeter& meter) const;
  /// The same body under other names and properties (dead lettering); no extension.
  Message* rewritten(std::string_view exchange, std::string_view routing_key,
                     std::string_view properties, MemoryMeter& meter) const;

  std::string_view exchange() const { return {bytes(), exchange_size_}; }
  std::string_view routing_key() const { return {bytes() + exchange_size_, routing_key_size_}; }
  std::string_view properties() const {
    return {bytes() + exchange_size_ + routing_key_size_, properties_size_};
  }
  std::string_view body() const { return {body_space(), body_size_}; }
  char* body_space() const {
    return const_cast<char*>(bytes()) + exchange_size_ + routing_key_size_ + properties_size_;
  }

  Dialect dialect() const { return dialect_; }
  /// Without one of its own: 0 in a classic queue, 4 in a quorum queue.
  std::optional<std::uint8_t> priority() const {
    return has_priority_ ? std::optional(priority_) : std::nullopt;
  }
  bool persistent() const { return persistent_; }
  /// Empty: it is in none. Looked up each time.
  std::string_view group() const { return codec_of(dialect()).group(properties()); }
  /// Null for a plain message.
  const MessageExtension* extension() const { return extension_.get(); }
  MessageExtension& make_extension();
  /// Brings the accounting up to date after the extension was filled in.
  void count_extension(MemoryMeter& meter);
  std::int64_t delay_ms() const { return extension_ ? extension_->delay_ms : -1; }
  TimeToLive ttl() const { return extension_ ? extension_->ttl : TimeToLive{}; }

  /// What it costs in a consumer's window and in the memory accounting.
  std::size_t footprint() const {
    return sizeof(Message) + exchange_size_ + routing_key_size_ + properties_size_ + body_size_;
  }

  /// How many queues of the owning shard hold it. Set once, when it was routed.
  void set_references(std::uint32_t count) { references_ = count; }
  void add_reference() { ++references_; }
  std::uint32_t references() const { return references_; }
  /// Frees it with the last reference.
  void release(MemoryMeter& meter) {
    if (--references_ == 0) destroy(meter);
  }

  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

 private:
  explicit Message(const MessageParts& parts);
  ~Message() = default;
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  void destroy(MemoryMeter& meter);

  std::uint32_t references_ = 1;
  std::uint32_t body_size_;
  std::uint32_t properties_size_;
  std::uint8_t exchange_size_;
  std::uint8_t routing_key_size_;
  std::uint8_t priority_;
  bool persistent_ : 1;
  bool has_priority_ : 1;
  Dialect dialect_ : 3;
  std::unique_ptr<MessageExtension> extension_;
};

/// A message's headers and properties, decoded when asked for, as exchange types see them.
class MessageHeaders final : public MessageView {
 public:
  explicit MessageHeaders(const Message& message) : message_(message) {}
  bool header(std::string_view name, Value& value) const override {
    return codec_of(message_.dialect()).header(message_.properties(), name, value);
  }
  bool property(std::string_view name, std::string& value) const override {
    return codec_of(message_.dialect()).property(message_.properties(), name, value);
  }

 private:
  const Message& message_;
};

}  // namespace polymq::engine
