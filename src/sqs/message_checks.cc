// Checks of bodies and message attributes.
#include "sqs/message_checks.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "sqs/protocol/error_messages.h"
#include "sqs/protocol/request_view.h"
#include "sqs/text.h"

namespace polymq::sqs {
namespace {

constexpr std::size_t kLongestName = 256;
constexpr std::size_t kLongestType = 256;
constexpr std::size_t kMostDigits = 38;
constexpr int kSmallestExponent = -128;
constexpr int kLargestExponent = 126;

template <class... Text>
tl::unexpected<SqsError> invalid(Text... pieces) {
  std::string message;
  (message.append(pieces), ...);
  return refuse(ErrorCode::kInvalidParameterValue, std::move(message));
}

bool is_name_character(char c) {
  const char small = to_lower(c);
  // Characters outside of ASCII are letters often enough; the service takes those, too.
  return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || static_cast<unsigned char>(c) >= 0x80;
}

bool begins_with(std::string_view name, std::string_view prefix) {
  return same_letters(name.substr(0, prefix.size()), prefix);
}

enum class Family : std::uint8_t { kNone, kString, kNumber, kBinary };

/// The type before its label: `Number.float` is a Number.
Family family_of(std::string_view type) {
  const std::string_view family = type.substr(0, type.find('.'));
  if (family == "String") return Family::kString;
  if (family == "Number") return Family::kNumber;
  if (family == "Binary") return Family::kBinary;
  return Family::kNone;
}

SqsResult<void> check_value(const MessageAttribute& attribute, Family family) {
  const bool is_binary = family == Family::kBinary;
  const OptionalText& value = is_binary ? attribute.binary_value : attribute.string_value;
  const OptionalText& other = is_binary ? attribute.string_value : attribute.binary_value;
  if (!value || value->empty() || other) {
    return tl::make_unexpected(attribute_needs_value(attribute.name, attribute.data_type));
  }
  if (is_binary) return {};
  if (!is_message_text(*value)) {
    return invalid("Message (user) attribute '", attribute.name,
                   "' has a value with invalid characters.");
  }
  if (family == Family::kNumber && !is_attribute_number(*value)) {
    return invalid("Can't cast the value of message (user) attribute '", attribute.name,
                   "' to a number.");
  }
  return {};
}

SqsResult<void> check_attribute(const MessageAttribute& attribute) {
  if (auto named = check_attribute_name(attribute.name); !named) return named;
  if (attribute.has_list_values) {
    return invalid("Message (user) attribute '", attribute.name,
                   "' has list values, which are not supported.");
  }
  const Family family = family_of(attribute.data_type);
  const bool has_empty_label = attribute.data_type.ends_with('.');
  if (attribute.data_type.empty()) {
    return invalid("The message attribute '", attribute.name,
                   "' must contain a non-empty message attribute type.");
  }
  if (family == Family::kNone || has_empty_label || attribute.data_type.size() > kLongestType ||
      !is_message_text(attribute.data_type)) {
    return tl::make_unexpected(attribute_type_unsupported(attribute.name));
  }
  return check_value(attribute, family);
}

/// Digits of a number without leading and trailing zeros, and where its point is.
struct Digits {
  std::size_t significant = 0;
  int exponent = 0;  // of the first significant digit
  bool is_number = false;
};

Digits read_digits(std::string_view text) {
  Digits digits;
  std::size_t zeros = 0;  // seen since the last other digit
  int before_point = 0;
  int leading_after_point = 0;
  bool seen_point = false;
  bool seen_digit = false;
  for (const char c : text) {
    if (c == '.' && !seen_point) {
      seen_point = true;
      continue;
    }
    if (c < '0' || c > '9') return {};
    seen_digit = true;
    if (c == '0') {
      if (digits.significant != 0) ++zeros;
      if (digits.significant == 0 && seen_point) ++leading_after_point;
    } else {
      digits.significant += zeros + 1;
      zeros = 0;
    }
    if (!seen_point && digits.significant != 0) ++before_point;
  }
  digits.exponent = before_point > 0 ? before_point - 1 : -leading_after_point - 1;
  digits.is_number = seen_digit;
  return digits;
}

}  // namespace

SqsResult<void> check_attribute_name(std::string_view name) {
  if (name.empty()) return invalid("Message (user) attribute name can not be empty.");
  if (name.size() > kLongestName) {
    return invalid("Message (user) attribute name must have at most 256 bytes.");
  }
  const bool legal = std::all_of(name.begin(), name.end(), is_name_character) &&
                     !name.starts_with('.') && !name.ends_with('.') &&
                     name.find("..") == std::string_view::npos;
  if (!legal) {
    return invalid("Message (user) attribute name '", name,
                   "' can only contain letters, digits, '_', '-' and single inner '.'.");
  }
  if (begins_with(name, "aws.") || begins_with(name, "amazon.")) {
    return invalid("Message (user) attribute name '", name, "' begins with a reserved prefix.");
  }
  return {};
}

bool is_attribute_number(std::string_view text) {
  if (text.size() > 512) return false;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  int exponent = 0;
  if (const std::size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view power = text.substr(e + 1);
    if (power.starts_with('+') && !power.starts_with("+-")) power.remove_prefix(1);
    const char* const end = power.data() + power.size();
    const auto [stop, error] = std::from_chars(power.data(), end, exponent);
    if (error != std::errc{} || stop != end || exponent > 10'000 || exponent < -10'000) {
      return false;
    }
    text = text.substr(0, e);
  }
  const Digits digits = read_digits(text);
  if (!digits.is_number) return false;
  if (digits.significant == 0) return true;
  const int first = digits.exponent + exponent;
  return digits.significant <= kMostDigits && first >= kSmallestExponent &&
         first <= kLargestExponent;
}

SqsResult<void> check_body(std::string_view body) {
  if (body.empty()) return tl::make_unexpected(missing_parameter("MessageBody"));
  if (!is_message_text(body)) return refuse(ErrorCode::kInvalidMessageContents);
  return {};
}

SqsResult<void> check_message_attributes(MessageAttributes attributes) {
  if (attributes.size() > kMostMessageAttributes) {
    return tl::make_unexpected(too_many_message_attributes(attributes.size()));
  }
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const MessageAttribute& attribute = attributes[i];
    if (auto checked = check_attribute(attribute); !checked) return checked;
    for (const MessageAttribute& before : attributes.first(i)) {
      if (before.name == attribute.name) {
        return invalid("Message (user) attribute name '", attribute.name, "' already exists.");
      }
    }
  }
  return {};
}

SqsResult<void> check_message_system_attributes(MessageAttributes attributes) {
  for (const MessageAttribute& attribute : attributes) {
    if (attribute.name != "AWSTraceHeader") {
      return invalid("Message system attribute name '", attribute.name.substr(0, kLongestName),
                     "' is invalid.");
    }
    if (attribute.data_type != "String" || attribute.has_list_values || attribute.binary_value) {
      return invalid("Message system attribute 'AWSTraceHeader' must have the type 'String'.");
    }
    if (!attribute.string_value || !is_message_text(*attribute.string_value) ||
        attribute.string_value->empty()) {
      return invalid(
          "Message system attribute 'AWSTraceHeader' must contain a non-empty value of "
          "type 'String'.");
    }
    if (attribute.string_value->size() > kLongestTrace) {
      return invalid("Message system attribute 'AWSTraceHeader' must have at most 1024 bytes.");
    }
  }
  if (attributes.size() > 1) {
    return invalid("Message system attribute name 'AWSTraceHeader' already exists.");
  }
  return {};
}

std::int64_t counted_size(std::string_view body, MessageAttributes attributes) {
  std::size_t size = body.size();
  for (const MessageAttribute& attribute : attributes) {
    size += attribute.name.size() + attribute.data_type.size();
    if (attribute.string_value) size += attribute.string_value->size();
    if (attribute.binary_value) size += attribute.binary_value->size();
  }
  return static_cast<std::int64_t>(size);
}

SqsResult<void> check_batch_size(std::int64_t sent_bytes) {
  if (sent_bytes <= kLargestMessageBytes) return {};
  return tl::make_unexpected(batch_too_long(kLargestMessageBytes, sent_bytes));
}

}  // namespace polymq::sqs
