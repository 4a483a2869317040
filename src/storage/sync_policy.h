// When what is stored counts as durable.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace polymq::storage {

/// In order of strictness.
enum class SyncPolicy : std::uint8_t {
  kNever,     // when it is written; the system syncs when it likes
  kInterval,  // when it is written; synced every so often
  kAlways,    // when it is synced
};

/// "never", "interval", "always".
std::string_view to_text(SyncPolicy policy);
std::optional<SyncPolicy> sync_policy_of(std::string_view text);

}  // namespace polymq::storage
