// Reading a consumer's arguments.
#include "engine/consumer_arguments.h"

#include <algorithm>
#include <array>
#include <limits>

#include "engine/argument_checks.h"

namespace polymq::engine {
namespace {

struct ArgumentRow {
  std::string_view name;
  Refusal (*check)(const Value& value);  // null: an argument of streams
  void (*read)(const Value& value, ConsumerSettings& settings);
};

void read_priority(const Value& value, ConsumerSettings& settings) {
  using Limits = std::numeric_limits<std::int32_t>;
  settings.priority = static_cast<std::int32_t>(
      std::clamp<std::int64_t>(*value.as_integer(), Limits::min(), Limits::max()));
}

void read_timeout(const Value& value, ConsumerSettings& settings) {
  settings.timeout_ms = *value.as_integer();
}

constexpr std::array kRows{
    ArgumentRow{"x-priority", check_integer, read_priority},
    ArgumentRow{"x-consumer-timeout", check_expiry, read_timeout},
    // Of the mirrored queues of old; nothing to do.
    ArgumentRow{"x-cancel-on-ha-failover", check_bool, nullptr},
    ArgumentRow{"x-stream-offset", nullptr, nullptr},
    ArgumentRow{"x-stream-filter", nullptr, nullptr},
    ArgumentRow{"x-stream-match-unfiltered", nullptr, nullptr},
};

}  // namespace

EngineResult<ConsumerSettings> parse_consumer_arguments(std::string_view queue,
                                                        std::string_view vhost, QueueType type,
                                                        const Fields& arguments) {
  ConsumerSettings settings;
  for (const ArgumentRow& row : kRows) {
    const Value* value = find(arguments, row.name);
    if (value == nullptr) continue;
    const std::string of = queue_in_vhost(queue, vhost);
    if (row.check == nullptr) {
      return refuse(ErrorKind::kPrecondition, "invalid arg '" + std::string(row.name) + "' for " +
                                                  of + " of queue type " +
                                                  std::string(module_name(type)));
    }
    if (const Refusal refusal = row.check(*value); !refusal.empty()) {
      return invalid_argument(row.name, of, refusal);
    }
    if (row.read != nullptr) row.read(*value, settings);
  }
  return settings;
}

}  // namespace polymq::engine
