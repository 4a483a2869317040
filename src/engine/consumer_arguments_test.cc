// Promises of reading a consumer's arguments.
#include "engine/consumer_arguments.h"

#include <gtest/gtest.h>

namespace polymq::engine {
namespace {

EngineResult<ConsumerSettings> parse(const Fields& arguments) {
  return parse_consumer_arguments("q", "/", QueueType::kClassic, arguments);
}

TEST(ConsumerArguments, PriorityAndTimeoutAreReadAndTheRestIgnored) {
  EXPECT_EQ(*parse({}), ConsumerSettings());
  const auto settings = parse({{"x-priority", Value::integer(-5, FieldType::kInt8)},
                               {"x-consumer-timeout", Value::integer(1000)},
                               {"x-cancel-on-ha-failover", Value::boolean(true)},
                               {"x-own", Value::string("a")}});
  EXPECT_EQ(settings->priority, -5);
  EXPECT_EQ(settings->timeout_ms, 1000);
}

TEST(ConsumerArguments, AHugePriorityIsTheHighest) {
  EXPECT_EQ(parse({{"x-priority", Value::integer(INT64_MAX)}})->priority, INT32_MAX);
  EXPECT_EQ(parse({{"x-priority", Value::integer(INT64_MIN)}})->priority, INT32_MIN);
}

TEST(ConsumerArguments, WrongTypesAreExplained) {
  EXPECT_EQ(parse({{"x-priority", Value::string("high")}}).error().text,
            "invalid arg 'x-priority' for queue 'q' in vhost '/': \"expected integer, got "
            "longstr\"");
}

TEST(ConsumerArguments, ArgumentsOfStreamsAreRefused) {
  EXPECT_EQ(parse({{"x-stream-offset", Value::string("first")}}).error().text,
            "invalid arg 'x-stream-offset' for queue 'q' in vhost '/' of queue type "
            "rabbit_classic_queue");
}

}  // namespace
}  // namespace polymq::engine
