// Promises of reading requests that no declaration tells: tolerance, bytes, odd numbering.
#include "sqs/protocol/reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sqs/protocol/actions.h"

namespace polymq::sqs {
namespace {

template <class Action>
struct Read {
  typename Action::Request request;
  SqsResult<void> result;
  Arena arena;

  static std::unique_ptr<Read> json(std::string_view text) {
    auto read = std::make_unique<Read>();
    read->result =
        read_json(text, kStructureOf<typename Action::Request>, &read->request, read->arena);
    return read;
  }
  static std::unique_ptr<Read> form(std::string_view text) {
    auto read = std::make_unique<Read>();
    auto form = parse_form(text, read->arena);
    if (!form) {
      read->result = tl::make_unexpected(form.error());
      return read;
    }
    read->result =
        read_form(*form, kStructureOf<typename Action::Request>, &read->request, read->arena);
    return read;
  }
};

std::vector<std::string> strings(TextList list) { return {list.begin(), list.end()}; }

TEST(JsonReader, NoBytesAreAnEmptyObject) {
  const auto read = Read<action::ListQueues>::json("");
  ASSERT_TRUE(read->result.has_value());
  EXPECT_FALSE(read->request.queue_name_prefix.has_value());
}

TEST(JsonReader, WhatIsNoJsonObjectIsRefused) {
  for (const char* text : {"{", "[]", "7", "nonsense", "{\"QueueUrl\":\"\xFF\"}", "{} {}", " "}) {
    const auto read = Read<action::SendMessage>::json(text);
    ASSERT_FALSE(read->result.has_value()) << text;
    EXPECT_EQ(read->result.error().code, ErrorCode::kSerialization) << text;
  }
}

TEST(JsonReader, DeepNestingIsRefusedRatherThanFollowed) {
  const std::string deep = "{\"x\":" + std::string(100'000, '[');
  const auto read = Read<action::SendMessage>::json(deep);
  ASSERT_FALSE(read->result.has_value());
  EXPECT_EQ(read->result.error().code, ErrorCode::kSerialization);
}

TEST(JsonReader, ManyTinyMembersTakeLittleMoreMemoryThanTheirText) {
  std::string many = "{\"x\":[[]";
  for (int i = 0; i < 1'000'000; ++i) many += ",[]";
  const auto read = Read<action::SendMessage>::json(many + "]}");
  ASSERT_FALSE(read->result.has_value());
  EXPECT_EQ(read->result.error().code, ErrorCode::kSerialization);
  EXPECT_LT(read->arena.capacity(), 4 * many.size() + 1'000'000);
}

TEST(JsonReader, ALargeBodyFullOfEscapesIsRead) {
  std::string body;
  for (int i = 0; i < 170'000; ++i) body += "\\u0009";
  const auto read =
      Read<action::SendMessage>::json("{\"QueueUrl\":\"q\",\"MessageBody\":\"" + body + "\"}");
  ASSERT_TRUE(read->result.has_value()) << read->result.error().message;
  EXPECT_EQ(read->request.message_body, std::string(170'000, '\t'));
}

TEST(JsonReader, AnEscapeInATextOfAnySizeIsRead) {
  for (std::size_t size = 300 * 1024; size <= 1024 * 1024; size += 8 * 1024) {
    const std::string rest(size - 1, 'x');
    const auto read =
        Read<action::SendMessage>::json(R"({"QueueUrl":"q","MessageBody":"\n)" + rest + "\"}");
    ASSERT_TRUE(read->result.has_value()) << size << ": " << read->result.error().message;
    ASSERT_TRUE(read->request.message_body == '\n' + rest) << size;
  }
}

TEST(JsonReader, TheFullestLegalBatchIsRead) {
  std::string entries;
  for (int entry = 0; entry < 10; ++entry) {
    std::string attributes;
    for (int i = 0; i < 10; ++i) {
      attributes += (i == 0 ? "\"" : ",\"") + std::to_string(i) +
                    "\":{\"DataType\":\"String\",\"StringValue\":\"v\"}";
    }
    entries += (entry == 0 ? "" : ",") + ("{\"Id\":\"" + std::to_string(entry)) +
               "\",\"MessageBody\":\"b\",\"MessageAttributes\":{" + attributes + "}}";
  }
  const auto read = Read<action::SendMessageBatch>::json("{\"Entries\":[" + entries + "]}");
  ASSERT_TRUE(read->result.has_value());
  EXPECT_EQ(read->request.entries[9].message_attributes.size(), 10u);
}

TEST(JsonReader, BinaryValuesAreDecodedAndListValuesNoticed) {
  const auto read = Read<action::SendMessage>::json(
      R"({"MessageAttributes":{"b":{"DataType":"Binary","BinaryValue":"AAEC/w=="},
          "l":{"DataType":"String","StringListValues":["x"]}, "n":null}})");
  ASSERT_TRUE(read->result.has_value());
  const MessageAttributes attributes = read->request.message_attributes;
  ASSERT_EQ(attributes.size(), 2u);
  EXPECT_EQ(attributes[0].binary_value, std::string_view("\0\x01\x02\xFF", 4));
  EXPECT_FALSE(attributes[0].has_list_values);
  EXPECT_TRUE(attributes[1].has_list_values);
}

TEST(JsonReader, BinaryValuesThatAreNoBase64AreRefused) {
  const auto read = Read<action::SendMessage>::json(
      R"({"MessageAttributes":{"b":{"DataType":"Binary","BinaryValue":"***"}}})");
  ASSERT_FALSE(read->result.has_value());
  EXPECT_EQ(read->result.error().code, ErrorCode::kSerialization);
}

TEST(JsonReader, AnEmptyListDiffersFromNone) {
  using Batch = Read<action::SendMessageBatch>;
  const auto none = Batch::json("{}");
  const auto empty = Batch::json(R"({"QueueUrl":"q","Entries":[]})");
  const Structure& structure = kStructureOf<action::SendMessageBatch::Request>;
  EXPECT_FALSE(check_required(structure, &none->request, false).has_value());
  EXPECT_TRUE(check_required(structure, &empty->request, false).has_value());
  EXPECT_TRUE(empty->request.entries.empty());
}

TEST(FormReader, AnEmptyListIsABareNameWithoutAValue) {
  const auto names = Read<action::GetQueueAttributes>::form("QueueUrl=q&AttributeName=");
  ASSERT_TRUE(names->result.has_value());
  EXPECT_TRUE(names->request.attribute_names.empty());
  const auto one = Read<action::GetQueueAttributes>::form("QueueUrl=q&AttributeName=All");
  EXPECT_EQ(strings(one->request.attribute_names), std::vector<std::string>{"All"});
  const auto batch =
      Read<action::SendMessageBatch>::form("QueueUrl=q&SendMessageBatchRequestEntry=");
  ASSERT_TRUE(batch->result.has_value());
  EXPECT_TRUE(batch->request.entries.empty());
}

TEST(FormReader, NumbersMayHaveGapsAndAnyOrder) {
  const auto read = Read<action::UntagQueue>::form("TagKey.9=c&TagKey.3=b&TagKey.1=a");
  ASSERT_TRUE(read->result.has_value());
  EXPECT_EQ(strings(read->request.tag_keys), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(FormReader, TenComesAfterNine) {
  const auto read = Read<action::UntagQueue>::form("TagKey.10=ten&TagKey.9=nine");
  EXPECT_EQ(strings(read->request.tag_keys), (std::vector<std::string>{"nine", "ten"}));
}

TEST(FormReader, AMissingNumberMeansOne) {
  const auto names = Read<action::GetQueueAttributes>::form("AttributeName=All");
  EXPECT_EQ(strings(names->request.attribute_names), (std::vector<std::string>{"All"}));
  const auto set =
      Read<action::SetQueueAttributes>::form("Attribute.Name=Policy&Attribute.Value=x");
  ASSERT_EQ(set->request.attributes.size(), 1u);
  EXPECT_EQ(set->request.attributes[0].name, "Policy");
  EXPECT_EQ(set->request.attributes[0].value, "x");
}

TEST(FormReader, NumbersThatNoListHasAreIgnored) {
  const auto read = Read<action::UntagQueue>::form(
      "TagKey.0=zero&TagKey.99999999999=many&TagKey.1x=x&TagKeys.1=plural&TagKey.2=b");
  ASSERT_TRUE(read->result.has_value());
  EXPECT_EQ(strings(read->request.tag_keys), (std::vector<std::string>{"b"}));
}

TEST(FormReader, ANameIsNotTakenForALongerOne) {
  const auto read =
      Read<action::ReceiveMessage>::form("MessageAttributeName.1=m&AttributeName.1=a");
  EXPECT_EQ(strings(read->request.attribute_names), (std::vector<std::string>{"a"}));
  EXPECT_EQ(strings(read->request.message_attribute_names), (std::vector<std::string>{"m"}));
  EXPECT_TRUE(read->request.message_system_attribute_names.empty());
}

TEST(FormReader, BinaryAndListValuesOfAttributes) {
  const auto read = Read<action::SendMessage>::form(
      "MessageAttribute.1.Name=b&MessageAttribute.1.Value.DataType=Binary"
      "&MessageAttribute.1.Value.BinaryValue=AAEC%2Fw%3D%3D"
      "&MessageAttribute.2.Name=l&MessageAttribute.2.Value.StringListValue.1=x");
  ASSERT_TRUE(read->result.has_value());
  const MessageAttributes attributes = read->request.message_attributes;
  ASSERT_EQ(attributes.size(), 2u);
  EXPECT_EQ(attributes[0].binary_value, std::string_view("\0\x01\x02\xFF", 4));
  EXPECT_TRUE(attributes[1].has_list_values);
}

TEST(FormReader, BinaryValuesThatAreNoBase64AreRefused) {
  const auto read = Read<action::SendMessage>::form(
      "MessageAttribute.1.Name=b&MessageAttribute.1.Value.BinaryValue=***");
  ASSERT_FALSE(read->result.has_value());
  EXPECT_EQ(read->result.error().code, ErrorCode::kInvalidParameterValue);
}

TEST(Form, DecodesBlanksAndPercents) {
  Arena arena;
  const auto form = parse_form("a+b=c%20d%2B%zz%4&&empty=&bare&=nameless", arena);
  ASSERT_TRUE(form.has_value());
  ASSERT_EQ(form->size(), 3u);
  EXPECT_EQ((*form)[0].name, "a b");
  EXPECT_EQ((*form)[0].value, "c d+%zz%4");
  EXPECT_EQ((*form)[1].name, "empty");
  EXPECT_EQ((*form)[2].name, "bare");
  EXPECT_EQ((*form)[2].value, "");
}

TEST(Form, WhatIsNotUtf8IsRefused) {
  Arena arena;
  EXPECT_FALSE(parse_form("a=%FF", arena).has_value());
  EXPECT_FALSE(parse_form("%C3=a", arena).has_value());
  EXPECT_TRUE(parse_form("a=%C3%A9", arena).has_value());
}

TEST(Form, TooManyParametersAreRefused) {
  Arena arena;
  EXPECT_TRUE(parse_form(std::string(kMostParameters - 1, '&'), arena).has_value());
  EXPECT_FALSE(parse_form(std::string(kMostParameters, '&'), arena).has_value());
}

TEST(Arena, GivesAlignedMemoryThatStaysUntilReset) {
  Arena arena;
  const std::string_view small = arena.copy("x");
  const auto numbers = arena.array<std::int64_t>(3);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(numbers.data()) % alignof(std::int64_t), 0u);
  const std::string_view large = arena.copy(std::string(1'000'000, 'y'));
  EXPECT_EQ(small, "x");
  EXPECT_EQ(large.size(), 1'000'000u);
  EXPECT_NE(arena.array<std::int64_t>(0).data(), nullptr);
  arena.reset();
  EXPECT_EQ(arena.capacity(), 0u) << "a large block is not kept";
  arena.copy("z");
  const std::size_t held = arena.capacity();
  arena.reset();
  EXPECT_EQ(arena.capacity(), held) << "a usual one is";
}

}  // namespace
}  // namespace polymq::sqs
