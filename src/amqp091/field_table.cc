// Walking, decoding and encoding field tables.
#include "amqp091/field_table.h"

#include <bit>
#include <utility>
#include <variant>
#include <vector>

namespace polymq::amqp091 {

using engine::Field;
using engine::Fields;
using engine::FieldType;
using engine::Value;

namespace {

/// Octets of a value of a type without a length of its own; kCounted for the others.
constexpr int kCounted = -1;
constexpr int kNoType = -2;

constexpr int fixed_size(char type) {
  switch (type) {
    case 'V':
      return 0;
    case 't':
    case 'b':
    case 'B':
      return 1;
    case 's':
    case 'u':
      return 2;
    case 'I':
    case 'i':
    case 'f':
      return 4;
    case 'D':
      return 5;
    case 'l':
    case 'L':
    case 'd':
    case 'T':
      return 8;
    case 'S':
    case 'x':
    case 'A':
    case 'F':
      return kCounted;
    default:
      return kNoType;
  }
}

std::optional<TableCursor::Of> inside(char type) {
  if (type == 'A') return TableCursor::Of::kArray;
  if (type == 'F') return TableCursor::Of::kTable;
  return std::nullopt;
}

using Status = std::optional<TableError>;  // nullopt = all is well

Status check(std::string_view bytes, TableCursor::Of of, int depth) {
  if (depth > kMaxTableDepth) return TableError::kTooDeep;
  TableCursor cursor(bytes, of);
  RawField field;
  while (cursor.next(field)) {
    const auto nested = inside(field.type);
    if (!nested) continue;
    if (const Status status = check(field.value, *nested, depth + 1)) return status;
  }
  return cursor.error();
}

Status decode_value(const RawField& field, int depth, Value& out);

Status decode_fields(std::string_view table, int depth, Fields& out) {
  if (depth > kMaxTableDepth) return TableError::kTooDeep;
  TableCursor cursor(table);
  RawField field;
  while (cursor.next(field)) {
    Field& last = out.emplace_back();
    last.name = field.name;
    if (const Status status = decode_value(field, depth, last.value)) return status;
  }
  return cursor.error();
}

Status decode_items(std::string_view array, int depth, std::vector<Value>& out) {
  if (depth > kMaxTableDepth) return TableError::kTooDeep;
  TableCursor cursor(array, TableCursor::Of::kArray);
  RawField field;
  while (cursor.next(field)) {
    if (const Status status = decode_value(field, depth, out.emplace_back())) return status;
  }
  return cursor.error();
}

FieldType integer_type(char letter) {
  switch (letter) {
    case 'b':
      return FieldType::kInt8;
    case 'B':
      return FieldType::kUint8;
    case 's':
      return FieldType::kInt16;
    case 'u':
      return FieldType::kUint16;
    case 'I':
      return FieldType::kInt32;
    case 'i':
      return FieldType::kUint32;
    case 'T':
      return FieldType::kTimestamp;
    default:
      return FieldType::kInt64;
  }
}

/// Values without a length octet, except the void.
Value decode_number(const RawField& field) {
  const char* const at = field.value.data();
  switch (field.type) {
    case 't':
      return Value::boolean(*at != 0);
    case 'f': {
      const auto bits = load_big_endian<std::uint32_t>(at);
      return Value::real(double{std::bit_cast<float>(bits)}, FieldType::kFloat);
    }
    case 'd':
      return Value::real(std::bit_cast<double>(load_big_endian<std::uint64_t>(at)));
    case 'D':
      return Value::decimal(
          {load_big_endian<std::uint8_t>(at), load_big_endian<std::uint32_t>(at + 1)});
    case 'T':
      return Value::integer(load_big_endian<std::int64_t>(at), FieldType::kTimestamp);
    default:
      return Value::integer(*field.integer(), integer_type(field.type));
  }
}

/// `depth`: of the table or array that holds the value.
Status decode_value(const RawField& field, int depth, Value& out) {
  switch (field.type) {
    case 'V':
      return std::nullopt;
    case 'S':
      out = Value::string(std::string(field.value));
      return std::nullopt;
    case 'x':
      out = Value::binary(std::string(field.value));
      return std::nullopt;
    case 'A': {
      std::vector<Value> items;
      const Status status = decode_items(field.value, depth + 1, items);
      out = Value::array(std::move(items));
      return status;
    }
    case 'F': {
      Fields fields;
      const Status status = decode_fields(field.value, depth + 1, fields);
      out = Value::table(std::move(fields));
      return status;
    }
    default:
      out = decode_number(field);
      return std::nullopt;
  }
}

void encode_value(Buffer& out, const Value& value);

/// Opens a length, lets `content` write, and closes it.
template <class Content>
void counted(Buffer& out, Content&& content) {
  const std::size_t at = out.size();
  out.u32(0);
  content();
  out.patch_u32(at, static_cast<std::uint32_t>(out.size() - at - 4));
}

void encode_integer(Buffer& out, FieldType type, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  switch (type) {
    case FieldType::kInt8:
      out.u8('b'), out.u8(static_cast<std::uint8_t>(bits));
      break;
    case FieldType::kUint8:
      out.u8('B'), out.u8(static_cast<std::uint8_t>(bits));
      break;
    case FieldType::kInt16:
      out.u8('s'), out.u16(static_cast<std::uint16_t>(bits));
      break;
    case FieldType::kUint16:
      out.u8('u'), out.u16(static_cast<std::uint16_t>(bits));
      break;
    case FieldType::kInt32:
      out.u8('I'), out.u32(static_cast<std::uint32_t>(bits));
      break;
    case FieldType::kUint32:
      out.u8('i'), out.u32(static_cast<std::uint32_t>(bits));
      break;
    case FieldType::kTimestamp:
      out.u8('T'), out.u64(bits);
      break;
    default:
      out.u8('l'), out.u64(bits);
      break;
  }
}

struct Encoder {
  Buffer& out;
  FieldType type;

  void operator()(std::monostate) const { out.u8('V'); }
  void operator()(bool value) const { out.u8('t'), out.u8(value ? 1 : 0); }
  void operator()(std::int64_t value) const { encode_integer(out, type, value); }
  void operator()(double value) const {
    if (type == FieldType::kFloat) {
      out.u8('f');
      out.u32(std::bit_cast<std::uint32_t>(static_cast<float>(value)));
    } else {
      out.u8('d');
      out.u64(std::bit_cast<std::uint64_t>(value));
    }
  }
  void operator()(engine::Decimal value) const {
    out.u8('D');
    out.u8(value.scale);
    out.u32(value.digits);
  }
  void operator()(const std::string& value) const {
    out.u8(type == FieldType::kBinary ? 'x' : 'S');
    out.long_string(value);
  }
  void operator()(const std::vector<Value>& items) const {
    out.u8('A');
    counted(out, [&] {
      for (const Value& item : items) encode_value(out, item);
    });
  }
  void operator()(const Fields& fields) const {
    out.u8('F');
    counted(out, [&] { encode_table(out, fields); });
  }
};

void encode_value(Buffer& out, const Value& value) {
  std::visit(Encoder{out, value.type()}, value.payload());
}

}  // namespace

bool TableCursor::next(RawField& out) {
  if (rest_.empty()) return false;
  ByteReader reader(rest_);
  out.name = of_ == Of::kTable ? reader.short_string() : std::string_view{};
  out.type = static_cast<char>(reader.u8());
  const int size = reader.ok() ? fixed_size(out.type) : 0;
  if (size == kNoType) {
    error_ = TableError::kUnknownType;
    rest_ = {};
    return false;
  }
  out.value =
      size == kCounted ? reader.long_string() : reader.bytes(static_cast<std::size_t>(size));
  rest_ = reader.rest();
  if (!reader.ok()) {
    error_ = TableError::kTruncated;
    rest_ = {};
  }
  return reader.ok();
}

std::optional<std::int64_t> RawField::integer() const {
  const char* const at = value.data();
  switch (type) {
    case 'b':
      return load_big_endian<std::int8_t>(at);
    case 'B':
      return load_big_endian<std::uint8_t>(at);
    case 's':
      return load_big_endian<std::int16_t>(at);
    case 'u':
      return load_big_endian<std::uint16_t>(at);
    case 'I':
      return load_big_endian<std::int32_t>(at);
    case 'i':
      return load_big_endian<std::uint32_t>(at);
    case 'l':
    case 'L':
      return load_big_endian<std::int64_t>(at);
    default:
      return std::nullopt;
  }
}

std::optional<bool> RawField::boolean() const {
  if (type != 't') return std::nullopt;
  return value.front() != 0;
}

std::optional<Value> RawField::decode() const {
  Value decoded;
  if (decode_value(*this, 1, decoded)) return std::nullopt;
  return decoded;
}

Result<void, TableError> check_table(std::string_view table) {
  if (const Status status = check(table, TableCursor::Of::kTable, 1)) {
    return tl::make_unexpected(*status);
  }
  return {};
}

Result<Fields, TableError> decode_table(std::string_view table) {
  Fields fields;
  if (const Status status = decode_fields(table, 1, fields)) return tl::make_unexpected(*status);
  return fields;
}

void encode_table(Buffer& out, const Fields& fields) {
  for (const Field& field : fields) {
    out.short_string(field.name);
    encode_value(out, field.value);
  }
}

std::string encode_table(const Fields& fields) {
  Buffer out;
  encode_table(out, fields);
  return std::string(out.view());
}

std::optional<RawField> find_raw(std::string_view table, std::string_view name) {
  TableCursor cursor(table);
  RawField field;
  while (cursor.next(field)) {
    if (field.name == name) return field;
  }
  return std::nullopt;
}

bool find_field(std::string_view table, std::string_view name, Value& out) {
  const auto field = find_raw(table, name);
  return field && !decode_value(*field, 1, out);
}

}  // namespace polymq::amqp091
