// The table of actions and finding one by name.
#include "sqs/protocol/actions.h"

#include <algorithm>
#include <array>
#include <utility>

namespace polymq::sqs {
namespace {

constexpr auto kActions = []<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
  return std::array{[]<class A>(A*, std::size_t index) {
    return ActionInfo{A::kName, index, &kStructureOf<typename A::Request>,
                      &kStructureOf<typename A::Answer>};
  }(static_cast<std::tuple_element_t<kIndex, action::All>*>(nullptr), kIndex)...};
}(std::make_index_sequence<std::tuple_size_v<action::All>>());

static_assert(std::is_sorted(kActions.begin(), kActions.end(),
                             [](const ActionInfo& a, const ActionInfo& b) {
                               return a.name < b.name;
                             }));

}  // namespace

std::span<const ActionInfo> all_actions() { return kActions; }

const ActionInfo* find_action(std::string_view name) {
  const auto* const found =
      std::lower_bound(kActions.begin(), kActions.end(), name,
                       [](const ActionInfo& info, std::string_view of) { return info.name < of; });
  return found != kActions.end() && found->name == name ? found : nullptr;
}

}  // namespace polymq::sqs
