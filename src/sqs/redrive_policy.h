// The two policies of dead-letter queues, from their JSON text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sqs/protocol/error.h"

namespace polymq::sqs {

struct RedrivePolicy {
  std::string dead_letter_target_arn;  // has an ARN's parts; whether the queue exists is not known
  std::int64_t max_receive_count = 0;  // 1 to 1000
};

/// Error: kInvalidParameterValue, with the text and what is wrong with it.
SqsResult<RedrivePolicy> parse_redrive_policy(std::string_view json);

enum class RedrivePermission : std::uint8_t { kAllowAll, kDenyAll, kByQueue };

struct RedriveAllowPolicy {
  RedrivePermission permission = RedrivePermission::kAllowAll;
  std::vector<std::string> source_queue_arns;  // 1 to 10 of them with kByQueue, else none
  /// May the queue of this name use the one with this policy? Of ARNs only the name counts.
  bool allows(std::string_view source) const;
};

/// Error: kInvalidParameterValue.
SqsResult<RedriveAllowPolicy> parse_redrive_allow_policy(std::string_view json);

/// Is it a JSON object at all? Asked of Policy.
bool is_json_object(std::string_view json);

}  // namespace polymq::sqs
