// Which attributes a receiver asked for.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sqs/protocol/error.h"
#include "sqs/protocol/shape.h"

namespace polymq::sqs {

/// What the broker knows of a message besides what the sender wrote.
enum class SystemAttribute : std::uint8_t {
  kSenderId,
  kSentTimestamp,
  kApproximateReceiveCount,
  kApproximateFirstReceiveTimestamp,
  kSequenceNumber,
  kMessageDeduplicationId,
  kMessageGroupId,
  kAwsTraceHeader,
  kDeadLetterQueueSourceArn,
};

std::string_view name_of(SystemAttribute attribute);
std::span<const std::string_view> system_attribute_names();  // in the order of SystemAttribute

class SystemAttributeSet {
 public:
  constexpr void add(SystemAttribute attribute) { bits_ |= bit(attribute); }
  constexpr void add_all() { bits_ = 0x1FF; }
  constexpr bool has(SystemAttribute attribute) const { return (bits_ & bit(attribute)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }

 private:
  static constexpr unsigned bit(SystemAttribute attribute) {
    return 1u << static_cast<unsigned>(attribute);
  }
  unsigned bits_ = 0;
};

/// The old list and the new one together; `All` is every one. Error: kInvalidAttributeName.
SqsResult<SystemAttributeSet> select_system_attributes(TextList names, TextList older_names);

/// Is the attribute `name` asked for? `All` and `.*` are every one, `prefix.*` those that begin
/// with the prefix, everything else is a name.
bool selects(TextList wanted, std::string_view name);

}  // namespace polymq::sqs
