// For tests: a dialect whose encoded properties are readable text, `name=type:value;` for each
// header.
#pragma once

#include <string>
#include <string_view>

#include "engine/properties.h"

namespace polymq::engine {

/// Headers of 64-bit integers, booleans and strings.
inline std::string encode_headers(const Fields& headers) {
  std::string text;
  for (const Field& field : headers) {
    text += field.name + "=";
    if (const bool* flag = field.value.as_bool()) {
      text += std::string("b:") + (*flag ? "1" : "0");
    } else if (const std::int64_t* number = field.value.as_integer()) {
      text += "i:" + std::to_string(*number);
    } else {
      text += "s:" + *field.value.as_string();
    }
    text += ";";
  }
  return text;
}

class FakeCodec final : public PropertyCodec {
 public:
  Fields headers(std::string_view properties) const override {
    Fields fields;
    while (!properties.empty()) {
      const std::string_view item = properties.substr(0, properties.find(';'));
      const std::string text(item.substr(item.find('=') + 3));
      Value value = Value::string(text);
      if (item[item.find('=') + 1] == 'i') value = Value::integer(std::stoll(text));
      if (item[item.find('=') + 1] == 'b') value = Value::boolean(text == "1");
      fields.push_back({std::string(item.substr(0, item.find('='))), std::move(value)});
      properties.remove_prefix(item.size() + 1);
    }
    return fields;
  }
  bool header(std::string_view properties, std::string_view name, Value& value) const override {
    const Fields all = headers(properties);
    const Value* found = find(all, name);
    if (found != nullptr) value = *found;
    return found != nullptr;
  }
  /// message_id, as a header of that name says.
  bool property(std::string_view properties, std::string_view name,
                std::string& value) const override {
    Value found;
    if (name != "message_id" || !header(properties, name, found)) return false;
    value = to_text(found);
    return true;
  }
  std::string_view group(std::string_view properties) const override {
    const std::string start = std::string(kGroupHeader) + "=s:";
    while (!properties.empty()) {
      const std::string_view item = properties.substr(0, properties.find(';'));
      if (item.starts_with(start)) return item.substr(start.size());
      properties.remove_prefix(item.size() + 1);
    }
    return {};
  }
  /// A number in that header.
  MessageId id(std::string_view properties) const override {
    Value found;
    if (!header(properties, "message_id", found) || found.as_integer() == nullptr) return {};
    return {1, static_cast<std::uint64_t>(*found.as_integer())};
  }
  std::string amend(std::string_view properties, const PropertyChanges& changes) const override {
    Fields fields = headers(properties);
    const auto replaced = [&](const Field& field) {
      bool removed = find(changes.set_headers, field.name) != nullptr;
      for (const std::string& name : changes.remove_headers) removed |= name == field.name;
      return removed;
    };
    std::erase_if(fields, replaced);
    for (const Field& field : changes.set_headers) {
      if (field.value.as_array() == nullptr) fields.push_back(field);  // x-death is not looked at
    }
    return encode_headers(fields);
  }
};

/// Dialect::kSqs stands for the fake one.
inline constexpr Dialect kFakeDialect = Dialect::kSqs;
inline void register_fake_codec() {
  static const FakeCodec codec;
  register_codec(kFakeDialect, codec);
}

}  // namespace polymq::engine
