// What each action needs its user to be allowed.
#pragma once

#include <optional>
#include <string_view>
#include <type_traits>

#include "auth/directory.h"
#include "sqs/protocol/actions.h"

namespace polymq::sqs {

struct Need {
  std::string_view action;             // as policies name it: batches go by the single one
  std::optional<auth::Access> access;  // nothing: any of them will do
};

template <class Action>
constexpr Need need_of() {
  namespace act = action;
  constexpr auto kIs = []<class... A>(std::tuple<A...>*) {
    return (std::is_same_v<Action, A> || ...);
  };
  using Write = std::tuple<act::SendMessage, act::SendMessageBatch>;
  using Configure =
      std::tuple<act::AddPermission, act::CreateQueue, act::DeleteQueue, act::RemovePermission,
                 act::SetQueueAttributes, act::TagQueue, act::UntagQueue>;
  using Any = std::tuple<act::GetQueueUrl, act::ListQueues>;

  std::string_view name = Action::kName;
  constexpr std::string_view kBatch = "Batch";
  if (name.ends_with(kBatch)) name.remove_suffix(kBatch.size());
  if (kIs(static_cast<Write*>(nullptr))) return {name, auth::Access::kWrite};
  if (kIs(static_cast<Configure*>(nullptr))) return {name, auth::Access::kConfigure};
  if (kIs(static_cast<Any*>(nullptr))) return {name, std::nullopt};
  return {name, auth::Access::kRead};
}

}  // namespace polymq::sqs
