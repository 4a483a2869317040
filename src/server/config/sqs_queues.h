// Configured queues of SQS as the dialect has them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "server/config/config.h"
#include "sqs/new_queue.h"

namespace polymq::server::config {

/// What is wrong, and with which key of the table.
struct QueueProblem {
  std::string_view key;
  std::string text;
};

/// Could SQS make it? Whether its dead-letter queue is there is found out when it does.
Result<sqs::ConfiguredQueue, QueueProblem> check_sqs_queue(const Config::Sqs& settings,
                                                           const Config::Sqs::Queue& queue);

}  // namespace polymq::server::config
