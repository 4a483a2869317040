// Names of system attributes, and patterns of user attributes.
#include "sqs/attribute_selection.h"

#include <algorithm>
#include <array>

#include "sqs/protocol/error_messages.h"

namespace polymq::sqs {
namespace {

constexpr std::array<std::string_view, 9> kNames{
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
};

}  // namespace

std::string_view name_of(SystemAttribute attribute) {
  return kNames[static_cast<std::size_t>(attribute)];
}

std::span<const std::string_view> system_attribute_names() { return kNames; }

SqsResult<SystemAttributeSet> select_system_attributes(TextList names, TextList older_names) {
  SystemAttributeSet selected;
  for (const TextList list : {names, older_names}) {
    for (const std::string_view name : list) {
      if (name == "All") {
        selected.add_all();
        continue;
      }
      const auto* const found = std::find(kNames.begin(), kNames.end(), name);
      if (found == kNames.end()) return tl::make_unexpected(unknown_attribute(name));
      selected.add(static_cast<SystemAttribute>(found - kNames.begin()));
    }
  }
  return selected;
}

bool selects(TextList wanted, std::string_view name) {
  return std::any_of(wanted.begin(), wanted.end(), [&](std::string_view pattern) {
    if (pattern == "All" || pattern == name) return true;
    return pattern.ends_with(".*") && name.starts_with(pattern.substr(0, pattern.size() - 2));
  });
}

}  // namespace polymq::sqs
