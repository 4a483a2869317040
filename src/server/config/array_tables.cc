// The keys of arrays of tables: [[vhosts]] and the like.
#include <array>

#include "base/name_pattern.h"
#include "server/config/key.h"

namespace polymq::server::config {
namespace {

constexpr std::int64_t kMany = 1'000'000'000;

constexpr std::array<std::string_view, 3> kVhostQueueTypes{"", "classic", "quorum"};
constexpr std::array<std::string_view, 5> kApplyTo{"all", "queues", "exchanges", "classic_queues",
                                                   "quorum_queues"};

Result<void> check_pattern(std::string_view text) {
  return NamePattern::compile(text).map([](const auto&) {});
}
Result<void> check_name(std::string_view text) {
  if (text.empty()) return fail("must not be empty");
  if (text.size() > 255) return fail("is longer than 255 octets");
  return {};
}

using C = Config;

constexpr Key kVhostKeys[] = {
    {.path = "name",
     .type = Type::kString,
     .slot = at<&C::Vhost::name>,
     .initial = "",
     .help = "Name of the vhost.",
     .check = check_name,
     .required = true},
    {.path = "default_queue_type",
     .type = Type::kString,
     .slot = at<&C::Vhost::default_queue_type>,
     .initial = "",
     .help = "Type of queues that are declared without x-queue-type. Empty: as in [queues].",
     .choices = kVhostQueueTypes},
    {.path = "max_connections",
     .type = Type::kInteger,
     .slot = at<&C::Vhost::max_connections>,
     .initial = "",
     .help = "Most connections. -1: unlimited, 0: none. Not set: as in [limits].",
     .min = -1,
     .max = kMany},
    {.path = "max_queues",
     .type = Type::kInteger,
     .slot = at<&C::Vhost::max_queues>,
     .initial = "",
     .help = "Most queues. -1: unlimited, 0: none. Not set: as in [limits].",
     .min = -1,
     .max = kMany},
};

constexpr Key kPolicyKeys[] = {
    {.path = "vhost",
     .type = Type::kString,
     .slot = at<&C::Policy::vhost>,
     .initial = "/",
     .help = "The vhost that the policy belongs to.",
     .check = check_name},
    {.path = "name",
     .type = Type::kString,
     .slot = at<&C::Policy::name>,
     .initial = "",
     .help = "Name of the policy, unique in its vhost.",
     .check = check_name,
     .required = true},
    {.path = "pattern",
     .type = Type::kString,
     .slot = at<&C::Policy::pattern>,
     .initial = "",
     .help = "Regular expression, searched for anywhere in the names of queues and exchanges.",
     .check = check_pattern,
     .required = true},
    {.path = "apply_to",
     .type = Type::kString,
     .slot = at<&C::Policy::apply_to>,
     .initial = "all",
     .help = "What the policy applies to.",
     .choices = kApplyTo},
    {.path = "priority",
     .type = Type::kInteger,
     .slot = at<&C::Policy::priority>,
     .initial = "0",
     .help = "Of the policies that match a name, the highest priority counts.",
     .min = -kMany,
     .max = kMany},
    {.path = "definition",
     .type = Type::kDefinition,
     .slot = at<&C::Policy::definition>,
     .initial = "",
     .help = "RabbitMQ's policy keys, such as {message-ttl = 60000}.",
     .required = true},
};

template <auto First, auto... Rest>
constexpr ArrayTable array_table(std::string_view path, std::span<const Key> keys,
                                 std::string_view help, bool reloads) {
  return {.path = path,
          .keys = keys,
          .help = help,
          .reloads = reloads,
          .append = [](Config& config) -> void* {
            return &((config.*First).*....*Rest).emplace_back();
          },
          .size = [](const Config& config) { return ((config.*First).*....*Rest).size(); },
          .element = [](const Config& config, std::size_t index) -> const void* {
            return &((config.*First).*....*Rest)[index];
          }};
}

constexpr Key kSqsQueueKeys[] = {
    {.path = "name",
     .type = Type::kString,
     .slot = at<&C::Sqs::Queue::name>,
     .initial = "",
     .help = "Name of the queue; one that ends with .fifo is a FIFO queue.",
     .required = true},
    {.path = "attributes",
     .type = Type::kDefinition,
     .slot = at<&C::Sqs::Queue::attributes>,
     .initial = "",
     .help = "Attributes as SQS names them: texts, numbers or true and false; the policies as "
             "tables or as JSON."},
    {.path = "tags",
     .type = Type::kDefinition,
     .slot = at<&C::Sqs::Queue::tags>,
     .initial = "",
     .help = "Tags, whose values are texts."},
    {.path = "dead_letter_queue",
     .type = Type::kString,
     .slot = at<&C::Sqs::Queue::dead_letter_queue>,
     .initial = "",
     .help = "Name of its dead-letter queue: short for the attribute RedrivePolicy."},
    {.path = "max_receive_count",
     .type = Type::kInteger,
     .slot = at<&C::Sqs::Queue::max_receive_count>,
     .initial = "10",
     .help = "How often a message is received before it goes to the dead-letter queue.",
     .min = 1,
     .max = 1000},
};

constexpr std::array kArrayTables{
    array_table<&C::vhosts>("vhosts", kVhostKeys,
                            "Vhosts beside `/`, which always exists and may be listed to set its "
                            "limits.",
                            false),
    array_table<&C::policies>("policies", kPolicyKeys,
                              "Settings for all queues and exchanges whose names match. Read again "
                              "on SIGHUP.",
                              true),
    array_table<&C::operator_policies>(
        "operator_policies", kPolicyKeys,
        "As policies, but limits that policies and clients cannot exceed. Read again on SIGHUP.",
        true),
    array_table<&C::sqs, &C::Sqs::queues>(
        "sqs.queues", kSqsQueueKeys,
        "Queues that are there when the server listens for SQS. One that was there before gets the "
        "attributes and tags that stand here, and keeps its others.",
        false),
};

}  // namespace

std::span<const ArrayTable> array_tables() { return kArrayTables; }

}  // namespace polymq::server::config
