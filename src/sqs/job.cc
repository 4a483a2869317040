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
  region_ = credentials && is_region(credentials->region) ? credentials->region : settings_.region;
  owner_ = settings_.account;
  // Without signatures whoever calls itself an account is that one, as local stand-ins have it.
  if (named && !settings_.verifies) owner_ = account_of(credentials->access_key, owner_);
  user_ = settings_.user;
  account_ = settings_.account;
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
  return queue_url(base_url(view_, peer().is_tls(), settings_.public_url, settings_.trusts_proxy),
                   owner_, queue);
}

std::string Job::arn_of(std::string_view queue) const {
  return queue_arn({.region = region_, .account = owner_, .name = queue});
}

}  // namespace polymq::sqs
