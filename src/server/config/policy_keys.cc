// Names and types of policy keys.
#include "server/config/policy_keys.h"

#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/suggest.h"

namespace polymq::server::config {
namespace {

enum class Kind { kNumber, kText, kOverflow, kIgnored };

struct PolicyKey {
  std::string_view name;
  Kind kind;
  bool for_operators = false;
  std::int64_t min = 0;
};

constexpr std::int64_t kTenYearsMs = 315'360'000'000;

constexpr std::array kPolicyKeys{
    PolicyKey{"message-ttl", Kind::kNumber, true},
    PolicyKey{"expires", Kind::kNumber, true, 1},
    PolicyKey{"max-length", Kind::kNumber, true},
    PolicyKey{"max-length-bytes", Kind::kNumber, true},
    PolicyKey{"max-in-memory-length", Kind::kNumber, true},
    PolicyKey{"max-in-memory-bytes", Kind::kNumber, true},
    PolicyKey{"delivery-limit", Kind::kNumber, true, -1},
    PolicyKey{"overflow", Kind::kOverflow, true},
    PolicyKey{"queue-version", Kind::kNumber, true},
    PolicyKey{"target-group-size", Kind::kNumber, true},
    PolicyKey{"dead-letter-exchange", Kind::kText},
    PolicyKey{"dead-letter-routing-key", Kind::kText},
    PolicyKey{"dead-letter-strategy", Kind::kText},
    PolicyKey{"alternate-exchange", Kind::kText},
    PolicyKey{"consumer-timeout", Kind::kNumber},
    PolicyKey{"consumer-disconnected-timeout", Kind::kNumber},
    PolicyKey{"delayed-retry-type", Kind::kText},
    PolicyKey{"delayed-retry-min", Kind::kNumber},
    PolicyKey{"delayed-retry-max", Kind::kNumber},
    PolicyKey{"queue-mode", Kind::kText},
    PolicyKey{"queue-leader-locator", Kind::kText},
    PolicyKey{"queue-master-locator", Kind::kText},
    PolicyKey{"initial-cluster-size", Kind::kNumber},
    // Of clusters with mirrored queues; RabbitMQ 4 ignores them as well.
    PolicyKey{"ha-mode", Kind::kIgnored},
    PolicyKey{"ha-params", Kind::kIgnored},
    PolicyKey{"ha-sync-mode", Kind::kIgnored},
    PolicyKey{"ha-sync-batch-size", Kind::kIgnored},
    PolicyKey{"ha-promote-on-shutdown", Kind::kIgnored},
    PolicyKey{"ha-promote-on-failure", Kind::kIgnored},
};

constexpr std::array<std::string_view, 3> kOverflows{"drop-head", "reject-publish",
                                                     "reject-publish-dlx"};

Result<void> check_value(const PolicyKey& key, const engine::Value& value) {
  const std::string name(key.name);
  if (key.kind == Kind::kIgnored) return {};
  if (key.kind == Kind::kNumber) {
    const std::int64_t* number = value.as_integer();
    if (number == nullptr) return fail(name + " must be a whole number");
    const bool is_time = key.name == "message-ttl" || key.name == "expires";
    const std::int64_t max = is_time ? kTenYearsMs : std::numeric_limits<std::int64_t>::max();
    if (*number >= key.min && *number <= max) return {};
    return fail(name + " must not be " + std::to_string(*number));
  }
  const std::string* text = value.as_string();
  if (text == nullptr) return fail(name + " must be a string");
  if (key.kind != Kind::kOverflow) return {};
  for (const std::string_view overflow : kOverflows) {
    if (*text == overflow) return {};
  }
  return fail(name + " must be drop-head, reject-publish or reject-publish-dlx" +
              did_you_mean(*text, kOverflows));
}

}  // namespace

Result<void> check_definition(const engine::Fields& definition, bool is_operator) {
  if (definition.empty()) return fail("the definition must not be empty");
  std::vector<std::string_view> names;
  for (const PolicyKey& key : kPolicyKeys) {
    if (key.for_operators || !is_operator) names.push_back(key.name);
  }
  for (const engine::Field& field : definition) {
    const PolicyKey* found = nullptr;
    for (const PolicyKey& key : kPolicyKeys) {
      if (key.name == field.name && (key.for_operators || !is_operator)) found = &key;
    }
    if (found == nullptr) {
      return fail("'" + field.name + "' is not a key of " +
                  (is_operator ? "operator policies" : "policies") +
                  did_you_mean(field.name, names));
    }
    if (auto checked = check_value(*found, field.value); !checked) return checked;
  }
  return {};
}

}  // namespace polymq::server::config
