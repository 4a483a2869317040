// Promises of fields as JSON: whatever a client may send as an argument comes back as it was.
#include "engine/fields_json.h"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <limits>

namespace polymq::engine {
namespace {

using testing::HasSubstr;

Fields back(const Fields& fields) {
  auto read = fields_from_json(to_json(fields));
  EXPECT_TRUE(read) << read.error().text << " of " << to_json(fields);
  return read ? *std::move(read) : Fields{};
}

TEST(FieldsJson, EveryTypeSurvives) {
  const Fields fields{
      {"void", Value()},
      {"bool", Value::boolean(true)},
      {"no", Value::boolean(false)},
      {"int8", Value::integer(-128, FieldType::kInt8)},
      {"uint8", Value::integer(255, FieldType::kUint8)},
      {"int16", Value::integer(-32768, FieldType::kInt16)},
      {"uint16", Value::integer(65535, FieldType::kUint16)},
      {"int32", Value::integer(INT32_MIN, FieldType::kInt32)},
      {"uint32", Value::integer(UINT32_MAX, FieldType::kUint32)},
      {"int64", Value::integer(INT64_MIN)},
      {"large", Value::integer(INT64_MAX)},
      {"float", Value::real(0.1F, FieldType::kFloat)},
      {"double", Value::real(0.1)},
      {"decimal", Value::decimal({255, UINT32_MAX})},
      {"string", Value::string("text")},
      {"binary", Value::binary("text")},
      {"timestamp", Value::integer(1'700'000'000, FieldType::kTimestamp)},
      {"late", Value::integer(-1, FieldType::kTimestamp)},
      {"array", Value::array({Value::integer(1, FieldType::kInt8), Value::array({}), Value()})},
      {"table", Value::table({{"inner", Value::table({})}, {"s", Value::string("")}})}};
  EXPECT_EQ(back(fields), fields);
}

TEST(FieldsJson, IsTextThatPeopleCanRead) {
  EXPECT_EQ(to_json({{"x-max-length", Value::integer(5, FieldType::kInt32)},
                     {"x-queue-type", Value::string("quorum")}}),
            R"([["x-max-length","int32",5],["x-queue-type","string","quorum"]])");
  EXPECT_EQ(to_json({}), "[]");
}

TEST(FieldsJson, NoFieldsAreNoFields) { EXPECT_EQ(back({}), Fields{}); }

TEST(FieldsJson, TheOrderStaysAndSoDoNamesThatComeTwice) {
  const Fields fields{{"b", Value::integer(1)}, {"a", Value::integer(2)}, {"b", Value()}};
  EXPECT_EQ(back(fields), fields);
}

TEST(FieldsJson, BytesThatAreNoTextSurvive) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string quoted = "\"\\\n\x01 \xc3\xa4 \xf0\x9f\x90\x87";
  const std::string zero("a\0b", 3);
  const Fields fields{{all, Value::string(all)},
                      {"\xff", Value::binary("\xff\xfe")},
                      {"\xc3", Value::array({Value::string("\x80")})},
                      {quoted, Value::string(quoted)},
                      {zero, Value::string(zero)},
                      {"", Value::string("")}};
  EXPECT_EQ(back(fields), fields);
}

TEST(FieldsJson, NumbersThatJsonDoesNotKnowSurvive) {
  using Limits = std::numeric_limits<double>;
  for (const double number : {Limits::infinity(), -Limits::infinity(), -0.0, Limits::max(),
                              Limits::denorm_min(), 1.0, 1e300, Limits::quiet_NaN()}) {
    for (const FieldType type : {FieldType::kDouble, FieldType::kFloat}) {
      const Fields read = back({{"n", Value::real(number, type)}});
      ASSERT_EQ(read.size(), 1u);
      EXPECT_EQ(read[0].value.type(), type);
      EXPECT_EQ(std::bit_cast<std::uint64_t>(std::get<double>(read[0].value.payload())),
                std::bit_cast<std::uint64_t>(number));
    }
  }
}

TEST(FieldsJson, WhatIsNoSuchTextIsRefused) {
  for (const char* text : {"",
                           "nonsense",
                           "[",
                           "{}x",
                           "5",
                           "\"text\"",
                           "true",
                           R"({"a":1})",
                           "[[]]",
                           R"([["a"]])",
                           R"([["a","int8"]])",
                           R"([["a","signedint",5]])",
                           R"([["a","",5]])",
                           R"([["a",1,5]])",
                           R"([[1,"int8",5]])",
                           R"([["a","int8","5"]])",
                           R"([["a","bool",1]])",
                           R"([["a","string",5]])",
                           R"([["a","string",{"hex":5}]])",
                           R"([["a","string",{}]])",
                           R"([["a","decimal",[1]]])",
                           R"([["a","decimal",5]])",
                           R"([["a","double","x"]])",
                           R"([["a","double",{"bits":"x"}]])",
                           R"([["a","array",[5]]])",
                           R"([["a","table",[5]]])",
                           R"([["a","array",[["int8"]]]])",
                           R"([["a","string",{"hex":"f"}]])",
                           R"([["a","string",{"hex":"zz"}]])",
                           R"([["a","array",5]])",
                           R"([["a","table","x"]])",
                           R"([["a","int64",9223372036854775808]])",
                           R"([["a","int64",1.5]])",
                           R"([["a","int8",300]])",
                           R"([["a","uint16",-1]])",
                           R"([["a","decimal",[300,1]]])"}) {
    const auto read = fields_from_json(text);
    EXPECT_FALSE(read) << text;
    if (!read) EXPECT_NE(read.error().text, "");
  }
}

}  // namespace
}  // namespace polymq::engine
