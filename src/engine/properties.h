// How the engine reads and amends message properties without knowing a dialect's encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/fields.h"

namespace polymq::engine {

enum class Dialect : std::uint8_t { kAmqp091, kSqs, kPubsub, kAmqp10, kCount };

/// Changes that the broker makes to a message's properties.
struct PropertyChanges {
  Fields set_headers = {};  // replace headers of the same name, else are added
  std::vector<std::string> remove_headers = {};
  bool remove_expiration = false;
  /// It counts as another message: where the broker gives ids, it gets one.
  bool new_identity = false;
};

/// One per dialect, stateless, used by all shards. Given bytes were validated at ingress.
class PropertyCodec {
 public:
  virtual ~PropertyCodec() = default;
  virtual bool header(std::string_view properties, std::string_view name, Value& value) const = 0;
  /// "message_id", "correlation_id", "timestamp" or "expiration" as text; false when absent.
  virtual bool property(std::string_view properties, std::string_view name,
                        std::string& value) const = 0;
  virtual Fields headers(std::string_view properties) const = 0;
  virtual std::string amend(std::string_view properties, const PropertyChanges& changes) const = 0;
};

/// Dialects register before the first message; `codec` must outlive the process's messages.
void register_codec(Dialect dialect, const PropertyCodec& codec);
const PropertyCodec& codec_of(Dialect dialect);

}  // namespace polymq::engine
