// What SQS accepts as a message, and how large it counts it to be; no queue's limits are known
// here.
#pragma once

#include <cstdint>
#include <string_view>

#include "sqs/protocol/error.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

inline constexpr std::int64_t kLargestMessageBytes = 1'048'576;
inline constexpr std::size_t kMostMessageAttributes = 10;
inline constexpr std::size_t kLongestTrace = 1024;  // bytes of AWSTraceHeader

/// Not empty, and XML's characters only. Errors: kMissingParameter, kInvalidMessageContents.
SqsResult<void> check_body(std::string_view body);

/// 1 to 256 bytes of letters, digits, _, - and single inner dots; aws. and amazon. are reserved.
/// Error: kInvalidParameterValue.
SqsResult<void> check_attribute_name(std::string_view name);

/// Number, names, types and values. Errors: kInvalidParameterValue.
SqsResult<void> check_message_attributes(MessageAttributes attributes);

/// Senders may set AWSTraceHeader only. Errors: kInvalidParameterValue.
SqsResult<void> check_message_system_attributes(MessageAttributes attributes);

/// Bytes of the body and of each attribute's name, type and value.
std::int64_t counted_size(std::string_view body, MessageAttributes attributes);

/// Error: kBatchRequestTooLong. `sent_bytes` is the sum of the entries' counted sizes.
SqsResult<void> check_batch_size(std::int64_t sent_bytes);

/// A decimal number of at most 38 digits between 10^-128 and 10^126, or zero.
bool is_attribute_number(std::string_view text);

}  // namespace polymq::sqs
