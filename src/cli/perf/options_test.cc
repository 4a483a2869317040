// Promises of addresses and of options that must fit each other.
#include "cli/perf/options.h"

#include <gmock/gmock.h>

namespace polymq::perf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Uri, EveryPartIsTakenAndDecoded) {
  const auto endpoint = parse_uri("amqp://us%3Aer:p%40ss@example.org:1234/a%2Fb");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->user, "us:er");
  EXPECT_EQ(endpoint->password, "p@ss");
  EXPECT_EQ(endpoint->host, "example.org");
  EXPECT_EQ(endpoint->port, 1234);
  EXPECT_EQ(endpoint->virtual_host, "a/b");
}

TEST(Uri, WhatIsLeftOutHasRabbitMqsDefaults) {
  const auto endpoint = parse_uri("amqp://");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->host, "localhost");
  EXPECT_EQ(endpoint->port, 5672);
  EXPECT_EQ(endpoint->user, "guest");
  EXPECT_EQ(endpoint->password, "guest");
  EXPECT_EQ(endpoint->virtual_host, "/");
  EXPECT_EQ(parse_uri("amqp://h/")->virtual_host, "");
}

TEST(Uri, AnIpv6AddressStandsInBrackets) {
  const auto endpoint = parse_uri("amqp://[::1]:99");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->host, "::1");
  EXPECT_EQ(endpoint->port, 99);
}

TEST(Uri, WhatCannotBeMeantIsRefused) {
  for (const char* wrong : {"", "http://x", "amqps://x", "amqp://x:0", "amqp://x:70000",
                            "amqp://x:a", "amqp://x/%2", "amqp://[::1", "amqp://x:"}) {
    EXPECT_FALSE(parse_uri(wrong)) << wrong;
  }
}

std::string refusal(const Options& options) {
  const auto valid = validate(options);
  return valid ? "" : valid.error().text;
}

TEST(Options, TheDefaultsAreValid) { EXPECT_EQ(refusal(Options()), ""); }

TEST(Options, ContradictionsAreNamed) {
  Options options;
  options.producers = options.consumers = 0;
  EXPECT_THAT(refusal(options), HasSubstr("nothing to do"));

  options = {};
  options.auto_ack = true;
  options.multi_ack_every = 10;
  EXPECT_THAT(refusal(options), HasSubstr("--autoack"));

  options = {};
  options.multi_ack_every = 100;
  options.qos = 10;
  EXPECT_THAT(refusal(options), HasSubstr("wait forever"));

  options = {};
  options.queue = "q";
  options.queue_pattern = "q%d";
  EXPECT_THAT(refusal(options), HasSubstr("exclude"));

  options = {};
  options.queue_pattern = "q";
  EXPECT_THAT(refusal(options), HasSubstr("%d"));

  options.queue_pattern = "q%d";
  EXPECT_THAT(refusal(options), HasSubstr("--queue-pattern-to"));

  options = {};
  options.queue_args = {"x-max-length"};
  EXPECT_THAT(refusal(options), HasSubstr("key=value"));

  options = {};
  options.consumers = 0;
  options.cmessages = 1;
  EXPECT_THAT(refusal(options), HasSubstr("--cmessages"));
}

TEST(Options, APatternNamesItsQueues) {
  Options options;
  options.queue_pattern = "100% q-%03d-x";
  options.queue_pattern_from = 9;
  options.queue_pattern_to = 11;
  ASSERT_EQ(refusal(options), "");
  EXPECT_THAT(queue_names(options), ElementsAre("100% q-009-x", "100% q-010-x", "100% q-011-x"));
  EXPECT_FALSE(queue_is_ours(options));
}

}  // namespace
}  // namespace polymq::perf
