// Actions that send, receive and settle messages.
#pragma once

#include <array>

#include "sqs/protocol/shape.h"

namespace polymq::sqs::action {

/// A part of a batch that failed; the others went through.
struct FailedEntry {
  std::string_view id{};
  bool sender_fault = true;
  std::string_view code{};
  OptionalText message{};
  static constexpr std::array kFields{
      field<&FailedEntry::id>("Id").required(),
      field<&FailedEntry::sender_fault>("SenderFault").required(),
      field<&FailedEntry::code>("Code").required(),
      field<&FailedEntry::message>("Message"),
  };
};

/// A part of a batch that went through, where nothing more is to be said.
struct DoneEntry {
  std::string_view id{};
  static constexpr std::array kFields{field<&DoneEntry::id>("Id").required()};
};

struct SendMessage {
  static constexpr std::string_view kName = "SendMessage";
  struct Request {
    std::string_view queue_url{};
    std::string_view message_body{};
    OptionalInteger delay_seconds{};
    MessageAttributes message_attributes{};
    MessageAttributes message_system_attributes{};
    OptionalText message_deduplication_id{};
    OptionalText message_group_id{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::message_body>("MessageBody").required(),
        field<&Request::delay_seconds>("DelaySeconds").range(0, 900),
        field<&Request::message_attributes>("MessageAttributes").query("MessageAttribute"),
        field<&Request::message_system_attributes>("MessageSystemAttributes")
            .query("MessageSystemAttribute"),
        field<&Request::message_deduplication_id>("MessageDeduplicationId"),
        field<&Request::message_group_id>("MessageGroupId"),
    };
  };
  struct Answer {
    std::string_view md5_of_message_body{};
    OptionalText md5_of_message_attributes{};
    OptionalText md5_of_message_system_attributes{};
    std::string_view message_id{};
    OptionalText sequence_number{};
    static constexpr std::array kFields{
        field<&Answer::md5_of_message_body>("MD5OfMessageBody"),
        field<&Answer::md5_of_message_attributes>("MD5OfMessageAttributes"),
        field<&Answer::md5_of_message_system_attributes>("MD5OfMessageSystemAttributes"),
        field<&Answer::message_id>("MessageId"),
        field<&Answer::sequence_number>("SequenceNumber"),
    };
  };
};

struct SendMessageBatch {
  static constexpr std::string_view kName = "SendMessageBatch";
  struct Entry {
    std::string_view id{};
    std::string_view message_body{};
    OptionalInteger delay_seconds{};
    MessageAttributes message_attributes{};
    MessageAttributes message_system_attributes{};
    OptionalText message_deduplication_id{};
    OptionalText message_group_id{};
    static constexpr std::array kFields{
        field<&Entry::id>("Id").required(),
        field<&Entry::message_body>("MessageBody").required(),
        field<&Entry::delay_seconds>("DelaySeconds").range(0, 900),
        field<&Entry::message_attributes>("MessageAttributes").query("MessageAttribute"),
        field<&Entry::message_system_attributes>("MessageSystemAttributes")
            .query("MessageSystemAttribute"),
        field<&Entry::message_deduplication_id>("MessageDeduplicationId"),
        field<&Entry::message_group_id>("MessageGroupId"),
    };
  };
  struct Request {
    std::string_view queue_url{};
    std::span<const Entry> entries{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::entries>("Entries").query("SendMessageBatchRequestEntry").required(),
    };
  };
  struct Sent {
    std::string_view id{};
    std::string_view message_id{};
    std::string_view md5_of_message_body{};
    OptionalText md5_of_message_attributes{};
    OptionalText md5_of_message_system_attributes{};
    OptionalText sequence_number{};
    static constexpr std::array kFields{
        field<&Sent::id>("Id").required(),
        field<&Sent::message_id>("MessageId").required(),
        field<&Sent::md5_of_message_body>("MD5OfMessageBody").required(),
        field<&Sent::md5_of_message_attributes>("MD5OfMessageAttributes"),
        field<&Sent::md5_of_message_system_attributes>("MD5OfMessageSystemAttributes"),
        field<&Sent::sequence_number>("SequenceNumber"),
    };
  };
  struct Answer {
    std::span<const Sent> successful{};
    std::span<const FailedEntry> failed{};
    static constexpr std::array kFields{
        field<&Answer::successful>("Successful").query("SendMessageBatchResultEntry"),
        field<&Answer::failed>("Failed").query("BatchResultErrorEntry"),
    };
  };
};

struct ReceiveMessage {
  static constexpr std::string_view kName = "ReceiveMessage";
  struct Request {
    std::string_view queue_url{};
    TextList attribute_names{};  // deprecated; means the same as the next
    TextList message_system_attribute_names{};
    TextList message_attribute_names{};
    OptionalInteger max_number_of_messages{};
    OptionalInteger visibility_timeout{};
    OptionalInteger wait_time_seconds{};
    OptionalText receive_request_attempt_id{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::attribute_names>("AttributeNames").query("AttributeName"),
        field<&Request::message_system_attribute_names>("MessageSystemAttributeNames")
            .query("MessageSystemAttributeName"),
        field<&Request::message_attribute_names>("MessageAttributeNames")
            .query("MessageAttributeName"),
        field<&Request::max_number_of_messages>("MaxNumberOfMessages").range(1, 10),
        field<&Request::visibility_timeout>("VisibilityTimeout").range(0, 43200),
        field<&Request::wait_time_seconds>("WaitTimeSeconds").range(0, 20),
        field<&Request::receive_request_attempt_id>("ReceiveRequestAttemptId"),
    };
  };
  struct Message {
    std::string_view message_id{};
    std::string_view receipt_handle{};
    std::string_view md5_of_body{};
    std::string_view body{};
    TextMap attributes{};
    OptionalText md5_of_message_attributes{};
    MessageAttributes message_attributes{};
    static constexpr std::array kFields{
        field<&Message::message_id>("MessageId"),
        field<&Message::receipt_handle>("ReceiptHandle"),
        field<&Message::md5_of_body>("MD5OfBody"),
        field<&Message::body>("Body"),
        field<&Message::attributes>("Attributes").query("Attribute"),
        field<&Message::md5_of_message_attributes>("MD5OfMessageAttributes"),
        field<&Message::message_attributes>("MessageAttributes").query("MessageAttribute"),
    };
  };
  struct Answer {
    std::span<const Message> messages{};
    static constexpr std::array kFields{field<&Answer::messages>("Messages").query("Message")};
  };
};

struct DeleteMessage {
  static constexpr std::string_view kName = "DeleteMessage";
  struct Request {
    std::string_view queue_url{};
    std::string_view receipt_handle{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::receipt_handle>("ReceiptHandle").required(),
    };
  };
  struct Answer {
    static constexpr std::array<Field, 0> kFields{};
  };
};

struct DeleteMessageBatch {
  static constexpr std::string_view kName = "DeleteMessageBatch";
  struct Entry {
    std::string_view id{};
    std::string_view receipt_handle{};
    static constexpr std::array kFields{
        field<&Entry::id>("Id").required(),
        field<&Entry::receipt_handle>("ReceiptHandle").required(),
    };
  };
  struct Request {
    std::string_view queue_url{};
    std::span<const Entry> entries{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::entries>("Entries").query("DeleteMessageBatchRequestEntry").required(),
    };
  };
  struct Answer {
    std::span<const DoneEntry> successful{};
    std::span<const FailedEntry> failed{};
    static constexpr std::array kFields{
        field<&Answer::successful>("Successful").query("DeleteMessageBatchResultEntry"),
        field<&Answer::failed>("Failed").query("BatchResultErrorEntry"),
    };
  };
};

struct ChangeMessageVisibility {
  static constexpr std::string_view kName = "ChangeMessageVisibility";
  struct Request {
    std::string_view queue_url{};
    std::string_view receipt_handle{};
    OptionalInteger visibility_timeout{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::receipt_handle>("ReceiptHandle").required(),
        field<&Request::visibility_timeout>("VisibilityTimeout").range(0, 43200).required(),
    };
  };
  struct Answer {
    static constexpr std::array<Field, 0> kFields{};
  };
};

struct ChangeMessageVisibilityBatch {
  static constexpr std::string_view kName = "ChangeMessageVisibilityBatch";
  struct Entry {
    std::string_view id{};
    std::string_view receipt_handle{};
    OptionalInteger visibility_timeout{};  // an entry without it fails by itself
    static constexpr std::array kFields{
        field<&Entry::id>("Id").required(),
        field<&Entry::receipt_handle>("ReceiptHandle").required(),
        field<&Entry::visibility_timeout>("VisibilityTimeout").range(0, 43200),
    };
  };
  struct Request {
    std::string_view queue_url{};
    std::span<const Entry> entries{};
    static constexpr std::array kFields{
        field<&Request::queue_url>("QueueUrl").required(),
        field<&Request::entries>("Entries")
            .query("ChangeMessageVisibilityBatchRequestEntry")
            .required(),
    };
  };
  struct Answer {
    std::span<const DoneEntry> successful{};
    std::span<const FailedEntry> failed{};
    static constexpr std::array kFields{
        field<&Answer::successful>("Successful").query("ChangeMessageVisibilityBatchResultEntry"),
        field<&Answer::failed>("Failed").query("BatchResultErrorEntry"),
    };
  };
};

}  // namespace polymq::sqs::action
