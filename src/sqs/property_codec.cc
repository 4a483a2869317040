// Attributes as headers, and headers that the broker adds beside them.
#include "sqs/property_codec.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "engine/fields_json.h"
#include "sqs/sent_message.h"
#include "sqs/uuid.h"

namespace polymq::sqs {
namespace {

using engine::Field;
using engine::Fields;
using engine::Value;

/// One that `from_chars` takes whole, and that gives the same text again.
template <class T>
bool read_exactly(std::string_view text, T& number) {
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return false;
  std::array<char, 64> again{};
  const auto written = std::to_chars(again.data(), again.data() + again.size(), number);
  return std::string_view(again.data(), static_cast<std::size_t>(written.ptr - again.data())) ==
         text;
}

struct Decoded {
  Arena arena;
  SentMessage message;
  explicit Decoded(std::string_view properties) {
    if (!decode(properties, arena, message)) message = {};
  }
  Fields headers() const { return engine::fields_from_json(message.headers).value_or(Fields{}); }
};

/// Asked for with each message that goes into a FIFO queue, so they are found without the rest.
std::string_view id_header(std::string_view properties, std::string_view name) {
  SentIds ids;
  if (name != kGroupHeader && name != kDeduplicationHeader) return {};
  if (!decode_ids(properties, ids)) return {};
  return name == kGroupHeader ? ids.group : ids.deduplication;
}

/// Those that have a place of their own. False: it has none, or does not fit there.
bool set_id(const Field& header, SentMessage& message) {
  constexpr std::size_t kLongest = 255;
  const std::string* const text = header.value.as_string();
  if (text == nullptr || text->size() > kLongest) return false;
  if (header.name == kGroupHeader) {
    message.group = *text;
  } else if (header.name == kDeduplicationHeader) {
    message.deduplication = *text;
  } else {
    return false;
  }
  return true;
}

class Codec final : public engine::PropertyCodec {
 public:
  bool header(std::string_view properties, std::string_view name, Value& value) const override {
    if (const std::string_view id = id_header(properties, name); !id.empty()) {
      value = Value::string(std::string(id));
      return true;
    }
    const Decoded decoded(properties);
    for (const MessageAttribute& attribute : decoded.message.attributes) {
      if (attribute.name != name) continue;
      value = to_header(attribute);
      return true;
    }
    if (decoded.message.headers.empty()) return false;
    const Fields added = decoded.headers();
    const Value* const found = engine::find(added, name);
    if (found != nullptr) value = *found;
    return found != nullptr;
  }

  bool property(std::string_view properties, std::string_view name,
                std::string& value) const override {
    if (name != "message_id") return false;
    value = Decoded(properties).message.id;
    return !value.empty();
  }

  std::string_view group(std::string_view properties) const override {
    return group_of(properties);
  }

  engine::MessageId id(std::string_view properties) const override {
    SentIds ids;
    return decode_ids(properties, ids) ? to_message_id(ids.id) : engine::MessageId();
  }

  Fields headers(std::string_view properties) const override {
    const Decoded decoded(properties);
    Fields headers;
    const auto add_id = [&](std::string_view name, std::string_view id) {
      if (!id.empty()) headers.push_back({std::string(name), Value::string(std::string(id))});
    };
    add_id(kGroupHeader, decoded.message.group);
    add_id(kDeduplicationHeader, decoded.message.deduplication);
    for (const MessageAttribute& attribute : decoded.message.attributes) {
      if (!id_header(properties, attribute.name).empty()) continue;  // the id hides it
      headers.push_back({std::string(attribute.name), to_header(attribute)});
    }
    const Fields added = decoded.headers();
    headers.insert(headers.end(), added.begin(), added.end());
    return headers;
  }

  std::string amend(std::string_view properties,
                    const engine::PropertyChanges& changes) const override {
    const Decoded decoded(properties);
    const auto replaced = [&](std::string_view name) {
      return std::find(changes.remove_headers.begin(), changes.remove_headers.end(), name) !=
                 changes.remove_headers.end() ||
             engine::find(changes.set_headers, name) != nullptr;
    };
    std::vector<MessageAttribute> attributes(decoded.message.attributes.begin(),
                                             decoded.message.attributes.end());
    std::erase_if(attributes, [&](const auto& attribute) {
      return replaced(attribute.name) && id_header(properties, attribute.name).empty();
    });
    Fields headers = decoded.headers();
    std::erase_if(headers, [&](const Field& field) { return replaced(field.name); });
    SentMessage amended = decoded.message;
    if (replaced(kGroupHeader)) amended.group = {};
    if (replaced(kDeduplicationHeader)) amended.deduplication = {};
    for (const Field& set : changes.set_headers) {
      if (!set_id(set, amended)) headers.push_back(set);
    }
    const std::string json = headers.empty() ? std::string() : engine::to_json(headers);
    amended.attributes = attributes;
    amended.headers = json;
    const Uuid id = changes.new_identity ? random_uuid() : Uuid();
    if (changes.new_identity) amended.id = {id.data(), id.size()};
    Buffer out;
    encode(out, amended);
    return std::string(out.view());
  }
};

}  // namespace

Value to_header(const MessageAttribute& attribute) {
  if (attribute.binary_value) return Value::binary(std::string(*attribute.binary_value));
  const std::string_view text = attribute.string_value.value_or("");
  if (attribute.data_type.starts_with("Number")) {
    if (std::int64_t whole = 0; read_exactly(text, whole)) return Value::integer(whole);
    if (double real = 0; read_exactly(text, real)) return Value::real(real);
  }
  return Value::string(std::string(text));
}

const engine::PropertyCodec& property_codec() {
  static const Codec codec;
  return codec;
}

void register_property_codec() { engine::register_codec(engine::Dialect::kSqs, property_codec()); }

}  // namespace polymq::sqs
