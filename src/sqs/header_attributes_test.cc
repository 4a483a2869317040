// Promises of headers as attributes: all that is told could be sent again.
#include "sqs/header_attributes.h"

#include <gmock/gmock.h>

#include <limits>
#include <string>

#include "sqs/carried_body.h"
#include "sqs/message_checks.h"

namespace polymq::sqs {
namespace {

using engine::Fields;
using engine::Value;
using testing::ElementsAre;
using testing::IsEmpty;

struct Told {
  Arena arena;
  std::vector<MessageAttribute> attributes;

  explicit Told(const Fields& headers) { add_headers(headers, arena, attributes); }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const MessageAttribute& attribute : attributes) names.emplace_back(attribute.name);
    return names;
  }
};

TEST(HeaderAttributes, TextNumbersAndBytesHaveATypeOfTheirOwn) {
  const Told told({{"text", Value::string("a")},
                   {"bytes", Value::binary(std::string("\0\xff", 2))},
                   {"whole", Value::integer(-7)},
                   {"real", Value::real(0.5)}});
  ASSERT_THAT(told.names(), ElementsAre("text", "bytes", "whole", "real"));
  EXPECT_EQ(told.attributes[0].data_type, "String");
  EXPECT_EQ(told.attributes[0].string_value, "a");
  EXPECT_EQ(told.attributes[1].data_type, "Binary");
  EXPECT_EQ(told.attributes[1].binary_value, std::string_view("\0\xff", 2));
  EXPECT_EQ(told.attributes[2].data_type, "Number");
  EXPECT_EQ(told.attributes[2].string_value, "-7");
  EXPECT_EQ(told.attributes[3].data_type, "Number");
  EXPECT_EQ(told.attributes[3].string_value, "0.5");
  EXPECT_TRUE(check_message_attributes(told.attributes));
}

TEST(HeaderAttributes, WhatSqsCouldNotCarryIsLeftOut) {
  for (const char* name : {"my header", "aws.x", "a..b", ".a", "a.", "", "\x01"}) {
    EXPECT_THAT(Told({{name, Value::string("x")}}).names(), IsEmpty()) << name;
  }
  const double endless = std::numeric_limits<double>::infinity();
  for (const Value& value : {Value::string(""), Value::boolean(true), Value(), Value::real(1e300),
                             Value::real(endless)}) {
    EXPECT_THAT(Told({{"a", value}}).names(), IsEmpty()) << engine::to_text(value);
  }
}

TEST(HeaderAttributes, TheFirstOfANameCounts) {
  const Told told({{"a", Value::string("1")}, {"a", Value::string("2")}});
  ASSERT_THAT(told.names(), ElementsAre("a"));
  EXPECT_EQ(told.attributes[0].string_value, "1");
}

TEST(HeaderAttributes, AreAsManyAsThereIsRoomFor) {
  Fields headers;
  for (int i = 0; i < 12; ++i) headers.push_back({"h" + std::to_string(i), Value::string("x")});
  EXPECT_EQ(Told(headers).attributes.size(), 10u);

  Told with_body({});
  carried_body("\xff", with_body.arena, with_body.attributes);
  add_headers(headers, with_body.arena, with_body.attributes);
  EXPECT_EQ(with_body.attributes.size(), 10u);
  EXPECT_TRUE(check_message_attributes(with_body.attributes));
}

}  // namespace
}  // namespace polymq::sqs
