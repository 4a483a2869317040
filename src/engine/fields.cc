// Comparing and printing typed values.
#include "engine/fields.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace polymq::engine {
namespace {

struct TypeRow {
  FieldType type;
  std::string_view name;
};
constexpr std::array kTypes{
    TypeRow{FieldType::kVoid, "void"},           TypeRow{FieldType::kBool, "bool"},
    TypeRow{FieldType::kInt8, "byte"},           TypeRow{FieldType::kUint8, "unsignedbyte"},
    TypeRow{FieldType::kInt16, "short"},         TypeRow{FieldType::kUint16, "unsignedshort"},
    TypeRow{FieldType::kInt32, "signedint"},     TypeRow{FieldType::kUint32, "unsignedint"},
    TypeRow{FieldType::kInt64, "long"},          TypeRow{FieldType::kFloat, "float"},
    TypeRow{FieldType::kDouble, "double"},       TypeRow{FieldType::kDecimal, "decimal"},
    TypeRow{FieldType::kString, "longstr"},      TypeRow{FieldType::kBinary, "binary"},
    TypeRow{FieldType::kTimestamp, "timestamp"}, TypeRow{FieldType::kArray, "array"},
    TypeRow{FieldType::kTable, "table"},
};

/// The type that stands for all types whose values may be equal.
FieldType type_class(FieldType type) {
  if (type >= FieldType::kInt8 && type <= FieldType::kInt64) return FieldType::kInt64;
  if (type == FieldType::kFloat) return FieldType::kDouble;
  return type;
}

std::string real_text(double value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  std::string text(buffer.data(), end);
  const bool whole = std::all_of(text.begin(), text.end(),
                                 [](char c) { return c == '-' || (c >= '0' && c <= '9'); });
  return whole ? text + ".0" : text;
}

template <class Items, class Print>
std::string list_text(const Items& items, Print print) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    text += print(item);
  }
  return text + "]";
}

}  // namespace

std::string_view type_name(FieldType type) { return kTypes[static_cast<std::size_t>(type)].name; }

bool Value::operator==(const Value& other) const {
  return type_ == other.type_ && payload_ == other.payload_;
}

const Value* find(const Fields& fields, std::string_view name) {
  const auto it = std::find_if(fields.begin(), fields.end(),
                               [name](const Field& field) { return field.name == name; });
  return it == fields.end() ? nullptr : &it->value;
}

bool equivalent(const Value& a, const Value& b) {
  if (type_class(a.type()) != type_class(b.type())) return false;
  if (const auto* items = a.as_array()) {
    return std::equal(items->begin(), items->end(), b.as_array()->begin(), b.as_array()->end(),
                      equivalent);
  }
  if (const Fields* fields = a.as_table()) {
    return std::equal(fields->begin(), fields->end(), b.as_table()->begin(), b.as_table()->end(),
                      [](const Field& x, const Field& y) {
                        return x.name == y.name && equivalent(x.value, y.value);
                      });
  }
  return a.payload() == b.payload();
}

bool same_content(const Value& a, const Value& b) {
  const auto* integer = std::get_if<std::int64_t>(&a.payload());
  const auto* real = std::get_if<double>(&b.payload());
  if (integer != nullptr && real != nullptr) return static_cast<double>(*integer) == *real;
  if (std::holds_alternative<double>(a.payload()) &&
      std::holds_alternative<std::int64_t>(b.payload())) {
    return same_content(b, a);
  }
  return a.payload() == b.payload();
}

std::string to_text(const Value& value) {
  const auto& payload = value.payload();
  if (const auto* text = std::get_if<std::string>(&payload)) return *text;
  if (const auto* yes = value.as_bool()) return *yes ? "true" : "false";
  if (const auto* real = std::get_if<double>(&payload)) return real_text(*real);
  if (const auto* number = std::get_if<std::int64_t>(&payload)) {
    // Timestamps are unsigned on the wire.
    return value.type() == FieldType::kTimestamp
               ? std::to_string(static_cast<std::uint64_t>(*number))
               : std::to_string(*number);
  }
  if (const auto* decimal = std::get_if<Decimal>(&payload)) {
    return "{" + std::to_string(decimal->scale) + "," + std::to_string(decimal->digits) + "}";
  }
  if (const auto* items = value.as_array()) return list_text(*items, to_text);
  if (const Fields* fields = value.as_table()) {
    return list_text(*fields, [](const Field& field) {
      return "{" + field.name + "," + std::string(type_name(field.value.type())) + "," +
             to_text(field.value) + "}";
    });
  }
  return "undefined";
}

}  // namespace polymq::engine
