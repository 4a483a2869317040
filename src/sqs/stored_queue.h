// A queue's attributes and tags of SQS, kept with the engine's queue as arguments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/fields.h"
#include "sqs/protocol/shape.h"
#include "sqs/queue_attributes.h"

namespace polymq::sqs {

/// What the engine does by itself it is told in its own arguments: delay, retention, and after how
/// many hand-outs a message goes to which queue. The rest it keeps, and does not look at.
struct StoredQueue {
  QueueSettings settings;
  std::vector<std::pair<std::string, std::string>> tags;  // by key
  std::int64_t created_s = 0;                             // 0: it was not declared over SQS
  std::int64_t changed_s = 0;
};

/// As arguments of a declaration.
engine::Fields to_arguments(const StoredQueue& queue);
/// Of any queue; one that was declared by other means has defaults, as far as its arguments do not
/// say otherwise.
StoredQueue from_arguments(const engine::Fields& arguments);

/// What is to be set and cleared so that arguments of `before` become those of `after`; both are
/// to_arguments(), so that what others have set stays.
struct ArgumentChange {
  engine::Fields set;
  std::vector<std::string> clear;
};
ArgumentChange difference(const engine::Fields& before, const engine::Fields& after);

}  // namespace polymq::sqs
