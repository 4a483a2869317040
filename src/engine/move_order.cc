// An order as a table, and back.
#include "engine/move_order.h"

namespace polymq::engine {
namespace {

constexpr std::string_view kId = "id";
constexpr std::string_view kDestination = "destination";
constexpr std::string_view kRate = "rate";
constexpr std::string_view kMessages = "messages";
constexpr std::string_view kGiven = "given";
constexpr std::string_view kState = "state";
constexpr std::string_view kFailure = "failure";
constexpr std::string_view kMoved = "moved";

/// Absent: 0. Nothing: it is there and no number from 0 to `most`.
std::optional<std::int64_t> number(const Fields& table, std::string_view name,
                                   std::int64_t most = INT64_MAX) {
  const Value* value = find(table, name);
  if (value == nullptr) return 0;
  const std::int64_t* found = value->as_integer();
  if (found == nullptr || *found < 0 || *found > most) return std::nullopt;
  return *found;
}

}  // namespace

Value to_value(const MoveOrder& order) {
  Fields table;
  const auto add = [&](std::string_view name, std::int64_t value) {
    if (value != 0) table.push_back({std::string(name), Value::integer(value)});
  };
  table.push_back({std::string(kId), Value::string(order.id)});
  if (order.destination) {
    table.push_back({std::string(kDestination), Value::string(*order.destination)});
  }
  add(kRate, order.rate);
  add(kMessages, order.messages);
  add(kGiven, order.given);
  add(kState, static_cast<std::int64_t>(order.state));
  add(kFailure, static_cast<std::int64_t>(order.failure));
  add(kMoved, order.moved);
  return Value::table(std::move(table));
}

std::optional<MoveOrder> move_order_of(const Value& value) {
  const Fields* table = value.as_table();
  if (table == nullptr) return std::nullopt;
  const Value* id = find(*table, kId);
  const Value* destination = find(*table, kDestination);
  if (id == nullptr || id->as_string() == nullptr) return std::nullopt;
  if (destination != nullptr && destination->as_string() == nullptr) return std::nullopt;
  const auto rate = number(*table, kRate);
  const auto messages = number(*table, kMessages);
  const auto given = number(*table, kGiven);
  const auto state = number(*table, kState, static_cast<std::int64_t>(MoveState::kFailed));
  const auto failure = number(*table, kFailure, static_cast<std::int64_t>(MoveFailure::kRefused));
  const auto moved = number(*table, kMoved);
  if (!rate || !messages || !given || !state || !failure || !moved) return std::nullopt;
  MoveOrder order{.id = *id->as_string(),
                  .destination = std::nullopt,
                  .rate = *rate,
                  .messages = *messages,
                  .given = *given,
                  .state = static_cast<MoveState>(*state),
                  .failure = static_cast<MoveFailure>(*failure),
                  .moved = *moved};
  if (destination != nullptr) order.destination = *destination->as_string();
  return order;
}

std::optional<MoveOrder> move_order_of(const Fields& arguments) {
  const Value* value = find(arguments, kMoveOrderArgument);
  return value == nullptr ? std::nullopt : move_order_of(*value);
}

}  // namespace polymq::engine
