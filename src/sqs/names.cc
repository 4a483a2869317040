// Checks of names and ids.
#include "sqs/names.h"

#include <algorithm>

#include "sqs/protocol/error_messages.h"
#include "sqs/protocol/request_view.h"

namespace polymq::sqs {
namespace {

constexpr std::size_t kLongestName = 80;
constexpr std::size_t kLongestToken = 128;

bool is_letter_or_digit(char c) {
  const char small = to_lower(c);
  return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9');
}

bool is_name_character(char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; }
bool is_token_character(char c) { return c > ' ' && c <= '~'; }

/// Characters, not bytes, of UTF-8.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

bool is_queue_name(std::string_view name) {
  if (name.size() > kLongestName) return false;
  if (name.ends_with(kFifoSuffix)) name.remove_suffix(kFifoSuffix.size());
  return !name.empty() && std::all_of(name.begin(), name.end(), is_name_character);
}

SqsResult<void> check_queue_name(std::string_view name, bool is_fifo) {
  if (is_queue_name(name) && name.ends_with(kFifoSuffix) == is_fifo) return {};
  if (is_fifo) {
    return tl::make_unexpected(invalid_parameter(
        "QueueName", name,
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
        "underscores, must end with .fifo suffix and be 1 to 80 in length"));
  }
  return refuse(ErrorCode::kInvalidParameterValue,
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in "
                "length");
}

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= kLongestName &&
         std::all_of(id.begin(), id.end(), is_name_character);
}

SqsResult<void> check_label(std::string_view label) {
  if (is_id(label)) return {};
  return tl::make_unexpected(invalid_parameter(
      "Label", label,
      "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"));
}

SqsResult<void> check_token(std::string_view parameter, std::string_view value) {
  if (!value.empty() && value.size() <= kLongestToken &&
      std::all_of(value.begin(), value.end(), is_token_character)) {
    return {};
  }
  return tl::make_unexpected(invalid_token(parameter, value));
}

SqsResult<void> check_tag(std::string_view key, std::string_view value) {
  if (key.empty() || characters(key) > 128 || same_letters(key.substr(0, 4), "aws:")) {
    return tl::make_unexpected(invalid_parameter(
        "TagKey", key, "Must have 1 to 128 characters and must not begin with aws:."));
  }
  if (characters(value) > 256) {
    return tl::make_unexpected(
        invalid_parameter("TagValue", value, "Must have at most 256 characters."));
  }
  return {};
}

SqsResult<void> check_batch_count(std::size_t count, std::string_view element) {
  if (count == 0) return tl::make_unexpected(empty_batch(element));
  if (count > kMostBatchEntries) {
    return tl::make_unexpected(too_many_entries(kMostBatchEntries, count));
  }
  return {};
}

SqsResult<void> check_batch_ids(std::span<const std::string_view> ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto before = ids.first(i);
    if (std::find(before.begin(), before.end(), ids[i]) != before.end()) {
      return tl::make_unexpected(repeated_id(ids[i]));
    }
  }
  const bool are_legal = std::all_of(ids.begin(), ids.end(), is_id);
  return are_legal ? SqsResult<void>() : refuse(ErrorCode::kInvalidBatchEntryId);
}

}  // namespace polymq::sqs
