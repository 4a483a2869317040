// The policies' names.
#include "storage/sync_policy.h"

namespace polymq::storage {

std::string_view to_text(SyncPolicy policy) {
  switch (policy) {
    case SyncPolicy::kNever:
      return "never";
    case SyncPolicy::kInterval:
      return "interval";
    case SyncPolicy::kAlways:
      return "always";
  }
  return "";
}

std::optional<SyncPolicy> sync_policy_of(std::string_view text) {
  for (const auto policy : {SyncPolicy::kNever, SyncPolicy::kInterval, SyncPolicy::kAlways}) {
    if (to_text(policy) == text) return policy;
  }
  return std::nullopt;
}

}  // namespace polymq::storage
