// The sentences that clients look for in errors, one builder a condition.
#pragma once

#include <cstdint>
#include <string_view>

#include "sqs/protocol/error.h"

namespace polymq::sqs {

/// `Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between ...`
SqsError invalid_parameter(std::string_view parameter, std::string_view value,
                           std::string_view reason);
/// The same for a number outside of its range.
SqsError out_of_range(std::string_view parameter, std::int64_t value, std::int64_t min,
                      std::int64_t max);
SqsError not_valid_for_this_queue_type(std::string_view parameter, std::string_view value);
SqsError missing_parameter(std::string_view parameter);
SqsError invalid_action(std::string_view action);

SqsError message_too_long(std::int64_t limit_bytes);
/// What an entry of a batch is told instead of message_too_long.
SqsError entry_too_long(std::int64_t limit_bytes);
SqsError batch_too_long(std::int64_t limit_bytes, std::int64_t sent_bytes);
SqsError too_many_entries(std::size_t limit, std::size_t sent);
/// `element` is the name of an entry in forms, e.g. SendMessageBatchRequestEntry.
SqsError empty_batch(std::string_view element);
SqsError repeated_id(std::string_view id);

SqsError invalid_token(std::string_view parameter, std::string_view value);
SqsError no_deduplication_id();

SqsError queue_exists_with_other(std::string_view attribute);
SqsError unknown_attribute(std::string_view name);
SqsError invalid_attribute_value(std::string_view name);
SqsError fifo_queues_only(std::string_view attribute);
SqsError queue_type_is_fixed();
SqsError two_kinds_of_encryption();

SqsError attribute_needs_value(std::string_view name, std::string_view type);
SqsError attribute_type_unsupported(std::string_view name);
SqsError too_many_message_attributes(std::size_t count);

SqsError malformed_receipt_handle(std::string_view handle);
SqsError expired_receipt_handle(std::string_view handle);
SqsError message_not_available(std::string_view handle);
SqsError visibility_beyond_limit(std::int64_t timeout);

SqsError label_exists(std::string_view label);
SqsError label_unknown(std::string_view label);
SqsError permission_action_refused(std::string_view action);

SqsError source_is_no_dead_letter_queue();
/// `parameter` is SourceArn or DestinationArn.
SqsError resource_not_found(std::string_view parameter);
SqsError invalid_task_handle();
SqsError task_unknown();
SqsError task_already_running();

}  // namespace polymq::sqs
