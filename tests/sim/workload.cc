// The table of queue kinds and the table of workloads.
#include "workload.h"

#include <algorithm>
#include <cstdlib>

namespace polymq::sim {
namespace {

using engine::Field;
using engine::Fields;
using engine::Value;

constexpr Argument kQuorum{"x-queue-type", 0, "quorum"};
constexpr Argument kToDefault{"x-dead-letter-exchange", 0, "\x01"};  // the default exchange: ""

constexpr QueueKind kKinds[] = {
    {.name = "plain"},
    {.name = "durable", .durable = true},
    {.name = "auto", .auto_delete = true},
    {.name = "excl", .exclusive = true},
    {.name = "exauto", .exclusive = true, .auto_delete = true},
    {.name = "dead", .durable = true, .stable = true},
    {.name = "safe", .durable = true, .stable = true},
    {.name = "dlx",
     .stable = true,
     .dead_letters_to = "dead.0",
     .arguments = {kToDefault, Argument{"x-dead-letter-routing-key", 0, "dead.0"}}},
    {.name = "prio", .prioritized = true, .arguments = {Argument{"x-max-priority", 5}}},
    {.name = "sac", .arguments = {Argument{"x-single-active-consumer", -1}}},
    {.name = "quorum", .durable = true, .lossy = true, .prioritized = true, .arguments = {kQuorum}},
    {.name = "qsac",
     .durable = true,
     .lossy = true,
     .prioritized = true,
     .arguments = {kQuorum, Argument{"x-single-active-consumer", -1}}},
    {.name = "ttl", .lossy = true, .arguments = {Argument{"x-message-ttl", 40}}},
    {.name = "ttl0", .lossy = true, .arguments = {Argument{"x-message-ttl", 0}}},
    {.name = "len", .lossy = true, .arguments = {Argument{"x-max-length", 5}}},
    {.name = "lendlx",
     .lossy = true,
     .arguments = {Argument{"x-max-length", 4}, kToDefault,
                   Argument{"x-dead-letter-routing-key", 0, "len.0"}}},
    {.name = "lenrej",
     .durable = true,
     .refuses = true,
     .arguments = {Argument{"x-max-length", 5}, Argument{"x-overflow", 0, "reject-publish"}}},
    {.name = "rejdlx",
     .lossy = true,
     .arguments = {Argument{"x-max-length", 3}, Argument{"x-overflow", 0, "reject-publish-dlx"},
                   kToDefault, Argument{"x-dead-letter-routing-key", 0, "dead.0"}}},
    {.name = "bytes", .lossy = true, .arguments = {Argument{"x-max-length-bytes", 500}}},
    {.name = "exp", .lossy = true, .fleeting = true, .arguments = {Argument{"x-expires", 150}}},
    {.name = "limit",
     .durable = true,
     .lossy = true,
     .prioritized = true,
     .arguments = {kQuorum, Argument{"x-delivery-limit", 2}, kToDefault,
                   Argument{"x-dead-letter-routing-key", 0, "dead.0"}}},
    {.name = "retry",
     .durable = true,
     .lossy = true,
     .prioritized = true,
     .arguments = {kQuorum, Argument{"x-delayed-retry-type", 0, "all"},
                   Argument{"x-delayed-retry-min", 10}, Argument{"x-delayed-retry-max", 50}}},
    {.name = "cyca",
     .lossy = true,
     .arguments = {Argument{"x-message-ttl", 20}, kToDefault,
                   Argument{"x-dead-letter-routing-key", 0, "cycb.0"}}},
    {.name = "cycb",
     .lossy = true,
     .arguments = {Argument{"x-message-ttl", 30}, kToDefault,
                   Argument{"x-dead-letter-routing-key", 0, "cyca.0"}}},
    {.name = "atleast",
     .durable = true,
     .lossy = true,
     .prioritized = true,
     .arguments = {kQuorum, Argument{"x-dead-letter-strategy", 0, "at-least-once"},
                   Argument{"x-overflow", 0, "reject-publish"}, kToDefault,
                   Argument{"x-dead-letter-routing-key", 0, "lenrej.0"}}},
    {.name = "pol", .lossy = true, .fleeting = true},
    {.name = "full",
     .durable = true,
     .refuses = true,
     .stable = true,
     .arguments = {Argument{"x-max-length", 4}, Argument{"x-overflow", 0, "reject-publish"}}},
    {.name = "hist", .stable = true, .history = true},
    {.name = "dlm",
     .lossy = true,
     .scatters = true,
     .arguments = {Argument{"x-message-ttl", 30}, Argument{"x-dead-letter-exchange", 0, "y.0"}}},
};

constexpr ExchangeKind kSettled[] = {
    {.name = kDelaying,
     .type = "x-delayed-message",
     .arguments = {Argument{"x-delayed-type", 0, "fanout"}}},
    {.name = "m.once",
     .type = "x-message-deduplication",
     .arguments = {Argument{"x-cache-size", 1'000'000}}},
    {.name = "m.briefly",
     .type = "x-message-deduplication",
     .arguments = {Argument{"x-cache-size", 1'000'000}, Argument{"x-cache-ttl", 60}},
     .remembers_ms = 60},
    {.name = kRecent,
     .type = "x-recent-history",
     .arguments = {Argument{"x-recent-history-length", kRecentLength}}},
};

constexpr ExchangeKind kRoving[] = {
    {.name = "y.0",
     .type = "x-delayed-message",
     .arguments = {Argument{"x-delayed-type", 0, "topic"}}},
    {.name = "y.1", .type = "x-message-deduplication", .arguments = {Argument{"x-cache-ttl", 30}}},
    {.name = "y.2",
     .type = "x-recent-history",
     .arguments = {Argument{"x-recent-history-length", 2}}},
    {.name = "y.3",
     .type = "fanout",
     .arguments = {Argument{"x-message-deduplication", -1}, Argument{"x-cache-size", 5},
                   Argument{"alternate-exchange", 0, "y.0"}}},
    {.name = "y.4",
     .type = "x-delayed-message",
     .arguments = {Argument{"x-delayed-type", 0, "direct"},
                   Argument{"x-message-deduplication", -1}}},
};

constexpr Workload kWorkloads[] = {
    {.name = "basic", .kinds = {"plain", "durable", "safe", "sac"}},
    {.name = "confirms",
     .kinds = {"durable", "safe", "plain"},
     .weights = {.publish = 60, .settle = 40},
     .confirm_percent = 90,
     .transaction_percent = 0,
     .persistent_percent = 80,
     .store = {.delay_percent = 60}},
    {.name = "failing_store",
     .kinds = {"durable", "safe", "lenrej", "quorum"},
     .weights = {.publish = 50},
     .confirm_percent = 80,
     .persistent_percent = 80,
     .store = {.delay_percent = 50, .fail_percent = 20}},
    {.name = "topology",
     .kinds = {"plain", "auto", "excl", "exauto", "exp", "durable"},
     .weights = {.publish = 15,
                 .settle = 15,
                 .consume = 8,
                 .declare = 15,
                 .remove = 8,
                 .bind = 10,
                 .unbind = 6,
                 .inspect = 5,
                 .exchange = 6,
                 .close_session = 3,
                 .close_client = 4},
     .clients = 8},
    {.name = "churn",
     .kinds = {"plain", "auto", "exauto", "sac", "safe", "quorum"},
     .weights = {.consume = 15,
                 .cancel = 10,
                 .get = 10,
                 .remove = 4,
                 .close_session = 8,
                 .close_client = 6},
     .clients = 8,
     .exclusive_percent = 10},
    {.name = "limits",
     .kinds = {"len", "lenrej", "rejdlx", "bytes", "lendlx", "dead", "prio"},
     .weights = {.publish = 60, .purge = 3},
     .ttl_percent = 20},
    {.name = "expiry",
     .kinds = {"ttl", "ttl0", "exp", "plain", "prio", "cyca", "cycb"},
     .weights = {.publish = 40, .get = 10, .inspect = 6},
     .ttl_percent = 40},
    {.name = "dead_letters",
     .kinds = {"dlx", "dead", "limit", "retry", "atleast", "lenrej", "cyca", "cycb", "rejdlx"},
     .weights = {.settle = 50, .purge = 0},
     .ttl_percent = 10},
    {.name = "transactions",
     .kinds = {"plain", "safe", "durable", "lenrej", "dlx", "dead"},
     .weights = {.publish = 40, .commit = 15, .rollback = 4, .close_session = 2},
     .confirm_percent = 10,
     .transaction_percent = 80,
     .store = {.delay_percent = 30}},
    {.name = "failing_commits",
     .kinds = {"safe", "durable", "lenrej", "plain"},
     .weights = {.publish = 40, .commit = 15, .rollback = 2, .close_session = 2},
     .confirm_percent = 20,
     .transaction_percent = 60,
     .persistent_percent = 80,
     .store = {.delay_percent = 70, .fail_percent = 15}},
    {.name = "prefetch",
     .kinds = {"safe", "plain", "dlx", "dead", "sac"},
     .weights = {.publish = 50, .consume = 12, .cancel = 6, .remove = 2, .qos = 6},
     .shared_prefetch_percent = 80},
    {.name = "large",
     .kinds = {"safe", "plain", "auto"},
     .weights = {.publish = 40, .settle = 30, .consume = 10, .close_session = 2},
     .clients = 4,
     .largest_body = 200'000},
    {.name = "policies",
     .kinds = {"pol", "plain", "dead", "len"},
     .weights = {.publish = 40, .declare = 8, .exchange = 3},
     .policies = true},
    {.name = "vhosts",
     .kinds = {"plain", "durable", "excl", "auto", "dlx", "dead"},
     .weights = {.declare = 10},
     .clients = 8,
     .store = {.delay_percent = 30},
     .vhosts = true},
    {.name = "alarms",
     .kinds = {"plain", "safe", "durable"},
     .weights = {.publish = 60, .settle = 40},
     .largest_body = 4000,
     .memory_limit = 60'000},
    {.name = "direct",
     .kinds = {"plain", "exauto"},
     .weights = {.direct = 60, .close_session = 4, .close_client = 3},
     .clients = 8},
    {.name = "memories",
     .kinds = {"safe", "full", "plain", "durable"},
     .weights = {.publish = 50, .settle = 35, .consume = 10, .history = 2, .close_session = 2},
     .transaction_percent = 15,
     .store = {.delay_percent = 30},
     .settled_percent = 80},
    {.name = "failing_memories",
     .kinds = {"safe", "full", "plain", "durable"},
     .weights = {.publish = 50, .settle = 35, .consume = 10, .history = 2, .close_session = 2},
     .transaction_percent = 25,
     .persistent_percent = 80,
     .store = {.delay_percent = 50, .fail_percent = 20},
     .settled_percent = 80},
    {.name = "roving",
     .kinds = {"plain", "safe", "auto", "lenrej", "dlm", "dlx", "dead"},
     .weights = {.publish = 40, .bind = 12, .unbind = 5, .exchange = 8, .close_session = 2},
     .clients = 8,
     .transaction_percent = 15,
     .ttl_percent = 10,
     .store = {.delay_percent = 30},
     .roving = true,
     .vhosts = true},
    {.name = "everything",
     .kinds = {"plain", "durable", "auto", "exauto", "safe", "dlx", "dead", "prio", "sac", "quorum",
               "lenrej", "ttl"},
     .weights = {.publish = 40,
                 .consume = 10,
                 .cancel = 4,
                 .direct = 3,
                 .exchange = 2,
                 .close_session = 3,
                 .close_client = 2},
     .clients = 10,
     .ttl_percent = 5,
     .store = {.delay_percent = 30},
     .vhosts = true},
};

Fields fields_of(std::span<const Argument> arguments) {
  Fields made;
  for (const Argument& argument : arguments) {
    if (argument.name.empty()) break;
    Value value = argument.number < 0 ? Value::boolean(true) : Value::integer(argument.number);
    if (!argument.text.empty()) {
      value = Value::string(argument.text == "\x01" ? std::string() : std::string(argument.text));
    }
    made.push_back({std::string(argument.name), std::move(value)});
  }
  return made;
}

}  // namespace

Fields QueueKind::fields() const { return fields_of(arguments); }
Fields ExchangeKind::fields() const { return fields_of(arguments); }

std::span<const ExchangeKind> settled_exchanges() { return kSettled; }
std::span<const ExchangeKind> roving_exchanges() { return kRoving; }

const ExchangeKind* settled_exchange(std::string_view exchange) {
  const auto* known = std::find_if(std::begin(kSettled), std::end(kSettled),
                                   [&](const ExchangeKind& one) { return one.name == exchange; });
  return known == std::end(kSettled) ? nullptr : known;
}

std::span<const QueueKind> queue_kinds() { return kKinds; }
std::span<const Workload> workloads() { return kWorkloads; }

const QueueKind& kind_of(std::string_view queue) {
  const std::string_view name = queue.substr(0, queue.find('.'));
  const auto known = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const QueueKind& kind) { return kind.name == name; });
  if (known == std::end(kKinds)) std::abort();  // a workload names a kind that is not there
  return *known;
}

}  // namespace polymq::sim
