// Promises of bodies that SQS cannot carry as they are.
#include "sqs/carried_body.h"

#include <gmock/gmock.h>

namespace polymq::sqs {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const MessageAttribute kMark{
    .name = kEncodingAttribute, .data_type = "String", .string_value = "base64"};
const MessageAttribute kOther{.name = "other", .data_type = "String", .string_value = "base64"};

TEST(CarriedBody, TextIsCarriedAsItIs) {
  Arena arena;
  std::vector<MessageAttribute> attributes;
  EXPECT_EQ(carried_body("text", arena, attributes), "text");
  EXPECT_THAT(attributes, IsEmpty());
}

TEST(CarriedBody, AnythingElseComesBackAsItWas) {
  for (const std::string& body : {std::string("\0\xff", 2), std::string(), std::string("\x01")}) {
    Arena arena;
    std::vector<MessageAttribute> attributes{kOther};
    const std::string_view carried = carried_body(body, arena, attributes);
    ASSERT_THAT(attributes, SizeIs(2));
    EXPECT_EQ(attributes.back().name, kEncodingAttribute);
    if (body.empty()) continue;  // and SQS takes no empty one
    EXPECT_NE(carried, body);
    const SentBody sent = sent_body(carried, attributes, arena);
    EXPECT_EQ(sent.body, body);
    ASSERT_THAT(sent.attributes, SizeIs(1));
    EXPECT_EQ(sent.attributes.front().name, "other");
  }
}

TEST(CarriedBody, WhatWasNotCarriedStaysAsItIs) {
  Arena arena;
  const auto stays = [&](std::string_view body, const MessageAttribute& attribute) {
    const SentBody sent = sent_body(body, {&attribute, 1}, arena);
    return sent.body == body && sent.attributes.size() == 1;
  };
  EXPECT_TRUE(stays("AP8=", kOther)) << "nobody says that it is base64";
  EXPECT_TRUE(stays("no base64", kMark));
  EXPECT_TRUE(stays("dGV4dA==", kMark)) << "of text: receivers get what was sent";
  EXPECT_FALSE(stays("AP8=", kMark));
}

}  // namespace
}  // namespace polymq::sqs
