// Answers in the protocol that was asked in.
#include "sqs/job.h"

#include "sqs/queue_address.h"
#include "sqs/sigv4.h"
#include "sqs/text.h"

namespace polymq::sqs {

Job::Job(http::Request request, http::Exchange exchange, const Settings& settings)
    : request_(std::move(request)),
      exchange_(std::move(exchange)),
      settings_(settings),
      id_(random_uuid()) {
  headers_.reserve(request_.header_count());
  for (std::size_t i = 0; i < request_.header_count(); ++i) {
    const auto [name, value] = request_.header_at(i);
    headers_.push_back({name, value});
  }
  view_ = {.method = request_.method_text(),
           .path = request_.path(),
           .query = request_.query(),
           .headers = headers_,
           .body = request_.body};
  const auto credentials = read_credentials(view_, arena_);
  const bool named = credentials && is_message_text(credentials->access_key);
  sender_ = named ? credentials->access_key : settings_.user;
}

bool Job::read() {
  const auto read = read_call(view_, arena_, call_);
  if (!read) refuse(read.error());
  return read.has_value();
}

void Job::refuse(const SqsError& error) {
  Buffer body;
  const ErrorHead head = write_error(body, call_.format, error, id());
  send(head.status, head.content_type, body, &head);
}

void Job::send(int status, std::string_view type, const Buffer& body, const ErrorHead* error) {
  http::Response response{
      .status = status, .content_type = std::string(type), .body = std::string(body.view())};
  response.add("x-amzn-RequestId", id());
  if (error != nullptr) {
    std::string code(error->query_code);
    code += ";";
    code += error->fault;
    response.add("x-amzn-query-error", code);
  }
  exchange_.answer(std::move(response));
}

std::string Job::url_of(std::string_view queue) const {
  return queue_url(base_url(view_, false, settings_.public_url, settings_.trusts_proxy),
                   settings_.account, queue);
}

std::string Job::arn_of(std::string_view queue) const {
  return queue_arn({.region = settings_.region, .account = settings_.account, .name = queue});
}

}  // namespace polymq::sqs
