// Promises of typed values.
#include "engine/fields.h"

#include <gtest/gtest.h>

namespace polymq::engine {
namespace {

TEST(Fields, TypesHaveTheNamesThatExplanationsUse) {
  EXPECT_EQ(type_name(FieldType::kVoid), "void");
  EXPECT_EQ(type_name(FieldType::kUint8), "unsignedbyte");
  EXPECT_EQ(type_name(FieldType::kInt32), "signedint");
  EXPECT_EQ(type_name(FieldType::kInt64), "long");
  EXPECT_EQ(type_name(FieldType::kString), "longstr");
  EXPECT_EQ(type_name(FieldType::kTable), "table");
}

TEST(Fields, TheFirstOfSeveralFieldsOfANameCounts) {
  const Fields fields{{"a", Value::integer(1)}, {"b", Value::integer(2)}, {"a", Value::integer(3)}};
  ASSERT_NE(find(fields, "a"), nullptr);
  EXPECT_EQ(*find(fields, "a")->as_integer(), 1);
  EXPECT_EQ(find(fields, "c"), nullptr);
}

TEST(Fields, EqualityMindsTheWidthOfAnIntegerButEquivalenceDoesNot) {
  const Value narrow = Value::integer(5, FieldType::kInt8);
  const Value wide = Value::integer(5, FieldType::kInt64);
  EXPECT_FALSE(narrow == wide);
  EXPECT_TRUE(equivalent(narrow, wide));
  EXPECT_FALSE(equivalent(narrow, Value::integer(6)));
}

TEST(Fields, ValuesOfDifferentClassesAreNeverEquivalent) {
  const Value number = Value::integer(5);
  EXPECT_FALSE(equivalent(number, Value::string("5")));
  EXPECT_FALSE(equivalent(number, Value::real(5)));
  EXPECT_FALSE(equivalent(number, Value::integer(5, FieldType::kTimestamp)));
  EXPECT_FALSE(equivalent(Value::string("a"), Value::binary("a")));
  EXPECT_FALSE(equivalent(Value::boolean(true), Value::integer(1)));
  EXPECT_TRUE(equivalent(Value(), Value()));
}

TEST(Fields, FloatsOfBothWidthsAreOneClass) {
  EXPECT_TRUE(equivalent(Value::real(1.5, FieldType::kFloat), Value::real(1.5)));
}

TEST(Fields, EquivalenceLooksIntoArraysAndTables) {
  const auto table = [](FieldType width, std::int64_t number) {
    return Value::table({{"a", Value::array({Value::integer(number, width)})}});
  };
  EXPECT_TRUE(equivalent(table(FieldType::kInt8, 1), table(FieldType::kInt32, 1)));
  EXPECT_FALSE(equivalent(table(FieldType::kInt8, 1), table(FieldType::kInt8, 2)));
  EXPECT_FALSE(equivalent(Value::array({}), Value::array({Value()})));
}

TEST(Fields, TextIsWhatAPersonExpects) {
  EXPECT_EQ(to_text(Value::integer(-5)), "-5");
  EXPECT_EQ(to_text(Value::string("abc")), "abc");
  EXPECT_EQ(to_text(Value::boolean(true)), "true");
  EXPECT_EQ(to_text(Value::real(1.5)), "1.5");
  EXPECT_EQ(to_text(Value::real(2)), "2.0");
  EXPECT_EQ(to_text(Value::integer(-1, FieldType::kTimestamp)), "18446744073709551615");
  EXPECT_EQ(to_text(Value()), "undefined");
  EXPECT_EQ(to_text(Value::array({Value::integer(1), Value::string("a")})), "[1,a]");
  EXPECT_EQ(to_text(Value::table({{"a", Value::integer(1)}})), "[{a,long,1}]");
}

}  // namespace
}  // namespace polymq::engine
