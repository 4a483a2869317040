// Headers of another protocol as message attributes.
#pragma once

#include <vector>

#include "engine/fields.h"
#include "sqs/protocol/arena.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

/// Adds to `attributes` those headers that SQS could carry, up to as many as a message may have:
/// text as String, numbers as Number, bytes as Binary. Left out are those of other kinds, of names
/// and numbers that a sender could not use, and of a name that is there already.
/// Views of what is added lie in `arena`.
void add_headers(const engine::Fields& headers, Arena& arena,
                 std::vector<MessageAttribute>& attributes);

}  // namespace polymq::sqs
