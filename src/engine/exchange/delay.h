// The delay that a message asks of a delayed exchange: its header x-delay, in milliseconds.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/exchange/matcher.h"

namespace polymq::engine {

inline constexpr std::string_view kDelayHeader = "x-delay";

/// 0 without a header that is a positive integer.
inline std::int64_t delay_ms(const MessageView& message) {
  Value value;
  if (!message.header(kDelayHeader, value) || value.as_integer() == nullptr) return 0;
  return *value.as_integer() > 0 ? *value.as_integer() : 0;
}

/// The header as it is when the message goes on: negated, so that it is not held again. An unsigned
/// type becomes a signed one.
inline Value elapsed_delay(const Value& delay) {
  const bool is_signed = delay.type() == FieldType::kInt8 || delay.type() == FieldType::kInt16 ||
                         delay.type() == FieldType::kInt32;
  return Value::integer(-*delay.as_integer(), is_signed ? delay.type() : FieldType::kInt64);
}

}  // namespace polymq::engine
