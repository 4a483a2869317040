// Which names and ids SQS accepts.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "sqs/protocol/error.h"

namespace polymq::sqs {

inline constexpr std::size_t kMostBatchEntries = 10;
inline constexpr std::string_view kFifoSuffix = ".fifo";

/// 1 to 80 of A-Z a-z 0-9 - _, with .fifo at the end exactly for FIFO queues.
/// Error: kInvalidParameterValue.
SqsResult<void> check_queue_name(std::string_view name, bool is_fifo);
/// The same whichever of the two the queue is.
bool is_queue_name(std::string_view name);

/// 1 to 80 of A-Z a-z 0-9 - _: ids of batch entries and labels of permissions.
bool is_id(std::string_view id);
/// Error: kInvalidParameterValue.
SqsResult<void> check_label(std::string_view label);

/// 1 to 128 letters, digits and ASCII punctuation: MessageGroupId, MessageDeduplicationId and
/// ReceiveRequestAttemptId, whichever `parameter` says. Error: kInvalidParameterValue.
SqsResult<void> check_token(std::string_view parameter, std::string_view value);

/// A tag's key has 1 to 128 characters and does not begin with `aws:`, its value has up to 256.
/// Error: kInvalidParameterValue.
SqsResult<void> check_tag(std::string_view key, std::string_view value);

/// Errors: kEmptyBatchRequest, kTooManyEntriesInBatchRequest. `element` is what an entry is called
/// in forms.
SqsResult<void> check_batch_count(std::size_t count, std::string_view element);
/// Errors: kBatchEntryIdsNotDistinct, kInvalidBatchEntryId.
SqsResult<void> check_batch_ids(std::span<const std::string_view> ids);

/// Both for the decoded entries of a batch action.
template <class Request>
SqsResult<void> check_batch(const Request& request) {
  const auto entries = request.entries;
  auto counted = check_batch_count(entries.size(), Request::kFields.back().query_name);
  if (!counted) return counted;
  std::array<std::string_view, kMostBatchEntries> ids;
  for (std::size_t i = 0; i < entries.size(); ++i) ids[i] = entries[i].id;
  return check_batch_ids(std::span(ids).first(entries.size()));
}

}  // namespace polymq::sqs
