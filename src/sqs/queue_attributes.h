// Attributes of queues: what each may be, what it is when nobody says, who may set it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sqs/protocol/error.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

enum class QueueAttribute : std::uint8_t {
  // settable
  kDelaySeconds,
  kMaximumMessageSize,
  kMessageRetentionPeriod,
  kReceiveMessageWaitTimeSeconds,
  kVisibilityTimeout,
  kPolicy,
  kRedrivePolicy,
  kRedriveAllowPolicy,
  kKmsMasterKeyId,
  kKmsDataKeyReusePeriodSeconds,
  kSqsManagedSseEnabled,
  kFifoQueue,
  kContentBasedDeduplication,
  kDeduplicationScope,
  kFifoThroughputLimit,
  // told by the broker
  kQueueArn,
  kCreatedTimestamp,
  kLastModifiedTimestamp,
  kApproximateNumberOfMessages,
  kApproximateNumberOfMessagesNotVisible,
  kApproximateNumberOfMessagesDelayed,
};

inline constexpr std::size_t kQueueAttributes = 21;
inline constexpr std::size_t kSettableQueueAttributes = 15;

enum class AttributeKind : std::uint8_t {
  kNumber,   // from min to max
  kBoolean,  // true or false in any case, kept in lower case
  kWord,     // one of words
  kText,     // anything; JSON ones are parsed and kept as they were sent
};

struct QueueAttributeRow {
  QueueAttribute id;
  std::string_view name;
  AttributeKind kind = AttributeKind::kText;
  std::int64_t min = 0;
  std::int64_t max = 0;             // of a text: bytes
  std::string_view default_text{};  // empty: not there unless set
  std::array<std::string_view, 2> words{};
  bool is_fifo_only = false;
  bool is_cleared_by_empty_text = false;

  constexpr bool is_settable() const {
    return static_cast<std::size_t>(id) < kSettableQueueAttributes;
  }
};

/// In the order of QueueAttribute.
std::span<const QueueAttributeRow> all_queue_attributes();
const QueueAttributeRow& row_of(QueueAttribute attribute);
/// Null when there is none of this name; `All` is none.
const QueueAttributeRow* find_queue_attribute(std::string_view name);

/// What somebody set for one queue, as text; everything else is at its default. Always valid.
class QueueSettings {
 public:
  /// The attributes of a new queue. Errors: kInvalidAttributeName, kInvalidAttributeValue,
  /// kInvalidParameterValue (policies of dead-letter queues).
  static SqsResult<QueueSettings> create(TextMap attributes);
  /// What these settings become; the receiver is not changed. Same errors.
  SqsResult<QueueSettings> changed(TextMap attributes) const;

  bool is_fifo() const { return flag(QueueAttribute::kFifoQueue); }
  /// Settable numbers, in seconds or bytes.
  std::int64_t number(QueueAttribute attribute) const;
  bool flag(QueueAttribute attribute) const { return text(attribute) == "true"; }
  /// What was set, or the default; empty when there is neither.
  std::string_view text(QueueAttribute attribute) const;
  bool is_set(QueueAttribute attribute) const { return slot(attribute).has_value(); }
  /// Does GetQueueAttributes tell of it? FIFO attributes only on FIFO queues, a policy only when
  /// there is one.
  bool is_reported(QueueAttribute attribute) const;

  /// The name of the first attribute set in `asked` that differs here; empty when none does:
  /// CreateQueue of a queue that exists compares only what it was given.
  std::string_view first_difference(const QueueSettings& asked) const;

 private:
  using Slot = std::optional<std::string>;
  const Slot& slot(QueueAttribute attribute) const {
    return texts_[static_cast<std::size_t>(attribute)];
  }
  Slot& slot(QueueAttribute attribute) { return texts_[static_cast<std::size_t>(attribute)]; }
  SqsResult<void> apply(TextMap attributes, bool is_new);
  SqsResult<void> set(const QueueAttributeRow& row, std::string_view value);
  SqsResult<void> check_together(TextMap attributes);

  std::array<Slot, kSettableQueueAttributes> texts_;
};

class QueueAttributeSet {
 public:
  constexpr void add(QueueAttribute attribute) { bits_ |= 1u << static_cast<unsigned>(attribute); }
  constexpr bool has(QueueAttribute attribute) const {
    return (bits_ >> static_cast<unsigned>(attribute) & 1) != 0;
  }
  constexpr bool empty() const { return bits_ == 0; }

 private:
  unsigned bits_ = 0;
};

/// What GetQueueAttributes is to tell: those named that `settings` report; `All` is every one of
/// them. Error: kInvalidAttributeName.
SqsResult<QueueAttributeSet> select_queue_attributes(TextList names, const QueueSettings& settings);

}  // namespace polymq::sqs
