// A request from its arrival to its answer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/service.h"
#include "sqs/protocol/arena.h"
#include "sqs/protocol/call.h"
#include "sqs/settings.h"
#include "sqs/uuid.h"

namespace polymq::sqs {

/// Shard: its connection's. Views that were decoded from it hold as long as it does.
class Job {
 public:
  Job(http::Request request, http::Exchange exchange, const Settings& settings);
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// Which action it calls. False: it was answered with what is wrong.
  bool read();
  const Call& call() const { return call_; }
  const RequestView& view() const { return view_; }
  Arena& arena() { return arena_; }
  http::Exchange& exchange() { return exchange_; }
  const Peer& peer() const { return exchange_.peer(); }
  /// On whose behalf: the access key that it names, believed, else the user.
  std::string_view sender() const { return sender_; }
  /// Is anybody there to be answered?
  bool waiting() const { return exchange_.waiting(); }
  bool waiting_now() const { return exchange_.waiting_now(); }

  /// The members of its action. Null: it was answered with what is wrong.
  template <class Action>
  const typename Action::Request* members() {
    auto read = read_request<Action>(call_, arena_);
    if (!read) {
      refuse(read.error());
      return nullptr;
    }
    return new (arena_.allocate(sizeof *read, alignof(typename Action::Request)))
        typename Action::Request(*read);
  }
  template <class Action>
  void answer(const typename Action::Answer& answer = {}) {
    Buffer body;
    write_answer<Action>(body, call_.format, answer, id());
    send(200, content_type(call_.format), body);
  }
  void refuse(const SqsError& error);

  /// The URL and the ARN of a queue, as this client should know them.
  std::string url_of(std::string_view queue) const;
  std::string arn_of(std::string_view queue) const;

 private:
  std::string_view id() const { return {id_.data(), id_.size()}; }
  void send(int status, std::string_view type, const Buffer& body,
            const ErrorHead* error = nullptr);

  http::Request request_;
  http::Exchange exchange_;
  const Settings& settings_;
  std::vector<HeaderView> headers_;
  RequestView view_;
  Arena arena_;
  Call call_;
  std::string_view sender_;
  Uuid id_;
};

}  // namespace polymq::sqs
