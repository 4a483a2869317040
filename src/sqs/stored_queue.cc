// Which argument stands for what.
#include "sqs/stored_queue.h"

#include <algorithm>
#include <array>

#include "sqs/protocol/arena.h"
#include "sqs/queue_address.h"
#include "sqs/redrive_policy.h"

namespace polymq::sqs {
namespace {

using engine::Fields;
using engine::Value;

constexpr std::string_view kOurs = "x-sqs-";
constexpr std::string_view kAttribute = "x-sqs-attribute-";
constexpr std::string_view kTag = "x-sqs-tag-";
constexpr std::string_view kCreated = "x-sqs-created";
constexpr std::string_view kChanged = "x-sqs-changed";
constexpr std::string_view kDelay = "x-message-delay";
constexpr std::string_view kRetention = "x-message-retention";
constexpr std::string_view kReceiveLimit = "x-receive-limit";
constexpr std::string_view kDeadLetterExchange = "x-dead-letter-exchange";
constexpr std::string_view kDeadLetterKey = "x-dead-letter-routing-key";
constexpr std::string_view kGroups = "x-message-groups";
constexpr std::string_view kExclusive = "exclusive";
constexpr std::string_view kFair = "fair";
constexpr std::string_view kWindow = "x-deduplication-window";
constexpr std::string_view kScope = "x-deduplication-scope";
constexpr std::string_view kScopeGroup = "group";
constexpr std::string_view kUnroutable = "x-dead-letter-unroutable";
constexpr std::array kOfTheEngine{kDelay,         kRetention, kReceiveLimit, kDeadLetterExchange,
                                  kDeadLetterKey, kGroups,    kWindow,       kScope,
                                  kUnroutable};
constexpr std::int64_t kWindowMs = 300'000;
constexpr std::int64_t kMs = 1000;

std::int64_t integer_of(const Fields& arguments, std::string_view name) {
  const Value* value = engine::find(arguments, name);
  return value != nullptr && value->as_integer() != nullptr ? *value->as_integer() : 0;
}

bool is_text(const Fields& arguments, std::string_view name, std::string_view text) {
  const Value* value = engine::find(arguments, name);
  return value != nullptr && value->as_string() != nullptr && *value->as_string() == text;
}

void add_fifo_arguments(const QueueSettings& settings, Fields& arguments) {
  arguments.push_back({std::string(kGroups), Value::string(std::string(kExclusive))});
  arguments.push_back({std::string(kWindow), Value::integer(kWindowMs)});
  if (settings.text(QueueAttribute::kDeduplicationScope) != "messageGroup") return;
  arguments.push_back({std::string(kScope), Value::string(std::string(kScopeGroup))});
}

/// `whole`: of a queue that was made over SQS. Of others only what was asked for here counts: the
/// rest is as they were declared.
void add_engine_arguments(const QueueSettings& settings, bool whole, Fields& arguments) {
  const std::int64_t delay = settings.number(QueueAttribute::kDelaySeconds);
  if (delay != 0) arguments.push_back({std::string(kDelay), Value::integer(delay * kMs)});
  if (whole || settings.is_set(QueueAttribute::kMessageRetentionPeriod)) {
    const std::int64_t retention = settings.number(QueueAttribute::kMessageRetentionPeriod);
    arguments.push_back({std::string(kRetention), Value::integer(retention * kMs)});
  }
  if (settings.is_fifo()) {
    add_fifo_arguments(settings, arguments);
  } else if (whole) {
    arguments.push_back({std::string(kGroups), Value::string(std::string(kFair))});
  }
  if (!settings.is_set(QueueAttribute::kRedrivePolicy)) return;
  const auto redrive = parse_redrive_policy(settings.text(QueueAttribute::kRedrivePolicy));
  const auto target = redrive ? parse_queue_arn(redrive->dead_letter_target_arn) : std::nullopt;
  if (!target) return;
  arguments.push_back({std::string(kReceiveLimit), Value::integer(redrive->max_receive_count)});
  arguments.push_back({std::string(kDeadLetterExchange), Value::string("")});
  arguments.push_back({std::string(kDeadLetterKey), Value::string(std::string(target->name))});
  arguments.push_back({std::string(kUnroutable), Value::string("keep")});
}

}  // namespace

Fields to_arguments(const StoredQueue& queue) {
  Fields arguments;
  for (const QueueAttributeRow& row : all_queue_attributes()) {
    if (!row.is_settable() || !queue.settings.is_set(row.id)) continue;
    arguments.push_back({std::string(kAttribute) + std::string(row.name),
                         Value::string(std::string(queue.settings.text(row.id)))});
  }
  for (const auto& [key, value] : queue.tags) {
    arguments.push_back({std::string(kTag) + key, Value::string(value)});
  }
  arguments.push_back({std::string(kCreated), Value::integer(queue.created_s)});
  arguments.push_back({std::string(kChanged), Value::integer(queue.changed_s)});
  add_engine_arguments(queue.settings, queue.created_s != 0, arguments);
  return arguments;
}

namespace {

/// What is no legal value (somebody else has set it) does not count.
QueueSettings settings_of(const std::vector<NamedText>& attributes) {
  if (auto all = QueueSettings::create(attributes)) return *std::move(all);
  QueueSettings settings;
  std::vector<NamedText> legal;
  for (const NamedText& attribute : attributes) {
    legal.push_back(attribute);
    if (auto more = QueueSettings::create(legal)) {
      settings = *std::move(more);
    } else {
      legal.pop_back();
    }
  }
  return settings;
}

}  // namespace

StoredQueue from_arguments(const Fields& arguments) {
  StoredQueue queue;
  std::vector<NamedText> attributes;
  for (const engine::Field& argument : arguments) {
    const std::string_view name = argument.name;
    const std::string* text = argument.value.as_string();
    if (text == nullptr) continue;
    if (name.starts_with(kAttribute)) {
      attributes.push_back({name.substr(kAttribute.size()), *text});
    } else if (name.starts_with(kTag)) {
      queue.tags.emplace_back(name.substr(kTag.size()), *text);
    }
  }
  queue.created_s = integer_of(arguments, kCreated);
  queue.changed_s = integer_of(arguments, kChanged);
  // The first one decides about some of the others.
  const auto add = [&](std::string_view name, std::string_view text) {
    const bool known = std::any_of(attributes.begin(), attributes.end(),
                                   [&](const NamedText& one) { return one.name == name; });
    if (!known) attributes.insert(attributes.begin(), {name, text});
  };
  const std::string delay = std::to_string(integer_of(arguments, kDelay) / kMs);
  const std::string retention = std::to_string(integer_of(arguments, kRetention) / kMs);
  if (queue.created_s == 0) {
    if (delay != "0") add("DelaySeconds", delay);
    if (retention != "0") add("MessageRetentionPeriod", retention);
    if (is_text(arguments, kScope, kScopeGroup)) add("DeduplicationScope", "messageGroup");
    if (is_text(arguments, kGroups, kExclusive)) add("FifoQueue", "true");
  }
  queue.settings = settings_of(attributes);
  std::sort(queue.tags.begin(), queue.tags.end());
  return queue;
}

ArgumentChange difference(const Fields& before, const Fields& after) {
  ArgumentChange change;
  for (const engine::Field& field : before) {
    const bool ours =
        field.name.starts_with(kOurs) ||
        std::find(kOfTheEngine.begin(), kOfTheEngine.end(), field.name) != kOfTheEngine.end();
    if (ours && engine::find(after, field.name) == nullptr) change.clear.push_back(field.name);
  }
  for (const engine::Field& field : after) {
    const Value* known = engine::find(before, field.name);
    if (known == nullptr || *known != field.value) change.set.push_back(field);
  }
  return change;
}

}  // namespace polymq::sqs
