// All actions of SQS, each declared once, as data.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <tuple>

#include "sqs/protocol/actions/access.h"
#include "sqs/protocol/actions/messages.h"
#include "sqs/protocol/actions/moves.h"
#include "sqs/protocol/actions/queues.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

namespace action {

/// Every action, by name. An action is a struct with kName, Request and Answer; those have members
/// and kFields, from which reading, checking, writing and documentation follow.
using All = std::tuple<AddPermission, CancelMessageMoveTask, ChangeMessageVisibility,
                       ChangeMessageVisibilityBatch, CreateQueue, DeleteMessage, DeleteMessageBatch,
                       DeleteQueue, GetQueueAttributes, GetQueueUrl, ListDeadLetterSourceQueues,
                       ListMessageMoveTasks, ListQueueTags, ListQueues, PurgeQueue, ReceiveMessage,
                       RemovePermission, SendMessage, SendMessageBatch, SetQueueAttributes,
                       StartMessageMoveTask, TagQueue, UntagQueue>;

}  // namespace action

struct ActionInfo {
  std::string_view name;
  std::size_t index;  // in action::All
  const Structure* request;
  const Structure* answer;

  /// It is about the one queue that its QueueUrl names.
  constexpr bool needs_queue() const { return request->fields.front().name == "QueueUrl"; }
  constexpr bool has_result() const { return !answer->fields.empty(); }
};

/// In the order of action::All.
std::span<const ActionInfo> all_actions();
/// Null when there is none of this name; letters count as they are.
const ActionInfo* find_action(std::string_view name);

/// Calls `use.template operator()<Action>()` with the action at `info.index` of action::All.
template <class Use>
decltype(auto) with_action(const ActionInfo& info, Use&& use) {
  using Result = decltype(use.template operator()<action::SendMessage>());
  using Call = Result (*)(Use&);
  static constexpr auto kCalls = []<class... A>(std::tuple<A...>*) {
    return std::array<Call, sizeof...(A)>{
        [](Use& with) -> Result { return with.template operator()<A>(); }...};
  }(static_cast<action::All*>(nullptr));
  return kCalls[info.index](use);
}

}  // namespace polymq::sqs
