// Encoding and decoding of fields as JSON.
#include "engine/fields_json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace polymq::engine {
namespace {

using Json = nlohmann::json;

constexpr int kHexadecimal = 16;

constexpr std::array kTypes{FieldType::kVoid,   FieldType::kBool,   FieldType::kInt8,
                            FieldType::kUint8,  FieldType::kInt16,  FieldType::kUint16,
                            FieldType::kInt32,  FieldType::kUint32, FieldType::kInt64,
                            FieldType::kFloat,  FieldType::kDouble, FieldType::kDecimal,
                            FieldType::kString, FieldType::kBinary, FieldType::kTimestamp,
                            FieldType::kArray,  FieldType::kTable};

// Of our own: what explanations call the types is not different for all of them.
constexpr std::array<std::string_view, kTypes.size()> kNames{
    "void",  "bool",   "int8",    "uint8",  "int16",  "uint16",    "int32", "uint32", "int64",
    "float", "double", "decimal", "string", "binary", "timestamp", "array", "table"};

Json text_to_json(const std::string& text) {
  Json json = text;
  try {
    (void)json.dump();  // throws for what is not UTF-8
    return json;
  } catch (const Json::type_error&) {
  }
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte / kHexadecimal];
    hex += kDigits[byte % kHexadecimal];
  }
  return Json{{"hex", hex}};
}

std::string text_from_json(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  const auto hex = json.at("hex").get<std::string>();
  if (hex.size() % 2 != 0) throw std::invalid_argument("half a byte");
  std::string text;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    std::uint8_t byte = 0;
    const char* end = hex.data() + i + 2;
    const auto parsed = std::from_chars(hex.data() + i, end, byte, kHexadecimal);
    if (parsed.ec != std::errc{} || parsed.ptr != end) throw std::invalid_argument("no byte");
    text += static_cast<char>(byte);
  }
  return text;
}

Json fields_to_json(const Fields& fields);
Fields json_to_fields(const Json& json);

Json value_to_json(const Value& value) {
  return std::visit(
      [&](const auto& payload) -> Json {
        using Payload = std::decay_t<decltype(payload)>;
        if constexpr (std::is_same_v<Payload, std::monostate>) {
          return nullptr;
        } else if constexpr (std::is_same_v<Payload, Decimal>) {
          return Json::array({payload.scale, payload.digits});
        } else if constexpr (std::is_same_v<Payload, std::string>) {
          return text_to_json(payload);
        } else if constexpr (std::is_same_v<Payload, std::vector<Value>>) {
          Json array = Json::array();
          for (const Value& one : payload) {
            array.push_back(
                Json::array({kNames[static_cast<std::size_t>(one.type())], value_to_json(one)}));
          }
          return array;
        } else if constexpr (std::is_same_v<Payload, Fields>) {
          return fields_to_json(payload);
        } else if constexpr (std::is_same_v<Payload, double>) {
          // JSON has no infinities: the bits tell.
          return std::isfinite(payload) ? Json(payload)
                                        : Json{{"bits", std::bit_cast<std::uint64_t>(payload)}};
        } else {
          return payload;
        }
      },
      value.payload());
}

/// An integer that a T can hold.
template <class T>
T integer_from_json(const Json& json) {
  const bool fits = json.is_number_unsigned()
                        ? std::in_range<T>(json.get<std::uint64_t>())
                        : json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>());
  if (!fits) throw std::invalid_argument("a number that its type cannot have");
  return json.get<T>();
}

std::int64_t integer_from_json(FieldType type, const Json& json) {
  switch (type) {
    case FieldType::kInt8:
      return integer_from_json<std::int8_t>(json);
    case FieldType::kUint8:
      return integer_from_json<std::uint8_t>(json);
    case FieldType::kInt16:
      return integer_from_json<std::int16_t>(json);
    case FieldType::kUint16:
      return integer_from_json<std::uint16_t>(json);
    case FieldType::kInt32:
      return integer_from_json<std::int32_t>(json);
    case FieldType::kUint32:
      return integer_from_json<std::uint32_t>(json);
    default:
      return integer_from_json<std::int64_t>(json);
  }
}

Value value_from_json(const std::string& type_name, const Json& json) {
  const auto at = std::find(kNames.begin(), kNames.end(), type_name);
  if (at == kNames.end()) throw std::invalid_argument("an unknown type");
  const FieldType type = kTypes[static_cast<std::size_t>(at - kNames.begin())];
  switch (type) {
    case FieldType::kVoid:
      return {};
    case FieldType::kBool:
      return Value::boolean(json.get<bool>());
    case FieldType::kFloat:
    case FieldType::kDouble:
      return Value::real(json.is_object()
                             ? std::bit_cast<double>(json.at("bits").get<std::uint64_t>())
                             : json.get<double>(),
                         type);
    case FieldType::kDecimal:
      return Value::decimal({integer_from_json<std::uint8_t>(json.at(0)),
                             integer_from_json<std::uint32_t>(json.at(1))});
    case FieldType::kString:
      return Value::string(text_from_json(json));
    case FieldType::kBinary:
      return Value::binary(text_from_json(json));
    case FieldType::kArray: {
      std::vector<Value> values;
      for (const Json& one : json) {
        values.push_back(value_from_json(one.at(0).get<std::string>(), one.at(1)));
      }
      return Value::array(std::move(values));
    }
    case FieldType::kTable:
      return Value::table(json_to_fields(json));
    default:
      return Value::integer(integer_from_json(type, json), type);
  }
}

Json fields_to_json(const Fields& fields) {
  Json array = Json::array();
  for (const Field& field : fields) {
    array.push_back(
        Json::array({text_to_json(field.name), kNames[static_cast<std::size_t>(field.value.type())],
                     value_to_json(field.value)}));
  }
  return array;
}

Fields json_to_fields(const Json& json) {
  Fields fields;
  for (const Json& one : json) {
    fields.push_back(
        {text_from_json(one.at(0)), value_from_json(one.at(1).get<std::string>(), one.at(2))});
  }
  return fields;
}

}  // namespace

std::string to_json(const Fields& fields) { return fields_to_json(fields).dump(); }

Result<Fields> fields_from_json(std::string_view text) {
  try {
    return json_to_fields(Json::parse(text));
  } catch (const std::exception& wrong) {  // of the library: it knows no other way
    return fail(wrong.what());
  }
}

}  // namespace polymq::engine
