// Which action a request calls, in which protocol, and its decoded members.
#pragma once

#include <span>
#include <string_view>

#include "sqs/protocol/actions.h"
#include "sqs/protocol/arena.h"
#include "sqs/protocol/error.h"
#include "sqs/protocol/form.h"
#include "sqs/protocol/reader.h"
#include "sqs/protocol/request_view.h"
#include "sqs/protocol/writer.h"

namespace polymq::sqs {

struct Call {
  AnswerFormat format = AnswerFormat::kXml;  // holds for errors, too
  const ActionInfo* action = nullptr;
  std::string_view json;            // AWS JSON 1.0: the body
  std::span<const Parameter> form;  // Query: form and query string
  std::string_view queue_path;      // the path, when it is a queue's
};

/// Recognizes protocol and action. `call.format` is right even when that fails: kNoAction (404,
/// nothing named), kInvalidAction (unknown, or not for a queue's path), kInvalidParameterValue.
/// `public_url`: what queue URLs begin with where that is configured, see below_base().
SqsResult<void> read_call(const RequestView& request, Arena& arena, Call& call,
                          std::string_view public_url = {});

/// Decodes the members of the call's action into `request`, a default-made struct of it, and
/// checks that the required ones are there; a queue's path stands in for QueueUrl.
/// Errors: kSerialization, kInvalidParameterValue, kMissingParameter.
SqsResult<void> read_members(const Call& call, void* request, Arena& arena);

/// The same for an action known when compiling.
template <class Action>
SqsResult<typename Action::Request> read_request(const Call& call, Arena& arena) {
  typename Action::Request request;
  if (auto read = read_members(call, &request, arena); !read) {
    return tl::make_unexpected(std::move(read.error()));
  }
  return request;
}

}  // namespace polymq::sqs
