// The sentences of errors.
#include "sqs/protocol/error_messages.h"

#include <fmt/format.h>

namespace polymq::sqs {
namespace {

using enum ErrorCode;

/// Longer values are cut in what is said about them, between two characters.
constexpr std::size_t kLongestQuote = 1024;

std::string_view quoted(std::string_view value) {
  if (value.size() <= kLongestQuote) return value;
  std::size_t size = kLongestQuote;
  while (size != 0 && (static_cast<unsigned char>(value[size]) & 0xC0) == 0x80) --size;
  return value.substr(0, size);
}

template <class... T>
SqsError invalid(fmt::format_string<T...> form, T&&... values) {
  return {kInvalidParameterValue, fmt::format(form, std::forward<T>(values)...)};
}

}  // namespace

SqsError invalid_parameter(std::string_view parameter, std::string_view value,
                           std::string_view reason) {
  return invalid("Value {} for parameter {} is invalid. Reason: {}", quoted(value), parameter,
                 reason);
}

SqsError out_of_range(std::string_view parameter, std::int64_t value, std::int64_t min,
                      std::int64_t max) {
  const std::string reason = min == 0
                                 ? fmt::format("Must be >= 0 and <= {}, if provided.", max)
                                 : fmt::format("Must be between {} and {}, if provided.", min, max);
  return invalid_parameter(parameter, fmt::format("{}", value), reason);
}

SqsError not_valid_for_this_queue_type(std::string_view parameter, std::string_view value) {
  return invalid_parameter(parameter, value,
                           "The request include parameter that is not valid for this queue type.");
}

SqsError missing_parameter(std::string_view parameter) {
  return {kMissingParameter, fmt::format("The request must contain the parameter {}.", parameter)};
}

SqsError invalid_action(std::string_view action) {
  return {kInvalidAction,
          fmt::format("The action {} is not valid for this endpoint.", quoted(action))};
}

SqsError message_too_long(std::int64_t limit_bytes) {
  return invalid(
      "One or more parameters are invalid. Reason: Message must be shorter than {} bytes.",
      limit_bytes);
}

SqsError entry_too_long(std::int64_t limit_bytes) {
  return invalid(
      "One or more parameters cannot be validated. Reason: Message must be shorter than {} bytes.",
      limit_bytes);
}

SqsError batch_too_long(std::int64_t limit_bytes, std::int64_t sent_bytes) {
  return {kBatchRequestTooLong,
          fmt::format("Batch requests cannot be longer than {} bytes. You have sent {} bytes.",
                      limit_bytes, sent_bytes)};
}

SqsError too_many_entries(std::size_t limit, std::size_t sent) {
  return {
      kTooManyEntriesInBatchRequest,
      fmt::format("Maximum number of entries per request are {}. You have sent {}.", limit, sent)};
}

SqsError empty_batch(std::string_view element) {
  return {kEmptyBatchRequest,
          fmt::format("There should be at least one {} in the request.", element)};
}

SqsError repeated_id(std::string_view id) {
  return {kBatchEntryIdsNotDistinct, fmt::format("Id {} repeated.", quoted(id))};
}

SqsError invalid_token(std::string_view parameter, std::string_view value) {
  return invalid_parameter(
      parameter, value,
      fmt::format(
          "{} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
          parameter));
}

SqsError no_deduplication_id() {
  return invalid(
      "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId "
      "provided explicitly");
}

SqsError queue_exists_with_other(std::string_view attribute) {
  return {kQueueNameExists,
          fmt::format("A queue already exists with the same name and a different value for "
                      "attribute {}",
                      attribute)};
}

SqsError unknown_attribute(std::string_view name) {
  return {kInvalidAttributeName, fmt::format("Unknown Attribute {}.", quoted(name))};
}

SqsError invalid_attribute_value(std::string_view name) {
  return {kInvalidAttributeValue, fmt::format("Invalid value for the parameter {}.", name)};
}

SqsError fifo_queues_only(std::string_view attribute) {
  return {kInvalidAttributeName,
          fmt::format("You can specify the {} only when FifoQueue is set to true.", attribute)};
}

SqsError queue_type_is_fixed() {
  return {kInvalidAttributeValue,
          "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not "
          "supported."};
}

SqsError two_kinds_of_encryption() {
  return {kInvalidAttributeName,
          "You can use one type of server-side encryption (SSE) at one time. You can either enable "
          "KMS SSE or SQS SSE."};
}

SqsError attribute_needs_value(std::string_view name, std::string_view type) {
  return invalid("Message (user) attribute '{}' must contain a non-empty value of type '{}'.",
                 quoted(name), type);
}

SqsError attribute_type_unsupported(std::string_view name) {
  return invalid(
      "The message attribute '{}' has an invalid message attribute type, the set of supported type "
      "prefixes is Binary, Number, and String.",
      quoted(name));
}

SqsError too_many_message_attributes(std::size_t count) {
  return invalid("Number of message attributes [{}] exceeds the allowed maximum [10].", count);
}

SqsError malformed_receipt_handle(std::string_view handle) {
  return {kReceiptHandleIsInvalid,
          fmt::format("The input receipt handle \"{}\" is not a valid receipt handle.",
                      quoted(handle))};
}

SqsError expired_receipt_handle(std::string_view handle) {
  return invalid_parameter("ReceiptHandle", handle, "The receipt handle has expired.");
}

SqsError message_not_available(std::string_view handle) {
  return invalid_parameter(
      "ReceiptHandle", handle,
      "Message does not exist or is not available for visibility timeout change.");
}

SqsError visibility_beyond_limit(std::int64_t timeout) {
  return invalid_parameter(
      "VisibilityTimeout", fmt::format("{}", timeout),
      "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].");
}

SqsError label_exists(std::string_view label) {
  return invalid_parameter("Label", label, "Already exists.");
}

SqsError label_unknown(std::string_view label) {
  return invalid_parameter("Label", label, "can't find label.");
}

SqsError permission_action_refused(std::string_view action) {
  return invalid_parameter("ActionName", fmt::format("SQS:{}", quoted(action)),
                           "Only the queue owner is allowed to invoke this action.");
}

SqsError source_is_no_dead_letter_queue() {
  return invalid("Source queue must be configured as a Dead Letter Queue.");
}

SqsError resource_not_found(std::string_view parameter) {
  return {kResourceNotFound,
          fmt::format("The resource that you specified for the {} parameter doesn't exist.",
                      parameter)};
}

SqsError invalid_task_handle() { return invalid("Value for parameter TaskHandle is invalid."); }

SqsError task_unknown() { return {kResourceNotFound, "Task does not exist."}; }

SqsError task_already_running() {
  return invalid(
      "There is already a task running. Only one active task is allowed for a source queue arn at "
      "a given time.");
}

}  // namespace polymq::sqs
