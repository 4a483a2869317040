// What a queue's declaration may ask for: its arguments, checked and read once into settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "engine/fields.h"
#include "storage/sync_policy.h"

namespace polymq::engine {

enum class QueueType : std::uint8_t { kClassic, kQuorum };
enum class Overflow : std::uint8_t { kDropHead, kRejectPublish, kRejectPublishDlx };
enum class DeadLetterStrategy : std::uint8_t { kAtMostOnce, kAtLeastOnce };
/// What groups of messages are for.
enum class MessageGroups : std::uint8_t {
  kExclusive,  // while something of a group is handed out, only who holds it gets more of it
  kFair,       // groups that take more than their share of the consumers come last
};
/// Which ends of a lease wait before the message is handed out again.
enum class DelayedRetry : std::uint8_t { kDisabled, kAll, kFailed, kReturned };
/// What ids for deduplication are unique within.
enum class DeduplicationScope : std::uint8_t { kQueue, kGroup };

/// "classic", "quorum".
std::string_view type_name(QueueType type);
/// How explanations call it: "rabbit_classic_queue", "rabbit_quorum_queue".
std::string_view module_name(QueueType type);
/// "drop-head", "reject-publish", "reject-publish-dlx".
std::string_view to_text(Overflow overflow);
std::optional<Overflow> overflow_of(std::string_view text);
/// "disabled", "all", "failed", "returned".
std::optional<DelayedRetry> delayed_retry_of(std::string_view text);

/// What arguments and policies say of a queue; absent = not limited, or the type's default.
struct QueueSettings {
  /// A quorum queue's delivery limit when neither argument nor policy says one, unless the operator
  /// chose another default; a negative limit means none.
  static constexpr std::int64_t kDefaultDeliveryLimit = 20;
  /// Entries of a deduplicating queue's window when x-cache-size is absent.
  static constexpr std::int64_t kDefaultDeduplicationEntries = 128;

  QueueType type = QueueType::kClassic;
  bool single_active_consumer = false;
  bool deduplication = false;
  std::optional<MessageGroups> message_groups;  // never together with max_priority
  std::optional<DelayedRetry> delayed_retry;
  std::optional<Overflow> overflow;
  std::optional<DeadLetterStrategy> dead_letter_strategy;
  /// A message that was refused, or handed out too often, stays if its dead letter exchange leads
  /// to no queue.
  bool keep_unroutable = false;
  std::optional<storage::SyncPolicy> sync;   // of what is stored; as the node has it
  std::optional<std::uint8_t> max_priority;  // classic; 0 = no priorities
  std::optional<std::int64_t> ttl_ms;
  std::optional<std::int64_t> expires_ms;
  std::optional<std::int64_t> max_length;
  std::optional<std::int64_t> max_length_bytes;
  std::optional<std::int64_t> delivery_limit;
  std::optional<std::int64_t> receive_limit;  // hand-outs, whatever became of them
  std::optional<std::int64_t> delay_ms;       // of messages without one of their own
  std::optional<std::int64_t> retention_ms;   // then messages go, silently and in any state
  std::int64_t default_delivery_limit = kDefaultDeliveryLimit;
  std::optional<std::int64_t> consumer_timeout_ms;
  std::optional<std::int64_t> consumer_disconnected_timeout_ms;
  std::optional<std::int64_t> delayed_retry_min_ms;  // present when delayed_retry is on
  std::optional<std::int64_t> delayed_retry_max_ms;
  std::optional<std::int64_t> deduplication_entries;
  std::optional<std::int64_t> deduplication_ttl_ms;
  /// Set: duplicates are told from it by time only, and their publishers of the original.
  std::optional<std::int64_t> deduplication_window_ms;
  DeduplicationScope deduplication_scope = DeduplicationScope::kQueue;
  std::optional<std::string> dead_letter_exchange;  // empty = the default exchange
  std::optional<std::string> dead_letter_routing_key;

  /// Drop the head unless something else was asked for. A quorum queue knows no
  /// reject-publish-dlx and falls back to dropping.
  Overflow effective_overflow() const;
  /// The failures after which a message is dead-lettered or dropped; nullopt = never.
  std::optional<std::int64_t> effective_delivery_limit() const;

  bool operator==(const QueueSettings&) const = default;
};

/// A declaration as it came in. Views need to live only during the call.
struct QueueDeclaration {
  std::string_view name;
  std::string_view vhost;
  bool durable = false;
  bool exclusive = false;
  bool auto_delete = false;
  const Fields& arguments;
  /// Used when no x-queue-type is given and the declaration suits it: "", "classic", "quorum".
  std::string_view default_type = {};
};

/// The type that the declaration asks for: x-queue-type, else the default if that suits a queue so
/// declared, else classic. kPrecondition for an unknown type and for a type that wants a name when
/// there is none; kNotImplemented for streams.
EngineResult<QueueType> choose_queue_type(const QueueDeclaration& declaration);

/// Checks a new queue's declaration and reads its arguments. Names that mean nothing to any queue
/// type are ignored. Errors: those of choose_queue_type(), and kPrecondition with RabbitMQ's words
/// (`invalid arg 'x-expires' for queue 'q' in vhost '/': {value_zero,0}`).
EngineResult<QueueSettings> parse_queue_arguments(const QueueDeclaration& declaration);

/// What a server-made name starts with: "amq.gen", or what x-name-prefix says.
EngineResult<std::string> server_name_prefix(const Fields& arguments);

/// The arguments as they are kept and shown: x-queue-type is always among them, x-name-prefix
/// never.
Fields stored_arguments(const Fields& arguments, QueueType type);

/// The arguments that mean something to a queue of `type`: those compared on another declaration.
std::vector<std::string_view> known_queue_arguments(QueueType type);

}  // namespace polymq::engine
