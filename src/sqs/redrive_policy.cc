// Reading the policies; numbers may come as text.
#include "sqs/redrive_policy.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <optional>

#include "sqs/protocol/error_messages.h"
#include "sqs/queue_address.h"

namespace polymq::sqs {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostSources = 10;

std::optional<json::object> parse_object(std::string_view text) {
  json::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string_view text_of(const json::string& text) { return {text.data(), text.size()}; }

std::optional<std::int64_t> integer_of(const json::value& value) {
  if (const std::int64_t* const number = value.if_int64()) return *number;
  const json::string* const text = value.if_string();
  if (text == nullptr) return std::nullopt;
  std::int64_t number = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  return error == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

/// A refusal that quotes the policy.
struct Refusal {
  std::string_view parameter;
  std::string_view policy;
  tl::unexpected<SqsError> operator()(std::string_view reason) const {
    return tl::make_unexpected(invalid_parameter(parameter, policy, reason));
  }
};

SqsResult<std::vector<std::string>> read_sources(const json::value& value, const Refusal& refused) {
  const json::array* const array = value.if_array();
  if (array == nullptr || array->empty() || array->size() > kMostSources) {
    return refused("sourceQueueArns must be a list of 1 to 10 ARNs.");
  }
  std::vector<std::string> sources;
  for (const json::value& element : *array) {
    const json::string* const arn = element.if_string();
    if (arn == nullptr || !parse_queue_arn(text_of(*arn))) {
      return refused("sourceQueueArns has an invalid ARN.");
    }
    sources.emplace_back(text_of(*arn));
  }
  return sources;
}

}  // namespace

SqsResult<RedrivePolicy> parse_redrive_policy(std::string_view text) {
  const Refusal refused{"RedrivePolicy", text};
  const auto object = parse_object(text);
  if (!object) return refused("Redrive policy is not a valid JSON map.");
  const json::value* const target = object->if_contains("deadLetterTargetArn");
  if (target == nullptr) {
    return refused("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  }
  const json::value* const count = object->if_contains("maxReceiveCount");
  if (count == nullptr) {
    return refused("Redrive policy does not contain mandatory attribute: maxReceiveCount.");
  }
  const json::string* const arn = target->if_string();
  if (arn == nullptr || !parse_queue_arn(text_of(*arn))) {
    return refused("Invalid value for deadLetterTargetArn.");
  }
  const auto most = integer_of(*count);
  if (!most || *most < 1 || *most > 1000) {
    return refused(
        "Invalid value for maxReceiveCount, valid values are from 1 to 1000 both inclusive.");
  }
  return RedrivePolicy{std::string(text_of(*arn)), *most};
}

SqsResult<RedriveAllowPolicy> parse_redrive_allow_policy(std::string_view text) {
  const Refusal refused{"RedriveAllowPolicy", text};
  const auto object = parse_object(text);
  if (!object) return refused("Redrive allow policy is not a valid JSON map.");
  const json::value* const permission = object->if_contains("redrivePermission");
  const json::string* const word = permission == nullptr ? nullptr : permission->if_string();
  if (word == nullptr) {
    return refused("Redrive allow policy does not contain mandatory attribute: redrivePermission.");
  }
  RedriveAllowPolicy policy;
  if (*word == "denyAll") {
    policy.permission = RedrivePermission::kDenyAll;
  } else if (*word == "byQueue") {
    policy.permission = RedrivePermission::kByQueue;
  } else if (*word != "allowAll") {
    return refused("redrivePermission must be allowAll, denyAll or byQueue.");
  }
  const json::value* const sources = object->if_contains("sourceQueueArns");
  const bool by_queue = policy.permission == RedrivePermission::kByQueue;
  if (by_queue != (sources != nullptr)) {
    return refused("sourceQueueArns belongs to the permission byQueue, and to it only.");
  }
  if (by_queue) {
    auto read = read_sources(*sources, refused);
    if (!read) return tl::make_unexpected(std::move(read.error()));
    policy.source_queue_arns = std::move(*read);
  }
  return policy;
}

bool RedriveAllowPolicy::allows(std::string_view source) const {
  switch (permission) {
    case RedrivePermission::kAllowAll:
      return true;
    case RedrivePermission::kDenyAll:
      return false;
    case RedrivePermission::kByQueue:
      break;
  }
  return std::any_of(source_queue_arns.begin(), source_queue_arns.end(), [&](const auto& arn) {
    const auto address = parse_queue_arn(arn);
    return address && address->name == source;
  });
}

bool is_json_object(std::string_view text) { return parse_object(text).has_value(); }

}  // namespace polymq::sqs
