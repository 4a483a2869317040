// Requests from their bytes: both protocols, driven by an action's declaration.
#pragma once

#include <span>
#include <string_view>

#include "sqs/protocol/arena.h"
#include "sqs/protocol/error.h"
#include "sqs/protocol/form.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

/// All readers fill `request`, a default-made struct of `structure`. Views in it point into the
/// input and the arena. What the declaration does not know is ignored; text is valid UTF-8.

/// An object of AWS JSON 1.0; no bytes at all count as an empty one, null as absent.
/// Errors: kSerialization.
SqsResult<void> read_json(std::string_view body, const Structure& structure, void* request,
                          Arena& arena);

/// Parameters of the Query protocol. Numbers in names may have gaps and any order.
/// Errors: kInvalidParameterValue.
SqsResult<void> read_form(std::span<const Parameter> form, const Structure& structure,
                          void* request, Arena& arena);

/// kMissingParameter for the first required member that is absent, entries of batches included, or
/// that is a list or map of texts without any.
/// In forms nothing tells an empty batch from none: it passes there.
SqsResult<void> check_required(const Structure& structure, const void* request, bool is_form);

/// kInvalidParameterValue for the first number outside of its range. Entries of batches are not
/// looked into: each fails by itself, so ask for each with its own structure.
SqsResult<void> check_ranges(const Structure& structure, const void* request);

template <class T>
SqsResult<void> check_ranges(const T& request) {
  return check_ranges(kStructureOf<T>, &request);
}

}  // namespace polymq::sqs
