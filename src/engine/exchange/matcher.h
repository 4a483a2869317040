// What an exchange type decides: which of an exchange's bindings a message matches.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/fields.h"

namespace polymq::engine {

/// A queue or an exchange as the far end of a binding. Ids are incarnations, never reused.
struct Destination {
  std::uint64_t id = 0;
  bool is_exchange = false;
  bool operator==(const Destination&) const = default;
};

/// What a message offers to a matcher. `headers` is asked only by types that need it and decodes
/// lazily; it may be called several times.
class MessageView {
 public:
  virtual ~MessageView() = default;
  /// The header's value, or void type with `found` = false.
  virtual bool header(std::string_view name, Value& value) const = 0;
  /// "message_id", "correlation_id" or "timestamp"; false when absent.
  virtual bool property(std::string_view name, std::string& value) const = 0;
};

/// Shard: one per exchange and shard, used by that shard only. No I/O, no clock.
class Matcher {
 public:
  virtual ~Matcher() = default;

  /// Is this a valid binding for the type? The error's text is the explanation that the client
  /// sees (RabbitMQ's wording where it has one). Called before add, on the shard that orders
  /// topology.
  virtual Result<void> check(std::string_view key, const Fields& arguments) const {
    (void)key;
    (void)arguments;
    return {};
  }
  /// A binding is identified by (destination, key, arguments); it is never added twice.
  virtual void add(Destination destination, std::string_view key, const Fields& arguments) = 0;
  /// Removes exactly that binding, which exists.
  virtual void remove(Destination destination, std::string_view key, const Fields& arguments) = 0;
  /// Appends the destinations of all matching bindings; the same one may be appended several times
  /// (the caller folds them). `random`: fresh entropy for the types that draw.
  virtual void match(std::string_view key, const MessageView& message, std::uint64_t random,
                     std::vector<Destination>& out) const = 0;
  /// True when match() depends on the routing key alone, so that its answer may be cached by key.
  virtual bool by_key_alone() const = 0;
};

}  // namespace polymq::engine
