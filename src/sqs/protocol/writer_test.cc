// Promises of answers and errors, byte for byte.
#include "sqs/protocol/writer.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <string>

#include "sqs/protocol/error_messages.h"
#include "sqs/protocol/escape.h"

namespace polymq::sqs {
namespace {

constexpr std::string_view kId = "00000000-0000-4000-8000-000000000000";

template <class Action>
std::string written(AnswerFormat format, const typename Action::Answer& answer) {
  Buffer out;
  write_answer<Action>(out, format, answer, kId);
  return std::string(out.view());
}

std::string xml(std::string_view action, std::string_view result) {
  std::string text = "<?xml version=\"1.0\"?><" + std::string(action) +
                     "Response xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">";
  text.append(result).append("<ResponseMetadata><RequestId>").append(kId);
  return text.append("</RequestId></ResponseMetadata></").append(action).append("Response>");
}

TEST(Writer, AnActionWithoutResultAnswersAnEmptyObjectOrMetadataOnly) {
  EXPECT_EQ(written<action::DeleteQueue>(AnswerFormat::kJson, {}), "{}");
  EXPECT_EQ(written<action::DeleteQueue>(AnswerFormat::kXml, {}), xml("DeleteQueue", ""));
  EXPECT_EQ(written<action::DeleteQueue>(AnswerFormat::kQueryJson, {}),
            R"({"DeleteQueueResponse":{"ResponseMetadata":{"RequestId":")" + std::string(kId) +
                R"("}}})");
}

TEST(Writer, AnEmptyReceiveHasNoMessages) {
  EXPECT_EQ(written<action::ReceiveMessage>(AnswerFormat::kJson, {}), "{}");
  EXPECT_EQ(written<action::ReceiveMessage>(AnswerFormat::kXml, {}),
            xml("ReceiveMessage", "<ReceiveMessageResult/>"));
}

TEST(Writer, AnEmptyListThatIsRequiredIsThere) {
  EXPECT_EQ(written<action::ListDeadLetterSourceQueues>(AnswerFormat::kJson, {}),
            R"({"queueUrls":[]})");
  EXPECT_EQ(written<action::ListQueues>(AnswerFormat::kJson, {}), "{}");
}

action::ReceiveMessage::Message sample_message(std::span<const NamedText> attributes,
                                               MessageAttributes message_attributes) {
  return {.message_id = "id",
          .receipt_handle = "handle",
          .md5_of_body = "md5",
          .body = "<a>&\r\n\"\\\x01",
          .attributes = attributes,
          .md5_of_message_attributes = "md5a",
          .message_attributes = message_attributes};
}

const std::array kAttributes{NamedText{"SentTimestamp", "1"}, NamedText{"SenderId", "x"}};
const std::array kMessageAttributes{
    MessageAttribute{.name = "s", .data_type = "String", .string_value = "v&"},
    MessageAttribute{
        .name = "b", .data_type = "Binary", .binary_value = std::string_view("\0\x01", 2)}};

TEST(Writer, AMessageInJson) {
  const std::array messages{sample_message(kAttributes, kMessageAttributes)};
  EXPECT_EQ(written<action::ReceiveMessage>(AnswerFormat::kJson, {.messages = messages}),
            R"({"Messages":[{"MessageId":"id","ReceiptHandle":"handle","MD5OfBody":"md5",)"
            R"("Body":"<a>&\r\n\"\\\u0001","Attributes":{"SentTimestamp":"1","SenderId":"x"},)"
            R"("MD5OfMessageAttributes":"md5a","MessageAttributes":{)"
            R"("s":{"StringValue":"v&","DataType":"String"},)"
            R"("b":{"BinaryValue":"AAE=","DataType":"Binary"}}}]})");
}

TEST(Writer, AMessageInXmlIsFlatAndKeepsItsCarriageReturn) {
  const std::array messages{sample_message(kAttributes, kMessageAttributes)};
  EXPECT_EQ(written<action::ReceiveMessage>(AnswerFormat::kXml, {.messages = messages}),
            xml("ReceiveMessage",
                "<ReceiveMessageResult><Message><MessageId>id</MessageId>"
                "<ReceiptHandle>handle</ReceiptHandle><MD5OfBody>md5</MD5OfBody>"
                "<Body>&lt;a&gt;&amp;&#xD;\n\"\\\xEF\xBF\xBD</Body>"
                "<Attribute><Name>SentTimestamp</Name><Value>1</Value></Attribute>"
                "<Attribute><Name>SenderId</Name><Value>x</Value></Attribute>"
                "<MD5OfMessageAttributes>md5a</MD5OfMessageAttributes>"
                "<MessageAttribute><Name>s</Name><Value><StringValue>v&amp;</StringValue>"
                "<DataType>String</DataType></Value></MessageAttribute>"
                "<MessageAttribute><Name>b</Name><Value><BinaryValue>AAE=</BinaryValue>"
                "<DataType>Binary</DataType></Value></MessageAttribute>"
                "</Message></ReceiveMessageResult>"));
}

TEST(Writer, TheTreeAsJsonHasTheElementsOfXml) {
  const std::array urls{std::string_view("http://a/1/q"), std::string_view("http://a/1/r")};
  EXPECT_EQ(written<action::ListQueues>(AnswerFormat::kQueryJson,
                                        {.queue_urls = urls, .next_token = "t"}),
            R"({"ListQueuesResponse":{"ListQueuesResult":{"QueueUrl":["http://a/1/q",)"
            R"("http://a/1/r"],"NextToken":"t"},"ResponseMetadata":{"RequestId":")" +
                std::string(kId) + R"("}}})");
  EXPECT_NE(
      written<action::GetQueueAttributes>(AnswerFormat::kQueryJson, {.attributes = kAttributes})
          .find(R"({"Attribute":[{"Name":"SentTimestamp","Value":"1"},)"),
      std::string::npos);
  const std::array messages{sample_message(kAttributes, kMessageAttributes)};
  EXPECT_NE(written<action::ReceiveMessage>(AnswerFormat::kQueryJson, {.messages = messages})
                .find(R"("MessageAttribute":[{"Name":"s","Value":{"StringValue":"v&")"),
            std::string::npos);
}

TEST(Writer, BatchesOmitTheEmptyHalf) {
  const std::array failed{action::FailedEntry{.id = "1", .code = "InvalidParameterValue"}};
  EXPECT_EQ(written<action::DeleteMessageBatch>(AnswerFormat::kJson, {.failed = failed}),
            R"({"Failed":[{"Id":"1","SenderFault":true,"Code":"InvalidParameterValue"}]})");
  const std::array done{action::DoneEntry{"1"}, action::DoneEntry{"2"}};
  EXPECT_EQ(written<action::DeleteMessageBatch>(AnswerFormat::kXml, {.successful = done}),
            xml("DeleteMessageBatch",
                "<DeleteMessageBatchResult><DeleteMessageBatchResultEntry><Id>1</Id>"
                "</DeleteMessageBatchResultEntry><DeleteMessageBatchResultEntry><Id>2</Id>"
                "</DeleteMessageBatchResultEntry></DeleteMessageBatchResult>"));
}

TEST(Writer, TagsAreKeysAndValues) {
  const std::array tags{NamedText{"k", "v"}};
  EXPECT_EQ(written<action::ListQueueTags>(AnswerFormat::kJson, {.tags = tags}),
            R"({"Tags":{"k":"v"}})");
  EXPECT_EQ(written<action::ListQueueTags>(AnswerFormat::kXml, {.tags = tags}),
            xml("ListQueueTags",
                "<ListQueueTagsResult><Tag><Key>k</Key><Value>v</Value></Tag>"
                "</ListQueueTagsResult>"));
}

TEST(Writer, MoveTasksHaveNumbers) {
  const std::array tasks{action::ListMessageMoveTasks::Task{
      .status = "RUNNING", .source_arn = "arn", .started_timestamp = 1700000000000}};
  EXPECT_EQ(written<action::ListMessageMoveTasks>(AnswerFormat::kJson, {.results = tasks}),
            R"({"Results":[{"Status":"RUNNING","SourceArn":"arn",)"
            R"("ApproximateNumberOfMessagesMoved":0,"StartedTimestamp":1700000000000}]})");
}

/// Two blocks of those that are looked at together, and a rest.
constexpr std::size_t kLength = 40;

TEST(Escape, JsonComesBackAsItWasWhereverTheOddCharacterStands) {
  for (std::size_t at = 0; at < kLength; ++at) {
    for (int octet = 1; octet < 128; ++octet) {
      std::string text(kLength, 'x');
      text[at] = static_cast<char>(octet);
      Buffer out;
      append_json_string(out, text);
      const auto parsed = boost::json::parse({out.view().data(), out.size()});
      ASSERT_EQ(std::string(parsed.as_string()), text) << octet << " at " << at;
    }
  }
}

TEST(Escape, XmlHasNoRawMarkupWhereverItStands) {
  for (std::size_t at = 0; at < kLength; ++at) {
    for (const char c : {'<', '>', '&', '\r', '\x02'}) {
      std::string text(kLength, 'x');
      text[at] = c;
      Buffer out;
      append_xml_text(out, text);
      EXPECT_EQ(out.view().substr(0, at), text.substr(0, at));
      EXPECT_TRUE(out.view()[at] == '&' || out.view()[at] == '\xEF') << at;
      EXPECT_TRUE(out.view().ends_with(text.substr(at + 1)));
    }
  }
  Buffer out;
  append_xml_text(out, "\xEF\xBB\xBF\xEF\xBF\xBE\xEF\xBF\xBF\xEF\xBF\xBD\t");
  EXPECT_EQ(out.view(), "\xEF\xBB\xBF\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\t");
}

std::string error_body(AnswerFormat format, const SqsError& error, ErrorHead& head) {
  Buffer out;
  head = write_error(out, format, error, kId);
  return std::string(out.view());
}

TEST(Errors, SayTheirShapeInJsonAndTheirQueryCodeInTheHead) {
  ErrorHead head;
  EXPECT_EQ(error_body(AnswerFormat::kJson, {ErrorCode::kQueueDoesNotExist, {}}, head),
            R"({"__type":"com.amazonaws.sqs#QueueDoesNotExist",)"
            R"("message":"The specified queue does not exist."})");
  EXPECT_EQ(head.status, 400);
  EXPECT_EQ(head.query_code, "AWS.SimpleQueueService.NonExistentQueue");
  EXPECT_EQ(head.fault, "Sender");
  EXPECT_EQ(head.content_type, "application/x-amz-json-1.0");
  EXPECT_EQ(error_body(AnswerFormat::kJson, missing_parameter("QueueUrl"), head),
            R"({"__type":"com.amazon.coral.service#MissingRequiredParameterException",)"
            R"("message":"The request must contain the parameter QueueUrl."})");
}

TEST(Errors, SayTheirQueryCodeInXml) {
  ErrorHead head;
  EXPECT_EQ(error_body(AnswerFormat::kXml, {ErrorCode::kQueueDoesNotExist, {}}, head),
            "<?xml version=\"1.0\"?><ErrorResponse "
            "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>"
            "<Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does "
            "not exist for this wsdl version.</Message><Detail/></Error><RequestId>" +
                std::string(kId) + "</RequestId></ErrorResponse>");
  EXPECT_EQ(head.content_type, "text/xml");
}

TEST(Errors, OfTheServerAreTheReceivers) {
  ErrorHead head;
  const std::string body = error_body(AnswerFormat::kXml, {ErrorCode::kInternalFailure, {}}, head);
  EXPECT_EQ(head.status, 500);
  EXPECT_EQ(head.fault, "Receiver");
  EXPECT_NE(body.find("<Type>Receiver</Type>"), std::string::npos);
}

TEST(Errors, WithoutAnyActionAreABareElement) {
  ErrorHead head;
  EXPECT_EQ(error_body(AnswerFormat::kXml, {ErrorCode::kNoAction, {}}, head),
            "<UnknownOperationException/>\n");
  EXPECT_EQ(head.status, 404);
}

TEST(Errors, EscapeWhatClientsSent) {
  ErrorHead head;
  const SqsError error = unknown_attribute("<\"x\">");
  EXPECT_NE(error_body(AnswerFormat::kXml, error, head).find("&lt;\"x\"&gt;"), std::string::npos);
  EXPECT_NE(error_body(AnswerFormat::kJson, error, head).find(R"(<\"x\">)"), std::string::npos);
}

TEST(Errors, OfEntriesSayWhoseFaultTheyAre) {
  const SqsError error = entry_too_long(1024);
  const action::FailedEntry sender = failed_entry("a", error, AnswerFormat::kJson);
  EXPECT_EQ(sender.id, "a");
  EXPECT_TRUE(sender.sender_fault);
  EXPECT_EQ(sender.code, "InvalidParameterValue");
  EXPECT_EQ(sender.message, error.message);
  const SqsError internal{ErrorCode::kInternalFailure, {}};
  EXPECT_FALSE(failed_entry("a", internal, AnswerFormat::kXml).sender_fault);
}

TEST(Errors, QuoteLongValuesInPart) {
  std::string huge;
  for (int i = 0; i < 10'000; ++i) huge += "\xC3\xA9";
  const SqsError error = malformed_receipt_handle("x" + huge);
  EXPECT_LT(error.message.size(), 1200u);
  EXPECT_NE(error.message.find("\xC3\xA9\" is not"), std::string::npos);
}

TEST(Errors, AreAllInBothProtocolsWithAStatusAndSomethingToSay) {
  for (const ErrorRow& row : all_errors()) {
    EXPECT_FALSE(row.shape.empty());
    EXPECT_FALSE(row.query_code.empty()) << row.shape;
    EXPECT_TRUE(row.status >= 400 && row.status < 600) << row.shape;
    for (const bool speaks_json : {false, true}) {
      EXPECT_FALSE(default_message(row.code, speaks_json).empty()) << row.shape;
    }
  }
}

}  // namespace
}  // namespace polymq::sqs
