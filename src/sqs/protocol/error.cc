// The table of errors.
#include "sqs/protocol/error.h"

#include <array>
#include <cstddef>

namespace polymq::sqs {
namespace {

using enum ErrorCode;
constexpr bool kUnmodeled = false;

constexpr std::array kErrors{
    ErrorRow{kBatchEntryIdsNotDistinct, "BatchEntryIdsNotDistinct",
             "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400},
    ErrorRow{kBatchRequestTooLong, "BatchRequestTooLong",
             "AWS.SimpleQueueService.BatchRequestTooLong", 400},
    ErrorRow{kEmptyBatchRequest, "EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest",
             400},
    ErrorRow{kInvalidAddress, "InvalidAddress", "InvalidAddress", 404},
    ErrorRow{kInvalidAttributeName, "InvalidAttributeName", "InvalidAttributeName", 400},
    ErrorRow{kInvalidAttributeValue, "InvalidAttributeValue", "InvalidAttributeValue", 400},
    ErrorRow{kInvalidBatchEntryId, "InvalidBatchEntryId",
             "AWS.SimpleQueueService.InvalidBatchEntryId", 400},
    ErrorRow{kInvalidIdFormat, "InvalidIdFormat", "InvalidIdFormat", 400},
    ErrorRow{kInvalidMessageContents, "InvalidMessageContents", "InvalidMessageContents", 400},
    ErrorRow{kInvalidSecurity, "InvalidSecurity", "InvalidSecurity", 403},
    ErrorRow{kKmsAccessDenied, "KmsAccessDenied", "KMS.AccessDeniedException", 400},
    ErrorRow{kKmsDisabled, "KmsDisabled", "KMS.DisabledException", 400},
    ErrorRow{kKmsInvalidKeyUsage, "KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException", 400},
    ErrorRow{kKmsInvalidState, "KmsInvalidState", "KMS.InvalidStateException", 400},
    ErrorRow{kKmsNotFound, "KmsNotFound", "KMS.NotFoundException", 400},
    ErrorRow{kKmsOptInRequired, "KmsOptInRequired", "KMS.OptInRequired", 403},
    ErrorRow{kKmsThrottled, "KmsThrottled", "KMS.ThrottlingException", 400},
    ErrorRow{kMessageNotInflight, "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight",
             400},
    ErrorRow{kOverLimit, "OverLimit", "OverLimit", 403},
    ErrorRow{kPurgeQueueInProgress, "PurgeQueueInProgress",
             "AWS.SimpleQueueService.PurgeQueueInProgress", 403},
    ErrorRow{kQueueDeletedRecently, "QueueDeletedRecently",
             "AWS.SimpleQueueService.QueueDeletedRecently", 400},
    ErrorRow{kQueueDoesNotExist, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue",
             400},
    ErrorRow{kQueueNameExists, "QueueNameExists", "QueueAlreadyExists", 400},
    ErrorRow{kReceiptHandleIsInvalid, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404},
    ErrorRow{kRequestThrottled, "RequestThrottled", "RequestThrottled", 403},
    ErrorRow{kResourceNotFound, "ResourceNotFoundException", "ResourceNotFoundException", 404},
    ErrorRow{kTooManyEntriesInBatchRequest, "TooManyEntriesInBatchRequest",
             "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400},
    ErrorRow{kUnsupportedOperation, "UnsupportedOperation",
             "AWS.SimpleQueueService.UnsupportedOperation", 400},
    ErrorRow{kInvalidParameterValue, "InvalidParameterValueException", "InvalidParameterValue", 400,
             kUnmodeled},
    ErrorRow{kMissingParameter, "MissingRequiredParameterException", "MissingParameter", 400,
             kUnmodeled},
    ErrorRow{kInvalidAction, "UnknownOperationException", "InvalidAction", 400, kUnmodeled},
    ErrorRow{kNoAction, "UnknownOperationException", "InvalidAction", 404, kUnmodeled},
    ErrorRow{kSerialization, "SerializationException", "SerializationException", 400, kUnmodeled},
    ErrorRow{kAccessDenied, "AccessDeniedException", "AccessDenied", 403, kUnmodeled},
    ErrorRow{kMissingAuthenticationToken, "MissingAuthenticationToken",
             "MissingAuthenticationToken", 403, kUnmodeled},
    ErrorRow{kInvalidClientTokenId, "UnrecognizedClientException", "InvalidClientTokenId", 403,
             kUnmodeled},
    ErrorRow{kSignatureDoesNotMatch, "InvalidSignatureException", "SignatureDoesNotMatch", 403,
             kUnmodeled},
    ErrorRow{kIncompleteSignature, "IncompleteSignature", "IncompleteSignature", 400, kUnmodeled},
    ErrorRow{kRequestExpired, "RequestExpired", "RequestExpired", 400, kUnmodeled},
    ErrorRow{kExpiredToken, "ExpiredToken", "ExpiredToken", 403, kUnmodeled},
    ErrorRow{kInternalFailure, "InternalFailure", "InternalFailure", 500, kUnmodeled},
    ErrorRow{kServiceUnavailable, "ServiceUnavailable", "ServiceUnavailable", 503, kUnmodeled},
};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kErrors.size(); ++i) {
    if (static_cast<std::size_t>(kErrors[i].code) != i) return false;
  }
  return static_cast<std::size_t>(kServiceUnavailable) + 1 == kErrors.size();
}
static_assert(is_in_order());

}  // namespace

std::span<const ErrorRow> all_errors() { return kErrors; }

const ErrorRow& row_of(ErrorCode code) { return kErrors[static_cast<std::size_t>(code)]; }

std::string_view default_message(ErrorCode code, bool speaks_json) {
  switch (code) {
    case kQueueDoesNotExist:
      return speaks_json ? "The specified queue does not exist."
                         : "The specified queue does not exist for this wsdl version.";
    case kQueueDeletedRecently:
      return "You must wait 60 seconds after deleting a queue before you can create another with "
             "the same name.";
    case kInvalidBatchEntryId:
      return "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
             "It can be at most 80 letters long.";
    case kInvalidMessageContents:
      return "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to "
             "#xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
    case kOverLimit:
      return "Too many messages are in flight.";
    case kMissingAuthenticationToken:
      return "Request is missing Authentication Token";
    case kInvalidClientTokenId:
      return "The security token included in the request is invalid.";
    case kSignatureDoesNotMatch:
      return "The request signature we calculated does not match the signature you provided. Check "
             "your AWS Secret Access Key and signing method.";
    case kRequestExpired:
      return "Request has expired.";
    case kExpiredToken:
      return "The security token included in the request is expired";
    case kInternalFailure:
      return "The request could not be carried out because of an internal error.";
    case kServiceUnavailable:
      return "The service cannot take requests at the moment.";
    default:
      return row_of(code).shape;
  }
}

}  // namespace polymq::sqs
