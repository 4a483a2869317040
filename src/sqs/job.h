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

  /// Which action it calls. Even without an answer to that it can be refused afterwards.
  SqsResult<void> read() { return read_call(view_, arena_, call_, settings_.public_url); }
  const Call& call() const { return call_; }
  const RequestView& view() const { return view_; }
  Arena& arena() { return arena_; }
  http::Exchange& exchange() { return exchange_; }
  const Peer& peer() const { return exchange_.peer(); }
  /// What receivers are told of who sends: the access key that it names, else the user.
  std::string_view sender() const { return sender_; }
  /// With whose permissions, and of which account that user is.
  const std::string& user() const { return user_; }
  const std::string& account() const { return account_; }
  /// It was verified that it is from them.
  void is_from(std::string user, std::string account) {
    user_ = std::move(user);
    account_ = std::move(account);
  }
  /// What it does, from its members on: once more, if what it was decided by has changed meanwhile.
  /// False: that has been tried often enough.
  using Work = std::function<void(const std::shared_ptr<Job>&)>;
  void begin(const std::shared_ptr<Job>& self, Work work) {
    work_ = std::move(work);
    work_(self);
  }
  bool begin_again(const std::shared_ptr<Job>& self) {
    constexpr int kMostTries = 100;
    if (++tries_ == kMostTries) return false;
    work_(self);
    return true;
  }
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
  std::string_view region_;  // that the client means, believed
  std::string_view owner_;   // account of the queues, as this client should know them
  std::string user_;
  std::string account_;
  Uuid id_;
  Work work_;
  int tries_ = 0;
};

}  // namespace polymq::sqs
