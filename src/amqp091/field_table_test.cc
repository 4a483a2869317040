// Promises of field tables.
#include "amqp091/field_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace polymq::amqp091 {
namespace {

using engine::Field;
using engine::Fields;
using engine::FieldType;
using engine::Value;
using namespace std::string_view_literals;

struct Wire {
  std::string_view bytes;  // letter and value
  Value value;
};

std::vector<Wire> one_of_each_type() {
  std::vector<Value> items{Value::boolean(true), Value::string("x")};
  return {
      {"V"sv, Value()},
      {"t\x01"sv, Value::boolean(true)},
      {"t\0"sv, Value::boolean(false)},
      {"b\xFF"sv, Value::integer(-1, FieldType::kInt8)},
      {"B\xFF"sv, Value::integer(255, FieldType::kUint8)},
      {"s\xFF\xFE"sv, Value::integer(-2, FieldType::kInt16)},
      {"u\xFF\xFE"sv, Value::integer(65534, FieldType::kUint16)},
      {"I\x80\0\0\0"sv, Value::integer(-2147483648LL, FieldType::kInt32)},
      {"i\x80\0\0\0"sv, Value::integer(2147483648LL, FieldType::kUint32)},
      {"l\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFD"sv, Value::integer(-3)},
      {"f\x3F\xC0\0\0"sv, Value::real(1.5, FieldType::kFloat)},
      {"d\xC0\x04\0\0\0\0\0\0"sv, Value::real(-2.5)},
      {"D\x02\0\0\x01\x3A"sv, Value::decimal({2, 314})},
      {"S\0\0\0\x03"
       "a\0\xFF"sv,
       Value::string(std::string("a\0\xFF", 3))},
      {"x\0\0\0\x02\x01\x02"sv, Value::binary("\x01\x02")},
      {"T\0\0\0\0\x5F\0\0\x01"sv, Value::integer(0x5F000001, FieldType::kTimestamp)},
      {"A\0\0\0\x08"
       "t\x01S\0\0\0\x01x"sv,
       Value::array(items)},
      {"F\0\0\0\x07"
       "\x01kI\0\0\0\x05"sv,
       Value::table({{"k", Value::integer(5, FieldType::kInt32)}})},
  };
}

std::string all_in_one() {
  std::string table;
  for (const Wire& wire : one_of_each_type()) table.append("\x04name").append(wire.bytes);
  return table;
}

TEST(FieldTable, EveryTypeIsDecodedAndEncodedWithItsLetter) {
  for (const Wire& wire : one_of_each_type()) {
    const std::string table = "\x04name" + std::string(wire.bytes);
    const Fields expected{{"name", wire.value}};
    const auto decoded = decode_table(table);
    ASSERT_TRUE(decoded) << wire.bytes[0];
    EXPECT_EQ(*decoded, expected) << wire.bytes[0];
    EXPECT_EQ(encode_table(expected), table) << wire.bytes[0];
    EXPECT_TRUE(check_table(table)) << wire.bytes[0];
  }
}

TEST(FieldTable, CapitalLIsASignedLongAndIsWrittenSmall) {
  const auto decoded = decode_table("\x01kL\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"sv);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, (Fields{{"k", Value::integer(-1)}}));
  EXPECT_EQ(encode_table(*decoded), "\x01kl\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"sv);
}

TEST(FieldTable, EveryNonZeroOctetIsTrue) {
  EXPECT_EQ(*decode_table("\x01kt\x7F"sv), (Fields{{"k", Value::boolean(true)}}));
}

TEST(FieldTable, SpecialFloatsKeepTheirBits) {
  for (const double value : {std::numeric_limits<double>::infinity(), -0.0, 1e-310}) {
    const auto decoded = decode_table(encode_table({{"k", Value::real(value)}}));
    EXPECT_EQ(std::get<double>(decoded->front().value.payload()), value);
  }
  const auto decoded = decode_table(encode_table({{"k", Value::real(std::nan(""))}}));
  EXPECT_TRUE(std::isnan(std::get<double>(decoded->front().value.payload())));
}

TEST(FieldTable, OrderAndDuplicatesStayAndTheFirstIsFound) {
  const Fields fields{{"b", Value::integer(1)}, {"a", Value::integer(2)}, {"b", Value::integer(3)}};
  const std::string table = encode_table(fields);
  EXPECT_EQ(*decode_table(table), fields);
  Value found;
  ASSERT_TRUE(find_field(table, "b", found));
  EXPECT_EQ(found, Value::integer(1));
  EXPECT_FALSE(find_field(table, "c", found));
}

TEST(FieldTable, EveryCutIsTruncatedUnlessItFallsBetweenFields) {
  const std::string whole = all_in_one();
  std::vector<std::size_t> ends{0};
  for (const Wire& wire : one_of_each_type()) ends.push_back(ends.back() + 5 + wire.bytes.size());
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto block = std::make_unique<char[]>(size);  // the sanitizer guards its end
    std::memcpy(block.get(), whole.data(), size);
    const std::string_view cut(block.get(), size);
    const bool between = std::find(ends.begin(), ends.end(), size) != ends.end();
    const auto checked = check_table(cut);
    const auto decoded = decode_table(cut);
    ASSERT_EQ(checked.has_value(), between) << size;
    ASSERT_EQ(decoded.has_value(), between) << size;
    if (!between) EXPECT_EQ(checked.error(), TableError::kTruncated) << size;
    if (!between) EXPECT_EQ(decoded.error(), TableError::kTruncated) << size;
    Value value;
    EXPECT_FALSE(find_field(cut, "absent", value));
  }
}

TEST(FieldTable, UnknownLettersAreToldApartAlsoDeepInside) {
  EXPECT_EQ(check_table("\x01kq\0\0\0\0"sv).error(), TableError::kUnknownType);
  EXPECT_EQ(decode_table("\x01kF\0\0\0\x07\x01kA\0\0\0\x01?"sv).error(), TableError::kTruncated);
  EXPECT_EQ(decode_table("\x01kF\0\0\0\x08\x01kA\0\0\0\x01?"sv).error(), TableError::kUnknownType);
  EXPECT_EQ(check_table("\x01kF\0\0\0\x08\x01kA\0\0\0\x01?"sv).error(), TableError::kUnknownType);
  int known = 0;
  for (int letter = 0; letter < 256; ++letter) {
    const std::string table = std::string("\x01k") + static_cast<char>(letter);  // and no value
    const auto checked = check_table(table);
    known += checked || checked.error() != TableError::kUnknownType ? 1 : 0;
  }
  EXPECT_EQ(known, 18);
}

/// `depth` tables in each other, the outermost included.
std::string nested_tables(int depth) {
  std::string table;
  for (int i = 1; i < depth; ++i) {
    Buffer outer;
    outer.short_string("k");
    outer.u8('F');
    outer.long_string(table);
    table = outer.view();
  }
  return table;
}

TEST(FieldTable, NestingEndsAtTheLimit) {
  EXPECT_TRUE(check_table(nested_tables(kMaxTableDepth)));
  EXPECT_TRUE(decode_table(nested_tables(kMaxTableDepth)));
  EXPECT_EQ(check_table(nested_tables(kMaxTableDepth + 1)).error(), TableError::kTooDeep);
  EXPECT_EQ(decode_table(nested_tables(kMaxTableDepth + 1)).error(), TableError::kTooDeep);
  EXPECT_EQ(check_table(nested_tables(10'000)).error(), TableError::kTooDeep);
}

TEST(FieldTable, NestedValuesComeBack) {
  const Fields fields{
      {"death", Value::array({Value::table({{"count", Value::integer(1)},
                                            {"keys", Value::array({Value::string("a")})},
                                            {"none", Value()}}),
                              Value::array({})})},
      {"", Value::table({})}};
  EXPECT_EQ(*decode_table(encode_table(fields)), fields);
}

TEST(FieldTable, RawFieldsGiveNumbersAndTextWithoutDecoding) {
  const std::string table = all_in_one();
  TableCursor cursor(table);
  RawField field;
  std::vector<std::int64_t> integers;
  int strings = 0;
  int booleans = 0;
  while (cursor.next(field)) {
    EXPECT_EQ(field.name, "name");
    if (const auto integer = field.integer()) integers.push_back(*integer);
    strings += field.is_string() ? 1 : 0;
    booleans += field.boolean().has_value() ? 1 : 0;
    ASSERT_TRUE(field.decode());
  }
  EXPECT_FALSE(cursor.error());
  EXPECT_EQ(integers,
            (std::vector<std::int64_t>{-1, 255, -2, 65534, -2147483648LL, 2147483648LL, -3}));
  EXPECT_EQ(strings, 1);
  EXPECT_EQ(booleans, 2);
}

TEST(FieldTable, AnArrayIsWalkedWithoutNames) {
  TableCursor cursor(
      "S\0\0\0\x01"
      "at\x01"sv,
      TableCursor::Of::kArray);
  RawField item;
  ASSERT_TRUE(cursor.next(item));
  EXPECT_EQ(item.value, "a");
  ASSERT_TRUE(cursor.next(item));
  EXPECT_EQ(item.boolean(), true);
  EXPECT_FALSE(cursor.next(item));
  EXPECT_FALSE(cursor.error());
}

}  // namespace
}  // namespace polymq::amqp091
