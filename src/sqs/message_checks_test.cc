// Promises of what is accepted as a message and how large it counts.
#include "sqs/message_checks.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace polymq::sqs {
namespace {

MessageAttribute text(std::string_view name, std::string_view type, std::string_view value) {
  return {.name = name, .data_type = type, .string_value = value};
}

MessageAttribute bytes(std::string_view name, std::string_view type, std::string_view value) {
  return {.name = name, .data_type = type, .binary_value = value};
}

/// The message of the refusal, or "accepted".
std::string verdict(const MessageAttribute& attribute) {
  const auto checked = check_message_attributes({&attribute, 1});
  if (checked) return "accepted";
  EXPECT_EQ(checked.error().code, ErrorCode::kInvalidParameterValue);
  return checked.error().message;
}

bool accepts(const MessageAttribute& attribute) { return verdict(attribute) == "accepted"; }

TEST(Body, IsNotEmptyAndHasLegalCharactersOnly) {
  EXPECT_TRUE(check_body("x").has_value());
  EXPECT_TRUE(check_body("\t\r\n \xF0\x9F\x98\x80").has_value());
  const auto empty = check_body("");
  EXPECT_EQ(empty.error().code, ErrorCode::kMissingParameter);
  EXPECT_EQ(empty.error().message, "The request must contain the parameter MessageBody.");
  for (const std::string& body : {std::string("\x01"), std::string("\xEF\xBF\xBF"),
                                  std::string("\xFF"), std::string("a\0b", 3)}) {
    EXPECT_EQ(check_body(body).error().code, ErrorCode::kInvalidMessageContents);
  }
}

TEST(MessageAttributeName, HasItsCharactersAndLength) {
  for (const std::string& name :
       {std::string("a"), std::string("a.b-c_D9"), std::string(256, 'x'), std::string("aws"),
        std::string("amazonian.x"), std::string("\xC3\xA9")}) {
    EXPECT_TRUE(accepts(text(name, "String", "v"))) << name;
  }
  for (const std::string& name :
       {std::string(), std::string(257, 'x'), std::string(".a"), std::string("a."),
        std::string("a..b"), std::string("a b"), std::string("a/b"), std::string("AWS.x"),
        std::string("Amazon.x"), std::string("a\0", 2)}) {
    EXPECT_FALSE(accepts(text(name, "String", "v"))) << name;
  }
}

TEST(MessageAttributeType, IsOneOfThreeWithALabel) {
  EXPECT_TRUE(accepts(text("a", "String", "v")));
  EXPECT_TRUE(accepts(text("a", "String.any.thing", "v")));
  EXPECT_TRUE(accepts(text("a", "Number.float", "1.5")));
  EXPECT_TRUE(accepts(bytes("a", "Binary.png", "v")));
  EXPECT_TRUE(accepts(text("a", "String." + std::string(249, 'x'), "v")));
  for (const std::string& type :
       {std::string("string"), std::string("Strings"), std::string("String."),
        std::string("StringList"), "String." + std::string(250, 'x')}) {
    EXPECT_EQ(verdict(text("a", type, "v")),
              "The message attribute 'a' has an invalid message attribute type, the set of "
              "supported type prefixes is Binary, Number, and String.");
  }
  EXPECT_FALSE(accepts(text("a", "", "v")));
}

TEST(MessageAttributeValue, IsNotEmptyAndFitsItsType) {
  EXPECT_EQ(verdict(text("a", "String", "")),
            "Message (user) attribute 'a' must contain a non-empty value of type 'String'.");
  EXPECT_FALSE(accepts({.name = "a", .data_type = "String"}));
  EXPECT_FALSE(accepts(bytes("a", "String", "v")));
  EXPECT_FALSE(accepts(text("a", "Binary", "v")));
  EXPECT_FALSE(accepts(bytes("a", "Binary", "")));
  EXPECT_FALSE(accepts(text("a", "String", "\x01")));
  EXPECT_TRUE(accepts(bytes("a", "Binary", std::string_view("\0\x01", 2))));
  EXPECT_FALSE(accepts(text("a", "Number", "seven")));
  EXPECT_FALSE(
      accepts({.name = "a", .data_type = "String", .string_value = "v", .has_list_values = true}));
  EXPECT_FALSE(
      accepts({.name = "a", .data_type = "String", .string_value = "v", .binary_value = "v"}));
}

TEST(MessageAttributeNumber, HasThirtyEightDigitsAndARange) {
  const std::string digits(38, '9');
  for (const std::string& number :
       {std::string("0"), std::string("-0.0"), std::string("7"), std::string("+7"),
        std::string("-1.50"), std::string(".5"), std::string("5."), std::string("1e10"),
        std::string("1E-10"), std::string("1e+10"), digits, "0." + digits, digits.substr(1) + ".5",
        "00" + digits + "00", std::string("1e126"), std::string("1e-128"), std::string("0.1e127"),
        std::string("0e9999"), std::string("4563442423554324324264524243.32543234")}) {
    EXPECT_TRUE(is_attribute_number(number)) << number;
  }
  for (const std::string& number :
       {std::string(), std::string("-"), std::string("."), std::string("1.2.3"), std::string("1e"),
        std::string("1e1.5"), std::string("e5"), std::string("0x10"), std::string("NaN"),
        std::string("1 "), digits + "9", digits + ".9", std::string("1e127"), std::string("1e-129"),
        std::string("10e126"), std::string("1e99999999999"), std::string("--1"),
        std::string("1e+-1"), std::string(600, '0')}) {
    EXPECT_FALSE(is_attribute_number(number)) << number;
  }
}

TEST(MessageAttributes, AreAtMostTenWithDistinctNames) {
  std::vector<std::string> names;
  for (int i = 0; i < 11; ++i) names.push_back("n" + std::to_string(i));
  std::vector<MessageAttribute> attributes;
  for (const std::string& name : names) attributes.push_back(text(name, "String", "v"));
  EXPECT_TRUE(check_message_attributes(std::span(attributes).first(10)).has_value());
  EXPECT_EQ(check_message_attributes(attributes).error().message,
            "Number of message attributes [11] exceeds the allowed maximum [10].");
  attributes.resize(2);
  attributes[1].name = "n0";
  EXPECT_FALSE(check_message_attributes(attributes).has_value());
}

TEST(MessageSystemAttributes, AreTheTraceHeaderOrNothing) {
  const std::vector<MessageAttribute> trace{text("AWSTraceHeader", "String", "Root=1")};
  EXPECT_TRUE(check_message_system_attributes({}).has_value());
  EXPECT_TRUE(check_message_system_attributes(trace).has_value());
  const std::string longest(1024, 'x');
  const std::string too_long(1025, 'x');
  const std::vector<MessageAttribute> long_trace{text("AWSTraceHeader", "String", longest)};
  EXPECT_TRUE(check_message_system_attributes(long_trace).has_value());
  for (const MessageAttribute& wrong :
       {text("SenderId", "String", "x"), text("AWSTraceHeader", "Number", "1"),
        text("AWSTraceHeader", "String", ""), text("AWSTraceHeader", "String", too_long),
        bytes("AWSTraceHeader", "String", "x")}) {
    const auto checked = check_message_system_attributes({&wrong, 1});
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidParameterValue);
  }
  EXPECT_FALSE(check_message_system_attributes(std::vector{trace[0], trace[0]}).has_value());
}

TEST(CountedSize, IsBodyAndEachNameTypeAndValue) {
  EXPECT_EQ(counted_size("\xC3\xA9", {}), 2);
  const std::vector<MessageAttribute> attributes{text("ab", "String", "cde"),
                                                 bytes("f", "Binary", "\x01\x02")};
  EXPECT_EQ(counted_size("x", attributes), 1 + 2 + 6 + 3 + 1 + 6 + 2);
}

TEST(BatchSize, IsAMebibyte) {
  EXPECT_TRUE(check_batch_size(1'048'576).has_value());
  const auto refused = check_batch_size(1'048'577);
  EXPECT_EQ(refused.error().code, ErrorCode::kBatchRequestTooLong);
  EXPECT_EQ(refused.error().message,
            "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.");
}

}  // namespace
}  // namespace polymq::sqs
