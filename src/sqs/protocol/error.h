// Errors of SQS as values: which one, and what is said about it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace polymq::sqs {

enum class ErrorCode : std::uint8_t {
  kBatchEntryIdsNotDistinct,
  kBatchRequestTooLong,
  kEmptyBatchRequest,
  kInvalidAddress,
  kInvalidAttributeName,
  kInvalidAttributeValue,
  kInvalidBatchEntryId,
  kInvalidIdFormat,
  kInvalidMessageContents,
  kInvalidSecurity,
  kKmsAccessDenied,
  kKmsDisabled,
  kKmsInvalidKeyUsage,
  kKmsInvalidState,
  kKmsNotFound,
  kKmsOptInRequired,
  kKmsThrottled,
  kMessageNotInflight,
  kOverLimit,
  kPurgeQueueInProgress,
  kQueueDeletedRecently,
  kQueueDoesNotExist,
  kQueueNameExists,
  kReceiptHandleIsInvalid,
  kRequestThrottled,
  kResourceNotFound,
  kTooManyEntriesInBatchRequest,
  kUnsupportedOperation,
  kInvalidParameterValue,
  kMissingParameter,
  kInvalidAction,
  kNoAction,  // the request names none at all
  kSerialization,
  kAccessDenied,
  kMissingAuthenticationToken,
  kInvalidClientTokenId,
  kSignatureDoesNotMatch,
  kIncompleteSignature,
  kRequestExpired,
  kExpiredToken,
  kInternalFailure,
  kServiceUnavailable,
};

/// How an error looks in each protocol.
struct ErrorRow {
  ErrorCode code;
  std::string_view shape;       // what follows the # of __type
  std::string_view query_code;  // Code in XML, and in x-amzn-query-error
  std::uint16_t status;
  bool is_modeled = true;  // SDKs have a type for it; decides the namespace before the #
  /// The server's fault rather than the sender's.
  constexpr bool is_receiver_fault() const { return status >= 500; }
};

/// In the order of ErrorCode.
std::span<const ErrorRow> all_errors();
const ErrorRow& row_of(ErrorCode code);

struct SqsError {
  ErrorCode code;
  /// Empty: what `code` says by itself, in the words of the protocol that is spoken.
  std::string message;
};

template <class T>
using SqsResult = Result<T, SqsError>;

inline tl::unexpected<SqsError> refuse(ErrorCode code, std::string message = {}) {
  return tl::make_unexpected(SqsError{code, std::move(message)});
}

/// What is said when an error has no message of its own.
std::string_view default_message(ErrorCode code, bool speaks_json);

}  // namespace polymq::sqs
