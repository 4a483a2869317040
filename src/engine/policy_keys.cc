// The table of policy keys.
#include "engine/policy_keys.h"

#include <algorithm>
#include <array>

namespace polymq::engine {
namespace {

constexpr std::uint8_t bit(EntityKind kind) {
  return static_cast<std::uint8_t>(1 << static_cast<int>(kind));
}
constexpr std::uint8_t kClassic = bit(EntityKind::kClassicQueue);
constexpr std::uint8_t kQuorum = bit(EntityKind::kQuorumQueue);
constexpr std::uint8_t kQueues = kClassic | kQuorum;
constexpr std::uint8_t kExchange = bit(EntityKind::kExchange);
/// A key of queues does not keep a policy from exchanges; it just says nothing about them.
constexpr std::uint8_t kAny = kQueues | kExchange;
constexpr std::uint8_t kNotClassic = kQuorum | kExchange;
constexpr std::uint8_t kNotQuorum = kClassic | kExchange;
constexpr std::uint8_t kStreamOnly = kExchange;

bool at_least(const Value& value, std::int64_t least) {
  return value.as_integer() != nullptr && *value.as_integer() >= least;
}
bool natural(const Value& value) { return at_least(value, 0); }
bool positive(const Value& value) { return at_least(value, 1); }
bool integer(const Value& value) { return value.is_integer(); }
bool text(const Value& value) { return value.as_string() != nullptr; }
bool anything(const Value&) { return true; }

bool one_of(const Value& value, std::initializer_list<std::string_view> words) {
  return text(value) && std::find(words.begin(), words.end(), *value.as_string()) != words.end();
}
bool overflow(const Value& value) { return text(value) && overflow_of(*value.as_string()); }
bool sync(const Value& value) { return one_of(value, {"always", "interval", "never"}); }
bool strategy(const Value& value) { return one_of(value, {"at-most-once", "at-least-once"}); }
bool retry_type(const Value& value) { return text(value) && delayed_retry_of(*value.as_string()); }
bool queue_mode(const Value& value) { return one_of(value, {"default", "lazy"}); }
bool queue_version(const Value& value) {
  return value.is_integer() && (*value.as_integer() == 1 || *value.as_integer() == 2);
}
bool locator(const Value& value) {
  return one_of(value, {"client-local", "balanced", "random", "least-leaders"});
}

/// Limits bind whoever set them: the smallest one holds.
template <std::optional<std::int64_t> QueueSettings::* member>
void least(const Value& value, PolicyAuthor, QueueSettings& settings) {
  auto& limit = settings.*member;
  limit = std::min(limit.value_or(INT64_MAX), *value.as_integer());
}

/// A negative limit is none, so any other one is smaller.
void least_delivery_limit(const Value& value, PolicyAuthor, QueueSettings& settings) {
  auto& limit = settings.delivery_limit;
  const std::int64_t added = *value.as_integer();
  if (!limit || *limit < 0 || (added >= 0 && added < *limit)) limit = added;
}

template <std::optional<std::string> QueueSettings::* member>
void text_if_unset(const Value& value, PolicyAuthor, QueueSettings& settings) {
  auto& setting = settings.*member;
  if (!setting) setting = *value.as_string();
}

template <std::optional<std::int64_t> QueueSettings::* member>
void number_if_unset(const Value& value, PolicyAuthor, QueueSettings& settings) {
  auto& setting = settings.*member;
  if (!setting) setting = *value.as_integer();
}

void apply_overflow(const Value& value, PolicyAuthor author, QueueSettings& settings) {
  if (author == PolicyAuthor::kOperator || !settings.overflow) {
    settings.overflow = overflow_of(*value.as_string());
  }
}

void apply_sync(const Value& value, PolicyAuthor author, QueueSettings& settings) {
  if (author == PolicyAuthor::kOperator || !settings.sync) {
    settings.sync = storage::sync_policy_of(*value.as_string());
  }
}

void apply_strategy(const Value& value, PolicyAuthor, QueueSettings& settings) {
  if (settings.dead_letter_strategy) return;
  settings.dead_letter_strategy = *value.as_string() == "at-least-once"
                                      ? DeadLetterStrategy::kAtLeastOnce
                                      : DeadLetterStrategy::kAtMostOnce;
}

void apply_retry_type(const Value& value, PolicyAuthor, QueueSettings& settings) {
  if (!settings.delayed_retry) settings.delayed_retry = delayed_retry_of(*value.as_string());
}

constexpr std::array kKeys{
    PolicyKey{"message-ttl", kAny, true, natural, "message TTL", least<&QueueSettings::ttl_ms>},
    PolicyKey{"expires", kAny, true, positive, "queue expiry", least<&QueueSettings::expires_ms>},
    PolicyKey{"max-length", kAny, true, natural, "maximum length",
              least<&QueueSettings::max_length>},
    PolicyKey{"max-length-bytes", kAny, true, natural, "maximum length in bytes",
              least<&QueueSettings::max_length_bytes>},
    PolicyKey{"overflow", kAny, true, overflow, "overflow value", apply_overflow},
    PolicyKey{"storage-sync", kAny, true, sync, "storage-sync value", apply_sync},
    PolicyKey{"dead-letter-exchange", kAny, false, text, "dead letter exchange name",
              text_if_unset<&QueueSettings::dead_letter_exchange>},
    PolicyKey{"dead-letter-routing-key", kAny, false, text, "dead letter routing key",
              text_if_unset<&QueueSettings::dead_letter_routing_key>},
    PolicyKey{"dead-letter-strategy", kNotClassic, false, strategy, "dead letter strategy",
              apply_strategy},
    PolicyKey{"delivery-limit", kNotClassic, true, integer, "delivery limit", least_delivery_limit},
    PolicyKey{"consumer-timeout", kAny, false, natural, "consumer timeout",
              least<&QueueSettings::consumer_timeout_ms>},
    PolicyKey{"consumer-disconnected-timeout", kNotClassic, false, natural,
              "consumer disconnected timeout",
              least<&QueueSettings::consumer_disconnected_timeout_ms>},
    PolicyKey{"delayed-retry-type", kNotClassic, false, retry_type, "delayed retry type",
              apply_retry_type},
    PolicyKey{"delayed-retry-min", kNotClassic, false, natural, "delayed retry minimum",
              number_if_unset<&QueueSettings::delayed_retry_min_ms>},
    PolicyKey{"delayed-retry-max", kNotClassic, false, natural, "delayed retry maximum",
              number_if_unset<&QueueSettings::delayed_retry_max_ms>},
    PolicyKey{"alternate-exchange", kAny, false, text, "alternate exchange name", nullptr},
    // Placement and memory of a cluster's replicas, and modes of old: nothing to do on one node.
    PolicyKey{"max-in-memory-length", kNotClassic, true, natural, "maximum memory in messages",
              nullptr},
    PolicyKey{"max-in-memory-bytes", kNotClassic, true, natural, "maximum memory in bytes",
              nullptr},
    PolicyKey{"queue-mode", kNotQuorum, false, queue_mode, "queue-mode value", nullptr},
    PolicyKey{"queue-version", kNotQuorum, true, queue_version, "queue version", nullptr},
    PolicyKey{"queue-leader-locator", kAny, false, locator, "queue leader locator value", nullptr},
    PolicyKey{"queue-master-locator", kNotQuorum, false, text, "queue master locator", nullptr},
    PolicyKey{"target-group-size", kNotClassic, true, positive, "target group size", nullptr},
    PolicyKey{"initial-cluster-size", kStreamOnly, false, natural, "cluster size", nullptr},
    PolicyKey{"max-age", kStreamOnly, false, text, "max age", nullptr},
    PolicyKey{"stream-max-segment-size-bytes", kStreamOnly, false, natural, "segment size",
              nullptr},
    PolicyKey{"stream-filter-size-bytes", kStreamOnly, false, natural, "filter size", nullptr},
    PolicyKey{"federation-upstream", kAny, false, text, "federation upstream name", nullptr},
    PolicyKey{"federation-upstream-set", kAny, false, text, "federation upstream set name",
              nullptr},
    PolicyKey{"federation-upstream-pattern", kAny, false, text, "federation upstream pattern",
              nullptr},
    PolicyKey{"ha-mode", kAny, false, anything, "ha-mode", nullptr},
    PolicyKey{"ha-params", kAny, false, anything, "ha-params", nullptr},
    PolicyKey{"ha-sync-mode", kAny, false, anything, "ha-sync-mode", nullptr},
    PolicyKey{"ha-sync-batch-size", kAny, false, anything, "ha-sync-batch-size", nullptr},
    PolicyKey{"ha-promote-on-shutdown", kAny, false, anything, "ha-promote-on-shutdown", nullptr},
    PolicyKey{"ha-promote-on-failure", kAny, false, anything, "ha-promote-on-failure", nullptr},
};

}  // namespace

std::span<const PolicyKey> policy_keys() { return kKeys; }

const PolicyKey* find_policy_key(std::string_view name) {
  const auto* it = std::find_if(kKeys.begin(), kKeys.end(),
                                [&](const PolicyKey& key) { return key.name == name; });
  return it == kKeys.end() ? nullptr : it;
}

}  // namespace polymq::engine
