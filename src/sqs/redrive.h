// Dead-letter queues: which queue uses which, and whether it may.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sqs/protocol/error.h"
#include "sqs/queue_attributes.h"

namespace polymq::sqs {

/// The name of its dead-letter queue, if it has one. Queues are known by their names: of an ARN
/// neither region nor account counts.
std::optional<std::string> dead_letter_queue_of(const QueueSettings& settings);

/// May messages go from `source` to the queue with these settings, and back? What its
/// RedriveAllowPolicy says.
bool may_redrive(std::string_view source, const QueueSettings& target);

/// Null: there is no such queue.
using FindSettings = std::function<const QueueSettings*(std::string_view name)>;

/// May `source`, with these settings, have their RedrivePolicy? Its target must be there, of the
/// same type, and let it. Error: kInvalidParameterValue.
SqsResult<void> check_redrive(std::string_view source, const QueueSettings& settings,
                              const FindSettings& find);

}  // namespace polymq::sqs
