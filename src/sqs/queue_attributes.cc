// The table of queue attributes, and setting them.
#include "sqs/queue_attributes.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "sqs/protocol/error_messages.h"
#include "sqs/protocol/request_view.h"
#include "sqs/redrive_policy.h"

namespace polymq::sqs {
namespace {

using enum QueueAttribute;

constexpr QueueAttributeRow number(QueueAttribute id, std::string_view name, std::int64_t min,
                                   std::int64_t max, std::string_view default_text) {
  return {.id = id,
          .name = name,
          .kind = AttributeKind::kNumber,
          .min = min,
          .max = max,
          .default_text = default_text};
}

constexpr QueueAttributeRow boolean(QueueAttribute id, std::string_view name,
                                    std::string_view default_text, bool is_fifo_only) {
  return {.id = id,
          .name = name,
          .kind = AttributeKind::kBoolean,
          .default_text = default_text,
          .is_fifo_only = is_fifo_only};
}

constexpr QueueAttributeRow text(QueueAttribute id, std::string_view name,
                                 std::int64_t longest = INT64_MAX) {
  return {.id = id, .name = name, .max = longest, .is_cleared_by_empty_text = true};
}

/// The first word is the default.
constexpr QueueAttributeRow fifo_word(QueueAttribute id, std::string_view name,
                                      std::array<std::string_view, 2> words) {
  return {.id = id,
          .name = name,
          .kind = AttributeKind::kWord,
          .default_text = words[0],
          .words = words,
          .is_fifo_only = true};
}

constexpr QueueAttributeRow told(QueueAttribute id, std::string_view name) {
  return {.id = id, .name = name};
}

constexpr std::array kRows{
    number(kDelaySeconds, "DelaySeconds", 0, 900, "0"),
    number(kMaximumMessageSize, "MaximumMessageSize", 1024, 1'048'576, "1048576"),
    number(kMessageRetentionPeriod, "MessageRetentionPeriod", 60, 1'209'600, "345600"),
    number(kReceiveMessageWaitTimeSeconds, "ReceiveMessageWaitTimeSeconds", 0, 20, "0"),
    number(kVisibilityTimeout, "VisibilityTimeout", 0, 43'200, "30"),
    text(kPolicy, "Policy"),
    text(kRedrivePolicy, "RedrivePolicy"),
    text(kRedriveAllowPolicy, "RedriveAllowPolicy"),
    text(kKmsMasterKeyId, "KmsMasterKeyId", 2048),
    number(kKmsDataKeyReusePeriodSeconds, "KmsDataKeyReusePeriodSeconds", 60, 86'400, "300"),
    boolean(kSqsManagedSseEnabled, "SqsManagedSseEnabled", "true", false),
    boolean(kFifoQueue, "FifoQueue", "", true),
    boolean(kContentBasedDeduplication, "ContentBasedDeduplication", "false", true),
    fifo_word(kDeduplicationScope, "DeduplicationScope", {"queue", "messageGroup"}),
    fifo_word(kFifoThroughputLimit, "FifoThroughputLimit", {"perQueue", "perMessageGroupId"}),
    told(kQueueArn, "QueueArn"),
    told(kCreatedTimestamp, "CreatedTimestamp"),
    told(kLastModifiedTimestamp, "LastModifiedTimestamp"),
    told(kApproximateNumberOfMessages, "ApproximateNumberOfMessages"),
    told(kApproximateNumberOfMessagesNotVisible, "ApproximateNumberOfMessagesNotVisible"),
    told(kApproximateNumberOfMessagesDelayed, "ApproximateNumberOfMessagesDelayed"),
};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].id) != i) return false;
  }
  return kRows.size() == kQueueAttributes;
}
static_assert(is_in_order());

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

/// As it is kept; nothing when it is not legal. Policies are looked at elsewhere.
std::optional<std::string> normal(const QueueAttributeRow& row, std::string_view value) {
  switch (row.kind) {
    case AttributeKind::kNumber: {
      const auto parsed = parse_integer(value);
      if (!parsed || *parsed < row.min || *parsed > row.max) return std::nullopt;
      return std::to_string(*parsed);
    }
    case AttributeKind::kBoolean:
      if (same_letters(value, "true")) return "true";
      if (same_letters(value, "false")) return "false";
      return std::nullopt;
    case AttributeKind::kWord:
      if (std::find(row.words.begin(), row.words.end(), value) == row.words.end()) {
        return std::nullopt;
      }
      return std::string(value);
    case AttributeKind::kText:
      if (std::cmp_greater(value.size(), row.max)) return std::nullopt;
      return std::string(value);
  }
  return std::nullopt;
}

SqsResult<void> check_policy(const QueueAttributeRow& row, std::string_view value) {
  if (row.id == kPolicy && !is_json_object(value)) {
    return tl::make_unexpected(invalid_attribute_value(row.name));
  }
  if (row.id == kRedrivePolicy) {
    if (auto policy = parse_redrive_policy(value); !policy) {
      return tl::make_unexpected(std::move(policy.error()));
    }
  }
  if (row.id == kRedriveAllowPolicy) {
    if (auto policy = parse_redrive_allow_policy(value); !policy) {
      return tl::make_unexpected(std::move(policy.error()));
    }
  }
  return {};
}

/// The last value given under this name.
OptionalText given(TextMap attributes, QueueAttribute attribute) {
  OptionalText found;
  for (const NamedText& entry : attributes) {
    if (entry.name == row_of(attribute).name) found = entry.value;
  }
  return found;
}

}  // namespace

std::span<const QueueAttributeRow> all_queue_attributes() { return kRows; }

const QueueAttributeRow& row_of(QueueAttribute attribute) {
  return kRows[static_cast<std::size_t>(attribute)];
}

const QueueAttributeRow* find_queue_attribute(std::string_view name) {
  const auto* const found = std::find_if(
      kRows.begin(), kRows.end(), [&](const QueueAttributeRow& row) { return row.name == name; });
  return found == kRows.end() ? nullptr : found;
}

SqsResult<QueueSettings> QueueSettings::create(TextMap attributes) {
  QueueSettings settings;
  // Decides what the others may be, wherever it stands.
  if (const OptionalText fifo = given(attributes, kFifoQueue)) {
    if (same_letters(*fifo, "false")) return tl::make_unexpected(unknown_attribute("FifoQueue"));
    if (auto set = settings.set(row_of(kFifoQueue), *fifo); !set) {
      return tl::make_unexpected(std::move(set.error()));
    }
  }
  auto applied = settings.apply(attributes, true);
  if (!applied) return tl::make_unexpected(std::move(applied.error()));
  return settings;
}

SqsResult<QueueSettings> QueueSettings::changed(TextMap attributes) const {
  QueueSettings settings = *this;
  auto applied = settings.apply(attributes, false);
  if (!applied) return tl::make_unexpected(std::move(applied.error()));
  return settings;
}

SqsResult<void> QueueSettings::apply(TextMap attributes, bool is_new) {
  for (const NamedText& entry : attributes) {
    const QueueAttributeRow* const row = find_queue_attribute(entry.name);
    if (row == nullptr || !row->is_settable()) {
      return tl::make_unexpected(unknown_attribute(entry.name));
    }
    if (row->is_fifo_only && !is_fifo()) {
      const bool has_own_words = row->kind == AttributeKind::kWord;
      return tl::make_unexpected(has_own_words ? fifo_queues_only(row->name)
                                               : unknown_attribute(row->name));
    }
    if (row->id == kFifoQueue && !is_new && !same_letters(entry.value, "true")) {
      return tl::make_unexpected(queue_type_is_fixed());
    }
    if (auto done = set(*row, entry.value); !done) return done;
  }
  return check_together(attributes);
}

SqsResult<void> QueueSettings::set(const QueueAttributeRow& row, std::string_view value) {
  if (value.empty() && row.is_cleared_by_empty_text) {
    slot(row.id).reset();
    return {};
  }
  if (auto checked = check_policy(row, value); !checked) return checked;
  auto text = normal(row, value);
  if (!text) return tl::make_unexpected(invalid_attribute_value(row.name));
  slot(row.id) = std::move(*text);
  return {};
}

/// Rules about several attributes, after each is legal by itself.
SqsResult<void> QueueSettings::check_together(TextMap attributes) {
  const OptionalText key = given(attributes, kKmsMasterKeyId);
  const bool sets_key = key && !key->empty();
  const OptionalText managed = given(attributes, kSqsManagedSseEnabled);
  const bool sets_managed = managed && same_letters(*managed, "true");
  if (sets_key && sets_managed) return tl::make_unexpected(two_kinds_of_encryption());
  // Each kind of encryption ends the other.
  if (sets_key) slot(kSqsManagedSseEnabled) = "false";
  if (sets_managed) slot(kKmsMasterKeyId).reset();
  if (text(kFifoThroughputLimit) == "perMessageGroupId" &&
      text(kDeduplicationScope) != "messageGroup") {
    return tl::make_unexpected(invalid_attribute_value("FifoThroughputLimit"));
  }
  return {};
}

std::string_view QueueSettings::text(QueueAttribute attribute) const {
  const Slot& set = slot(attribute);
  return set ? std::string_view(*set) : row_of(attribute).default_text;
}

std::int64_t QueueSettings::number(QueueAttribute attribute) const {
  return parse_integer(text(attribute)).value_or(0);
}

bool QueueSettings::is_reported(QueueAttribute attribute) const {
  const QueueAttributeRow& row = row_of(attribute);
  if (!row.is_settable()) return true;
  if (row.is_fifo_only && !is_fifo()) return false;
  if (attribute == kKmsDataKeyReusePeriodSeconds) return is_set(kKmsMasterKeyId);
  return !text(attribute).empty();
}

std::string_view QueueSettings::first_difference(const QueueSettings& asked) const {
  for (const QueueAttributeRow& row : all_queue_attributes().first(kSettableQueueAttributes)) {
    if (asked.is_set(row.id) && asked.text(row.id) != text(row.id)) return row.name;
  }
  return {};
}

SqsResult<QueueAttributeSet> select_queue_attributes(TextList names,
                                                     const QueueSettings& settings) {
  QueueAttributeSet selected;
  for (const std::string_view name : names) {
    const QueueAttributeRow* const row = find_queue_attribute(name);
    if (row == nullptr && name != "All") return tl::make_unexpected(unknown_attribute(name));
    for (const QueueAttributeRow& each : all_queue_attributes()) {
      if ((row == nullptr || row == &each) && settings.is_reported(each.id)) selected.add(each.id);
    }
  }
  return selected;
}

}  // namespace polymq::sqs
