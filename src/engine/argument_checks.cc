// Shared checks of arguments.
#include "engine/argument_checks.h"

#include <algorithm>

#include "engine/time_to_live.h"

namespace polymq::engine {
namespace {

Refusal refused_number(std::string_view why, std::int64_t number) {
  return "{" + std::string(why) + "," + std::to_string(number) + "}";
}

Refusal unacceptable_type(const Value& value) {
  return "{unacceptable_type," + std::string(type_name(value.type())) + "}";
}

}  // namespace

Refusal check_integer(const Value& value) {
  if (value.is_integer()) return {};
  return "\"expected integer, got " + std::string(type_name(value.type())) + "\"";
}

Refusal check_non_negative(const Value& value) {
  if (Refusal refusal = check_integer(value); !refusal.empty()) return refusal;
  const std::int64_t number = *value.as_integer();
  return number < 0 ? refused_number("value_negative", number) : Refusal();
}

Refusal check_positive(const Value& value) {
  if (Refusal refusal = check_non_negative(value); !refusal.empty()) return refusal;
  return *value.as_integer() == 0 ? refused_number("value_zero", 0) : Refusal();
}

Refusal check_expiry(const Value& value) {
  if (Refusal refusal = check_non_negative(value); !refusal.empty()) return refusal;
  const std::int64_t ms = *value.as_integer();
  return ms > kLongestTimeToLiveMs ? refused_number("value_too_large", ms) : Refusal();
}

Refusal check_bool(const Value& value) {
  return value.as_bool() != nullptr ? Refusal() : unacceptable_type(value);
}

Refusal check_string(const Value& value) {
  return value.as_string() != nullptr ? Refusal() : unacceptable_type(value);
}

Refusal check_choice(const Value& value, std::initializer_list<std::string_view> choices,
                     std::string_view otherwise) {
  if (Refusal refusal = check_string(value); !refusal.empty()) return refusal;
  const bool known = std::find(choices.begin(), choices.end(), *value.as_string()) != choices.end();
  return known ? Refusal() : Refusal(otherwise);
}

tl::unexpected<EngineError> invalid_argument(std::string_view name, std::string_view of,
                                             const Refusal& refusal) {
  return refuse(ErrorKind::kPrecondition,
                "invalid arg '" + std::string(name) + "' for " + std::string(of) + ": " + refusal);
}

EngineResult<std::optional<std::string>> exchange_name_argument(const Fields& arguments,
                                                                std::string_view name,
                                                                std::string_view of) {
  const Value* value = find(arguments, name);
  if (value == nullptr) return std::nullopt;
  if (value->as_string() != nullptr) return *value->as_string();
  return refuse(ErrorKind::kPrecondition, "invalid type '" + std::string(type_name(value->type())) +
                                              "' for arg '" + std::string(name) + "' in " +
                                              std::string(of));
}

}  // namespace polymq::engine
