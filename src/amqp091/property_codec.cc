// Encoded basic properties as the engine reads and amends them.
#include "amqp091/property_codec.h"

#include <algorithm>

#include "amqp091/field_table.h"
#include "amqp091/properties.h"

namespace polymq::amqp091 {
namespace {

class Codec final : public engine::PropertyCodec {
 public:
  bool header(std::string_view properties, std::string_view name,
              engine::Value& value) const override {
    return find_field(amqp091::headers(properties).bytes, name, value);
  }

  bool property(std::string_view properties, std::string_view name,
                std::string& value) const override {
    std::optional<std::string_view> found;
    if (name == "message_id") found = message_id(properties);
    if (name == "correlation_id") found = correlation_id(properties);
    if (name == "expiration") found = expiration(properties);
    if (name == "timestamp") {
      const std::optional<std::uint64_t> seconds = timestamp(properties);
      if (seconds) value = std::to_string(*seconds);
      return seconds.has_value();
    }
    if (found) value = *found;
    return found.has_value();
  }

  std::string_view group(std::string_view properties) const override {
    const auto field = find_raw(amqp091::headers(properties).bytes, engine::kGroupHeader);
    return field && field->is_string() ? field->value : std::string_view{};
  }

  engine::Fields headers(std::string_view properties) const override {
    return decode_table(amqp091::headers(properties).bytes).value_or(engine::Fields{});
  }

  std::string amend(std::string_view properties,
                    const engine::PropertyChanges& changes) const override {
    engine::Fields fields = headers(properties);
    const auto replaced = [&](const engine::Field& field) {
      return std::find(changes.remove_headers.begin(), changes.remove_headers.end(), field.name) !=
                 changes.remove_headers.end() ||
             engine::find(changes.set_headers, field.name) != nullptr;
    };
    std::erase_if(fields, replaced);
    fields.insert(fields.end(), changes.set_headers.begin(), changes.set_headers.end());
    const std::string table = encode_table(fields);
    return with_changes(
        properties, {.headers = FieldTable{table}, .drop_expiration = changes.remove_expiration});
  }
};

}  // namespace

std::string translated_properties(const engine::Message& message) {
  const engine::PropertyCodec& codec = engine::codec_of(message.dialect());
  const std::string table = encode_table(codec.headers(message.properties()));
  std::string id;
  Properties properties;
  if (!table.empty()) properties.headers = FieldTable{table};
  if (message.persistent()) properties.delivery_mode = kPersistent;
  if (message.priority()) properties.priority = *message.priority();
  if (codec.property(message.properties(), "message_id", id)) properties.message_id = id;
  return encode(properties);
}

void register_property_codec() {
  static const Codec codec;
  engine::register_codec(engine::Dialect::kAmqp091, codec);
}

}  // namespace polymq::amqp091
