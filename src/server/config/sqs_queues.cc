// Attributes from TOML: SQS knows them as texts only.
#include "server/config/sqs_queues.h"

#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "sqs/names.h"
#include "sqs/queue_address.h"

namespace polymq::server::config {
namespace {

namespace json = boost::json;

json::value to_json(const engine::Value& value) {
  if (const bool* boolean = value.as_bool()) return *boolean;
  if (const std::int64_t* integer = value.as_integer()) return *integer;
  if (const std::string* text = value.as_string()) return json::string(*text);
  if (const double* real = std::get_if<double>(&value.payload())) return *real;
  if (const auto* elements = value.as_array()) {
    json::array array;
    for (const engine::Value& element : *elements) array.push_back(to_json(element));
    return array;
  }
  if (const engine::Fields* fields = value.as_table()) {
    json::object object;
    for (const engine::Field& field : *fields) object[field.name] = to_json(field.value);
    return object;
  }
  return nullptr;
}

std::optional<std::string> to_attribute(const engine::Value& value) {
  if (const bool* boolean = value.as_bool()) return *boolean ? "true" : "false";
  if (const std::int64_t* integer = value.as_integer()) return std::to_string(*integer);
  if (const std::string* text = value.as_string()) return *text;
  if (value.as_table() != nullptr) return json::serialize(to_json(value));
  return std::nullopt;
}

tl::unexpected<QueueProblem> problem(std::string_view key, std::string text) {
  return tl::make_unexpected(QueueProblem{key, std::move(text)});
}

std::string redrive_policy(const Config::Sqs& settings, const Config::Sqs::Queue& queue) {
  return json::serialize(
      json::object{{"deadLetterTargetArn", sqs::queue_arn({.region = settings.region,
                                                           .account = settings.account,
                                                           .name = queue.dead_letter_queue})},
                   {"maxReceiveCount", queue.max_receive_count}});
}

}  // namespace

Result<sqs::ConfiguredQueue, QueueProblem> check_sqs_queue(const Config::Sqs& settings,
                                                           const Config::Sqs::Queue& queue) {
  sqs::ConfiguredQueue made{.name = queue.name, .attributes = {}, .tags = {}};
  for (const engine::Field& field : queue.attributes) {
    auto text = to_attribute(field.value);
    if (!text) {
      return problem("attributes", field.name +
                                       ": expected a string, a whole number, true, false "
                                       "or a table");
    }
    made.attributes.emplace_back(field.name, *std::move(text));
  }
  // The name says it as well.
  if (queue.name.ends_with(sqs::kFifoSuffix) &&
      engine::find(queue.attributes, "FifoQueue") == nullptr) {
    made.attributes.emplace_back("FifoQueue", "true");
  }
  for (const engine::Field& field : queue.tags) {
    const std::string* text = field.value.as_string();
    if (text == nullptr) return problem("tags", field.name + ": expected a string");
    made.tags.emplace_back(field.name, *text);
  }
  if (!queue.dead_letter_queue.empty()) {
    if (engine::find(queue.attributes, "RedrivePolicy") != nullptr) {
      return problem("dead_letter_queue", "the attribute RedrivePolicy says this already");
    }
    made.attributes.emplace_back("RedrivePolicy", redrive_policy(settings, queue));
  }
  const auto described =
      sqs::describe_queue(made.name, sqs::views_of(made.attributes), sqs::views_of(made.tags), 0);
  if (described) return made;
  const sqs::SqsError& error = described.error();
  return problem("attributes", error.message.empty()
                                   ? std::string(sqs::default_message(error.code, true))
                                   : error.message);
}

}  // namespace polymq::server::config
