// Field tables (reference §3): bytes to the neutral list and back, and ways to look into a table
// without decoding it. Tables are given without their four-octet length throughout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "engine/fields.h"

namespace polymq::amqp091 {

/// Tables and arrays may lie in each other this deep; the outermost table counts as one.
inline constexpr int kMaxTableDepth = 64;

enum class TableError : std::uint8_t {
  kTruncated,    ///< a length or a value reaches past the end
  kUnknownType,  ///< a letter that no type has
  kTooDeep,      ///< more than kMaxTableDepth
};

/// Can the table be decoded? Walks all of it, allocates nothing.
Result<void, TableError> check_table(std::string_view table);

/// Field order and duplicates are kept. 'L' and 'l' both become kInt64.
Result<engine::Fields, TableError> decode_table(std::string_view table);

/// Names longer than 255 octets are cut. decode_table() of the result gives the fields again.
void encode_table(Buffer& out, const engine::Fields& fields);
std::string encode_table(const engine::Fields& fields);

/// One field as it stands in the table: views into it. For strings, byte arrays, arrays and tables
/// `value` is the content without its length; else the value's octets.
struct RawField {
  std::string_view name;
  char type = 'V';  ///< the letter
  std::string_view value;

  bool is_string() const { return type == 'S'; }
  /// For the integer types; else nullopt. Unsigned 32 bits fit.
  std::optional<std::int64_t> integer() const;
  std::optional<bool> boolean() const;
  /// Decodes; nullopt when the value is an undecodable table or array.
  std::optional<engine::Value> decode() const;
};

/// Steps over the fields of a table, or the values of an array (their names stay empty), without
/// allocating and without looking inside nested ones.
///   for (TableCursor cursor(table); cursor.next(field);) ...
class TableCursor {
 public:
  enum class Of : std::uint8_t { kTable, kArray };
  explicit TableCursor(std::string_view bytes, Of of = Of::kTable) : rest_(bytes), of_(of) {}
  /// False at the end and at the first error.
  bool next(RawField& out);
  /// After next() was false: did everything make sense? Undefined before.
  std::optional<TableError> error() const { return error_; }

 private:
  std::string_view rest_;
  std::optional<TableError> error_;
  Of of_;
};

/// The first field of that name; nullopt when there is none (or the table is broken before it).
std::optional<RawField> find_raw(std::string_view table, std::string_view name);
/// The same, decoded. Allocates only for what the value itself needs.
bool find_field(std::string_view table, std::string_view name, engine::Value& out);

}  // namespace polymq::amqp091
