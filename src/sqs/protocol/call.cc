// Telling the protocols apart, tolerantly.
#include "sqs/protocol/call.h"

#include "sqs/protocol/error_messages.h"
#include "sqs/queue_address.h"

namespace polymq::sqs {
namespace {

constexpr std::string_view kTargetPrefix = "AmazonSQS.";
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

bool is_json_type(std::string_view content_type) {
  return content_type.find("json") != std::string_view::npos;
}

SqsResult<void> read_target(std::string_view target, const RequestView& request, Call& call) {
  call.format = AnswerFormat::kJson;
  if (target.starts_with(kTargetPrefix)) {
    call.action = find_action(target.substr(kTargetPrefix.size()));
  }
  if (call.action == nullptr) return tl::make_unexpected(invalid_action(target));
  call.json = request.body;
  return {};
}

/// Members from the form first, then from the query string.
SqsResult<std::span<const Parameter>> read_parameters(const RequestView& request, Arena& arena) {
  const bool has_form = request.method == "POST" && !request.body.empty();
  auto query = parse_form(request.query, arena);
  if (!query) return tl::make_unexpected(std::move(query.error()));
  if (!has_form) return *query;
  auto form = parse_form(request.body, arena);
  if (!form) return tl::make_unexpected(std::move(form.error()));
  if (query->empty()) return *form;
  const std::span<Parameter> both = arena.array<Parameter>(form->size() + query->size());
  std::copy(query->begin(), query->end(), std::copy(form->begin(), form->end(), both.begin()));
  return both;
}

}  // namespace

SqsResult<void> read_call(const RequestView& request, Arena& arena, Call& call,
                          std::string_view public_url) {
  const std::string_view path = below_base(request.path, public_url);
  if (parse_queue_path(path)) call.queue_path = path;
  const std::string_view target = request.header("X-Amz-Target");
  if (!target.empty()) return read_target(target, request, call);

  const std::string_view type = request.header("Content-Type");
  if (is_json_type(type) && !type.starts_with(kFormType) && request.query.empty()) {
    call.format = AnswerFormat::kJson;
    return refuse(ErrorCode::kNoAction);
  }
  const bool wants_json =
      request.header("Accept").find("application/json") != std::string_view::npos;
  call.format = wants_json ? AnswerFormat::kQueryJson : AnswerFormat::kXml;

  auto parameters = read_parameters(request, arena);
  if (!parameters) return tl::make_unexpected(std::move(parameters.error()));
  call.form = *parameters;
  const Parameter* const name = find_parameter(call.form, "Action");
  if (name == nullptr || name->value.empty()) return refuse(ErrorCode::kNoAction);
  const ActionInfo* const action = find_action(name->value);
  // Whoever is at a queue may also ask for another queue's URL, but nothing else that is not
  // about a queue.
  const bool fits =
      call.queue_path.empty() ||
      (action != nullptr && (action->needs_queue() || action->name == action::GetQueueUrl::kName));
  if (action == nullptr || !fits) return tl::make_unexpected(invalid_action(name->value));
  call.action = action;
  return {};
}

SqsResult<void> read_members(const Call& call, void* request, Arena& arena) {
  const Structure& structure = *call.action->request;
  const bool is_form = call.format != AnswerFormat::kJson;
  auto read = is_form ? read_form(call.form, structure, request, arena)
                      : read_json(call.json, structure, request, arena);
  if (!read) return read;
  if (call.action->needs_queue() && !call.queue_path.empty()) {
    auto& queue_url = structure.fields.front().in<std::string_view>(request);
    if (queue_url.empty()) queue_url = call.queue_path;
  }
  return check_required(structure, request, is_form);
}

}  // namespace polymq::sqs
