// What a new queue is to be, checked as CreateQueue checks it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sqs/protocol/error.h"
#include "sqs/protocol/shape.h"
#include "sqs/stored_queue.h"

namespace polymq::sqs {

/// `now_s`: seconds since 1970. Errors: those of QueueSettings::create(), of the name and of tags.
/// Whether there is such a queue, and its dead-letter queue, is not asked.
SqsResult<StoredQueue> describe_queue(std::string_view name, TextMap attributes, TextMap tags,
                                      std::int64_t now_s);

/// Adds these tags, over what they were. Error: kInvalidParameterValue.
SqsResult<void> add_tags(TextMap tags, StoredQueue& queue);

/// A queue that the operator wants to be there.
struct ConfiguredQueue {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<std::pair<std::string, std::string>> tags;
};
/// Views into `texts`.
std::vector<NamedText> views_of(const std::vector<std::pair<std::string, std::string>>& texts);

}  // namespace polymq::sqs
