// The table of queue arguments, and reading a declaration by it.
#include "engine/queue_arguments.h"

#include <algorithm>
#include <array>

#include "engine/argument_checks.h"
#include "engine/move_order.h"

namespace polymq::engine {
namespace {

constexpr std::string_view kTypeArgument = "x-queue-type";
constexpr std::string_view kPrefixArgument = "x-name-prefix";
constexpr std::string_view kDlx = "x-dead-letter-exchange";
constexpr std::string_view kMaxPriority = "x-max-priority";
constexpr std::string_view kRetryMin = "x-delayed-retry-min";
constexpr std::string_view kDeduplication = "x-message-deduplication";
constexpr std::string_view kWindow = "x-deduplication-window";
constexpr std::size_t kLongestPrefix = 64;
constexpr std::int64_t kHighestPriority = 255;
constexpr std::int64_t kLargestSegment = 3'000'000'000;

// Which types an argument means something to. Streams are not available, but their arguments must
// not pass for unknown ones.
constexpr std::uint8_t kClassic = 1;
constexpr std::uint8_t kQuorum = 2;
constexpr std::uint8_t kStream = 4;
constexpr std::uint8_t kOurs = 8;  // the broker adds it by itself: it is not compared
constexpr std::uint8_t kBoth = kClassic | kQuorum;
constexpr std::uint8_t kAll = kBoth | kStream;

constexpr std::uint8_t bit_of(QueueType type) {
  return type == QueueType::kQuorum ? kQuorum : kClassic;
}

/// What some arguments' checks need besides the value.
using Check = Refusal (*)(const Value& value, const Fields& arguments);
using Read = void (*)(const Value& value, QueueSettings& settings);

struct ArgumentRow {
  std::string_view name;
  std::uint8_t types;
  Check check;
  Read read;  // null: accepted, but there is nothing to do on one node
};

template <Refusal (*check)(const Value&)>
Refusal alone(const Value& value, const Fields&) {
  return check(value);
}

template <std::optional<std::int64_t> QueueSettings::* member>
void read_integer(const Value& value, QueueSettings& settings) {
  settings.*member = *value.as_integer();
}
template <std::optional<std::string> QueueSettings::* member>
void read_string(const Value& value, QueueSettings& settings) {
  settings.*member = *value.as_string();
}
template <bool QueueSettings::* member>
void read_bool(const Value& value, QueueSettings& settings) {
  settings.*member = *value.as_bool();
}

Refusal check_expires(const Value& value, const Fields&) {
  if (value.is_integer() && *value.as_integer() == 0) return "{value_zero,0}";
  return check_expiry(value);
}

Refusal check_dead_letter_key(const Value& value, const Fields& arguments) {
  if (Refusal refusal = check_string(value); !refusal.empty()) return refusal;
  return find(arguments, kDlx) == nullptr ? "routing_key_but_no_dlx_defined" : "";
}

Refusal check_strategy(const Value& value, const Fields&) {
  return check_choice(value, {"at-most-once", "at-least-once"}, "invalid_dlx_strategy");
}
void read_strategy(const Value& value, QueueSettings& settings) {
  settings.dead_letter_strategy = *value.as_string() == "at-least-once"
                                      ? DeadLetterStrategy::kAtLeastOnce
                                      : DeadLetterStrategy::kAtMostOnce;
}

Refusal check_max_priority(const Value& value, const Fields&) {
  if (Refusal refusal = check_non_negative(value); !refusal.empty()) return refusal;
  const std::int64_t priority = *value.as_integer();
  if (priority <= kHighestPriority) return {};
  return "{max_value_exceeded," + std::to_string(priority) + "}";
}
void read_max_priority(const Value& value, QueueSettings& settings) {
  settings.max_priority = static_cast<std::uint8_t>(*value.as_integer());
}

Refusal check_overflow(const Value& value, const Fields&) {
  return check_choice(value, {"drop-head", "reject-publish", "reject-publish-dlx"},
                      "invalid_overflow");
}
void read_overflow(const Value& value, QueueSettings& settings) {
  settings.overflow = overflow_of(*value.as_string());
}

Refusal check_unroutable(const Value& value, const Fields&) {
  return check_choice(value, {"drop", "keep"}, "invalid_dlx_unroutable");
}
void read_unroutable(const Value& value, QueueSettings& settings) {
  settings.keep_unroutable = *value.as_string() == "keep";
}

Refusal check_move_order(const Value& value, const Fields&) {
  return move_order_of(value) ? "" : "invalid_move_order";
}

// Whoever has several orders to keep keeps none.
Refusal check_groups(const Value& value, const Fields& arguments) {
  Refusal refusal = check_choice(value, {"exclusive", "fair"}, "invalid_message_groups");
  if (!refusal.empty() || find(arguments, kMaxPriority) == nullptr) return refusal;
  return "message_groups_and_max_priority";
}
void read_groups(const Value& value, QueueSettings& settings) {
  settings.message_groups =
      *value.as_string() == "fair" ? MessageGroups::kFair : MessageGroups::kExclusive;
}

Refusal check_sync(const Value& value, const Fields&) {
  return check_choice(value, {"always", "interval", "never"}, "invalid_storage_sync");
}
void read_sync(const Value& value, QueueSettings& settings) {
  settings.sync = storage::sync_policy_of(*value.as_string());
}

Refusal check_mode(const Value& value, const Fields&) {
  if (Refusal refusal = check_string(value); !refusal.empty()) return refusal;
  return check_choice(value, {"default", "lazy"},
                      "\"unsupported queue mode '" + *value.as_string() + "'\"");
}

Refusal check_version(const Value& value, const Fields&) {
  if (Refusal refusal = check_non_negative(value); !refusal.empty()) return refusal;
  const std::int64_t version = *value.as_integer();
  if (version == 1 || version == 2) return {};
  return "\"unsupported queue version '" + std::to_string(version) + "'\"";
}

Refusal check_locator(const Value& value, const Fields&) {
  return check_choice(value, {"client-local", "balanced", "random", "least-leaders"},
                      "invalid_queue_locator_arg");
}

Refusal check_retry_type(const Value& value, const Fields& arguments) {
  Refusal refusal =
      check_choice(value, {"disabled", "all", "failed", "returned"}, "invalid_delayed_retry_type");
  if (!refusal.empty() || *value.as_string() == "disabled") return refusal;
  return find(arguments, kRetryMin) == nullptr ? "delayed_retry_type_but_no_min_defined" : "";
}
void read_retry_type(const Value& value, QueueSettings& settings) {
  settings.delayed_retry = delayed_retry_of(*value.as_string());
}

Refusal check_retry_max(const Value& value, const Fields& arguments) {
  if (Refusal refusal = check_expiry(value); !refusal.empty()) return refusal;
  const Value* min = find(arguments, kRetryMin);
  if (min == nullptr || !min->is_integer() || *min->as_integer() <= *value.as_integer()) return {};
  return "{value_less_than_min," + std::to_string(*value.as_integer()) + "}";
}

Refusal check_segment_size(const Value& value, const Fields&) {
  if (Refusal refusal = check_non_negative(value); !refusal.empty()) return refusal;
  if (*value.as_integer() <= kLargestSegment) return {};
  return "{value_too_large," + std::to_string(*value.as_integer()) + "}";
}

// The one counts and the other does not: a queue has one of them.
Refusal check_window(const Value& value, const Fields& arguments) {
  if (Refusal refusal = check_expires(value, arguments); !refusal.empty()) return refusal;
  const Value* counted = find(arguments, kDeduplication);
  const bool both = counted != nullptr && counted->as_bool() != nullptr && *counted->as_bool();
  return both ? "window_and_message_deduplication" : "";
}

Refusal check_scope(const Value& value, const Fields&) {
  return check_choice(value, {"queue", "group"}, "invalid_deduplication_scope");
}
void read_scope(const Value& value, QueueSettings& settings) {
  settings.deduplication_scope =
      *value.as_string() == "group" ? DeduplicationScope::kGroup : DeduplicationScope::kQueue;
}

/// In the order in which they are checked.
constexpr std::array kRows{
    ArgumentRow{"x-expires", kBoth, check_expires, read_integer<&QueueSettings::expires_ms>},
    ArgumentRow{"x-message-ttl", kBoth, alone<check_expiry>, read_integer<&QueueSettings::ttl_ms>},
    ArgumentRow{kDlx, kBoth, alone<check_string>,
                read_string<&QueueSettings::dead_letter_exchange>},
    ArgumentRow{"x-dead-letter-routing-key", kBoth, check_dead_letter_key,
                read_string<&QueueSettings::dead_letter_routing_key>},
    ArgumentRow{"x-dead-letter-strategy", kQuorum, check_strategy, read_strategy},
    ArgumentRow{"x-dead-letter-unroutable", kBoth, check_unroutable, read_unroutable},
    ArgumentRow{kMoveOrderArgument, kBoth | kOurs, check_move_order, nullptr},
    ArgumentRow{"x-max-length", kBoth, alone<check_non_negative>,
                read_integer<&QueueSettings::max_length>},
    ArgumentRow{"x-max-length-bytes", kAll, alone<check_non_negative>,
                read_integer<&QueueSettings::max_length_bytes>},
    ArgumentRow{"x-max-in-memory-length", kQuorum, alone<check_non_negative>, nullptr},
    ArgumentRow{"x-max-in-memory-bytes", kQuorum, alone<check_non_negative>, nullptr},
    ArgumentRow{kMaxPriority, kClassic, check_max_priority, read_max_priority},
    ArgumentRow{"x-overflow", kBoth, check_overflow, read_overflow},
    ArgumentRow{"x-storage-sync", kBoth, check_sync, read_sync},
    ArgumentRow{"x-queue-mode", kClassic, check_mode, nullptr},
    ArgumentRow{"x-queue-version", kClassic, check_version, nullptr},
    ArgumentRow{"x-queue-master-locator", kClassic, alone<check_string>, nullptr},
    ArgumentRow{"x-single-active-consumer", kAll, alone<check_bool>,
                read_bool<&QueueSettings::single_active_consumer>},
    ArgumentRow{"x-quorum-initial-group-size", kQuorum, alone<check_positive>, nullptr},
    ArgumentRow{"x-quorum-target-group-size", kQuorum, alone<check_positive>, nullptr},
    ArgumentRow{"x-member-placement-tag", kQuorum, alone<check_string>, nullptr},
    ArgumentRow{"x-delivery-limit", kQuorum, alone<check_integer>,
                read_integer<&QueueSettings::delivery_limit>},
    ArgumentRow{"x-receive-limit", kBoth, alone<check_positive>,
                read_integer<&QueueSettings::receive_limit>},
    ArgumentRow{"x-message-delay", kBoth, alone<check_expiry>,
                read_integer<&QueueSettings::delay_ms>},
    ArgumentRow{"x-message-retention", kBoth, check_expires,
                read_integer<&QueueSettings::retention_ms>},
    ArgumentRow{"x-message-groups", kBoth, check_groups, read_groups},
    ArgumentRow{"x-consumer-timeout", kBoth, alone<check_expiry>,
                read_integer<&QueueSettings::consumer_timeout_ms>},
    ArgumentRow{"x-consumer-disconnected-timeout", kQuorum, alone<check_expiry>,
                read_integer<&QueueSettings::consumer_disconnected_timeout_ms>},
    ArgumentRow{"x-delayed-retry-type", kQuorum, check_retry_type, read_retry_type},
    ArgumentRow{kRetryMin, kQuorum, alone<check_expiry>,
                read_integer<&QueueSettings::delayed_retry_min_ms>},
    ArgumentRow{"x-delayed-retry-max", kQuorum, check_retry_max,
                read_integer<&QueueSettings::delayed_retry_max_ms>},
    ArgumentRow{"x-queue-leader-locator", kAll, check_locator, nullptr},
    ArgumentRow{kWindow, kBoth, check_window,
                read_integer<&QueueSettings::deduplication_window_ms>},
    ArgumentRow{"x-deduplication-scope", kBoth, check_scope, read_scope},
    ArgumentRow{kDeduplication, kAll, alone<check_bool>, read_bool<&QueueSettings::deduplication>},
    ArgumentRow{"x-cache-size", kAll, alone<check_positive>,
                read_integer<&QueueSettings::deduplication_entries>},
    ArgumentRow{"x-cache-ttl", kAll, alone<check_expiry>,
                read_integer<&QueueSettings::deduplication_ttl_ms>},
    ArgumentRow{"x-initial-cluster-size", kStream, alone<check_positive>, nullptr},
    ArgumentRow{"x-max-age", kStream, alone<check_string>, nullptr},
    ArgumentRow{"x-stream-max-segment-size-bytes", kStream, check_segment_size, nullptr},
    ArgumentRow{"x-stream-filter-size-bytes", kStream, alone<check_non_negative>, nullptr},
    ArgumentRow{kTypeArgument, kAll, alone<check_string>, nullptr},
};

const ArgumentRow* find_row(std::string_view name) {
  const auto* it = std::find_if(kRows.begin(), kRows.end(),
                                [&](const ArgumentRow& row) { return row.name == name; });
  return it == kRows.end() ? nullptr : it;
}

std::string subject(const QueueDeclaration& declaration) {
  return queue_in_vhost(declaration.name, declaration.vhost);
}

bool suits_quorum(const QueueDeclaration& declaration) {
  return declaration.durable && !declaration.exclusive && !declaration.auto_delete;
}

EngineResult<QueueType> type_asked_for(const QueueDeclaration& declaration) {
  const Value* asked = find(declaration.arguments, kTypeArgument);
  if (asked == nullptr) {
    const bool quorum = declaration.default_type == "quorum" && suits_quorum(declaration);
    return quorum ? QueueType::kQuorum : QueueType::kClassic;
  }
  const auto invalid = [&](const Refusal& refusal) {
    return invalid_argument(kTypeArgument, subject(declaration), refusal);
  };
  if (Refusal refusal = check_string(*asked); !refusal.empty()) return invalid(refusal);
  const std::string& name = *asked->as_string();
  if (name == "classic") return QueueType::kClassic;
  if (name == "quorum") return QueueType::kQuorum;
  if (name != "stream") return invalid("\"unsupported queue type '" + name + "'\"");
  return refuse(ErrorKind::kNotImplemented,
                "queue type 'stream' of " + subject(declaration) + " is not available");
}

EngineResult<void> check_properties(const QueueDeclaration& declaration) {
  std::string_view wrong;
  if (declaration.auto_delete) {
    wrong = "auto-delete";
  } else if (declaration.exclusive) {
    wrong = "exclusive-owner";
  } else if (!declaration.durable) {
    wrong = "non-durable";
  } else {
    return {};
  }
  return refuse(ErrorKind::kPrecondition,
                "invalid property '" + std::string(wrong) + "' for " + subject(declaration));
}

EngineResult<void> check_foreign(const QueueDeclaration& declaration, QueueType type) {
  for (const Field& argument : declaration.arguments) {
    const ArgumentRow* row = find_row(argument.name);
    if (row == nullptr || (row->types & bit_of(type)) != 0) continue;
    return refuse(ErrorKind::kPrecondition, "invalid arg '" + argument.name + "' for " +
                                                subject(declaration) + " of queue type " +
                                                std::string(module_name(type)));
  }
  return {};
}

}  // namespace

std::string_view type_name(QueueType type) {
  return type == QueueType::kQuorum ? "quorum" : "classic";
}

std::string_view module_name(QueueType type) {
  return type == QueueType::kQuorum ? "rabbit_quorum_queue" : "rabbit_classic_queue";
}

std::string_view to_text(Overflow overflow) {
  switch (overflow) {
    case Overflow::kDropHead:
      return "drop-head";
    case Overflow::kRejectPublish:
      return "reject-publish";
    case Overflow::kRejectPublishDlx:
      return "reject-publish-dlx";
  }
  return {};
}

std::optional<Overflow> overflow_of(std::string_view text) {
  for (const auto overflow :
       {Overflow::kDropHead, Overflow::kRejectPublish, Overflow::kRejectPublishDlx}) {
    if (to_text(overflow) == text) return overflow;
  }
  return std::nullopt;
}

std::optional<DelayedRetry> delayed_retry_of(std::string_view text) {
  if (text == "disabled") return DelayedRetry::kDisabled;
  if (text == "all") return DelayedRetry::kAll;
  if (text == "failed") return DelayedRetry::kFailed;
  if (text == "returned") return DelayedRetry::kReturned;
  return std::nullopt;
}

Overflow QueueSettings::effective_overflow() const {
  const Overflow asked = overflow.value_or(Overflow::kDropHead);
  const bool unknown = type == QueueType::kQuorum && asked == Overflow::kRejectPublishDlx;
  return unknown ? Overflow::kDropHead : asked;
}

std::optional<std::int64_t> QueueSettings::effective_delivery_limit() const {
  if (type != QueueType::kQuorum) return std::nullopt;
  const std::int64_t limit = delivery_limit.value_or(default_delivery_limit);
  return limit < 0 ? std::nullopt : std::optional(limit);
}

EngineResult<QueueType> choose_queue_type(const QueueDeclaration& declaration) {
  auto type = type_asked_for(declaration);
  if (type && *type == QueueType::kQuorum && declaration.name.empty()) {
    return refuse(ErrorKind::kPrecondition, "Cannot declare a server-named queue for type " +
                                                std::string(module_name(*type)));
  }
  return type;
}

EngineResult<QueueSettings> parse_queue_arguments(const QueueDeclaration& declaration) {
  const Fields& arguments = declaration.arguments;
  const std::string of = subject(declaration);
  if (auto dlx = exchange_name_argument(arguments, kDlx, of); !dlx) {
    return tl::make_unexpected(dlx.error());
  }
  const auto type = choose_queue_type(declaration);
  if (!type) return tl::make_unexpected(type.error());

  QueueSettings settings;
  settings.type = *type;
  for (const ArgumentRow& row : kRows) {
    const Value* value = (row.types & bit_of(*type)) != 0 ? find(arguments, row.name) : nullptr;
    if (value == nullptr) continue;
    if (const Refusal refusal = row.check(*value, arguments); !refusal.empty()) {
      return invalid_argument(row.name, of, refusal);
    }
    if (row.read != nullptr) row.read(*value, settings);
  }
  if (auto known = check_foreign(declaration, *type); !known) {
    return tl::make_unexpected(known.error());
  }
  if (*type == QueueType::kQuorum) {
    if (auto suits = check_properties(declaration); !suits) {
      return tl::make_unexpected(suits.error());
    }
  }
  return settings;
}

EngineResult<std::string> server_name_prefix(const Fields& arguments) {
  const Value* prefix = find(arguments, kPrefixArgument);
  if (prefix == nullptr) return "amq.gen";
  Refusal refusal = check_string(*prefix);
  if (refusal.empty() && prefix->as_string()->size() > kLongestPrefix) refusal = "prefix_too_long";
  if (refusal.empty()) return *prefix->as_string();
  return invalid_argument(kPrefixArgument, "a server-named queue", refusal);
}

Fields stored_arguments(const Fields& arguments, QueueType type) {
  Fields stored;
  for (const Field& argument : arguments) {
    if (argument.name != kPrefixArgument) stored.push_back(argument);
  }
  if (find(stored, kTypeArgument) == nullptr) {
    stored.push_back({std::string(kTypeArgument), Value::string(std::string(type_name(type)))});
  }
  return stored;
}

std::vector<std::string_view> known_queue_arguments(QueueType type) {
  std::vector<std::string_view> names;
  for (const ArgumentRow& row : kRows) {
    if ((row.types & bit_of(type)) != 0 && (row.types & kOurs) == 0) names.push_back(row.name);
  }
  return names;
}

}  // namespace polymq::engine
