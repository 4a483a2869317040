// The neutral list of typed names and values that dialects translate their arguments and headers
// to, so that the engine and the other dialects can read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace polymq::engine {

/// Exact source types are kept, because explanations name them and a round trip must not change
/// them.
enum class FieldType : std::uint8_t {
  kVoid,
  kBool,
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kFloat,
  kDouble,
  kDecimal,
  kString,
  kBinary,
  kTimestamp,
  kArray,
  kTable,
};

/// The name that RabbitMQ's explanations use: "signedint", "longstr", ...
std::string_view type_name(FieldType type);

struct Field;
class Value;
using Fields = std::vector<Field>;

struct Decimal {
  std::uint8_t scale;
  std::uint32_t digits;
  bool operator==(const Decimal&) const = default;
};

class Value {
 public:
  using Payload = std::variant<std::monostate, bool, std::int64_t, double, Decimal, std::string,
                               std::vector<Value>, Fields>;

  Value() = default;  // void
  static Value boolean(bool value) { return {FieldType::kBool, value}; }
  /// `type`: one of the integer types or kTimestamp (seconds; its 64 bits reinterpreted).
  static Value integer(std::int64_t value, FieldType type = FieldType::kInt64) {
    return {type, value};
  }
  static Value real(double value, FieldType type = FieldType::kDouble) { return {type, value}; }
  static Value decimal(Decimal value) { return {FieldType::kDecimal, value}; }
  static Value string(std::string value) { return {FieldType::kString, std::move(value)}; }
  static Value binary(std::string value) { return {FieldType::kBinary, std::move(value)}; }
  static Value array(std::vector<Value> value) { return {FieldType::kArray, std::move(value)}; }
  static Value table(Fields value);

  FieldType type() const { return type_; }
  bool is_integer() const { return type_ >= FieldType::kInt8 && type_ <= FieldType::kInt64; }
  /// Null unless the value is of that kind. kString and kBinary both have text.
  const bool* as_bool() const { return std::get_if<bool>(&payload_); }
  const std::int64_t* as_integer() const {
    return is_integer() ? std::get_if<std::int64_t>(&payload_) : nullptr;
  }
  const std::string* as_string() const {
    return type_ == FieldType::kString ? std::get_if<std::string>(&payload_) : nullptr;
  }
  const std::vector<Value>* as_array() const { return std::get_if<std::vector<Value>>(&payload_); }
  const Fields* as_table() const { return std::get_if<Fields>(&payload_); }
  const Payload& payload() const { return payload_; }

  /// Equal type and content; see equivalent() for the comparison that ignores integer widths.
  bool operator==(const Value&) const;

 private:
  template <class T>
  Value(FieldType type, T&& payload) : type_(type), payload_(std::forward<T>(payload)) {}

  FieldType type_ = FieldType::kVoid;
  Payload payload_;
};

struct Field {
  std::string name;
  Value value;
  bool operator==(const Field&) const = default;
};

inline Value Value::table(Fields value) { return {FieldType::kTable, std::move(value)}; }

/// The first field of that name, or null.
const Value* find(const Fields& fields, std::string_view name);

/// Same value within a class of types: all integer types are one class, strings another
/// (RabbitMQ's argument equivalence).
bool equivalent(const Value& a, const Value& b);

/// Same value, whatever its type: text and bytes, integers and timestamps, 1 and 1.0 (RabbitMQ's
/// headers exchange). What is inside of arrays and tables must have the same types, too.
bool same_content(const Value& a, const Value& b);

/// The value as explanations show it: `5`, `abc`, `true`.
std::string to_text(const Value& value);

}  // namespace polymq::engine
