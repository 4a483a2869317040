// What a consumer's arguments say.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/error.h"
#include "engine/fields.h"
#include "engine/queue_arguments.h"

namespace polymq::engine {

struct ConsumerSettings {
  std::int32_t priority = 0;  // higher first; x-priority, cut to this range
  std::optional<std::int64_t> timeout_ms;
  bool operator==(const ConsumerSettings&) const = default;
};

/// kPrecondition with RabbitMQ's words when a value is of the wrong type, or when an argument of
/// streams is used on another type. Unknown names are ignored.
EngineResult<ConsumerSettings> parse_consumer_arguments(std::string_view queue,
                                                        std::string_view vhost, QueueType type,
                                                        const Fields& arguments);

}  // namespace polymq::engine
