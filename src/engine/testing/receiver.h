// For tests: a client without a channel of its own, which receives messages under leases that end
// by themselves, and ends them by token.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/testing/shards_fixture.h"

namespace polymq::engine {

/// Uses the session of a channel that outlives it.
class Receiver {
 public:
  explicit Receiver(Channeled& channel) : channel_(channel) {}

  struct Item {
    std::string body;
    LeaseToken token;
    WallMs enqueued;
    WallMs first_received;
  };

  /// What there is; "no answer" while it waits, "refused: ..." if it was.
  std::vector<std::string> receive(const std::string& queue, ReceiveOptions options = {}) {
    ask(queue, options);
    channel_.cluster.run();
    return take();
  }
  /// Without running the shards.
  void ask(const std::string& queue, ReceiveOptions options = {}) {
    answer_ = std::make_shared<std::optional<EngineResult<ReceivedMessages>>>();
    items.clear();
    request_ = channel_.session.receive(
        queue, options, [this, answer = answer_](EngineResult<ReceivedMessages> result) {
          *answer = std::move(result);
          if (*answer && **answer) note(***answer);
        });
  }
  /// The last ask() need not wait any longer.
  void stop(const std::string& queue) {
    channel_.session.stop_receiving(queue, request_);
    channel_.cluster.run();
  }
  /// Of the last ask().
  std::vector<std::string> take() const {
    if (!*answer_) return {"no answer"};
    if (!**answer_) return {"refused: " + (*answer_)->error().text};
    std::vector<std::string> bodies;
    for (const Item& item : items) bodies.push_back(item.body);
    return bodies;
  }
  std::vector<TokenEnd> settle(const std::string& queue, std::vector<LeaseToken> tokens,
                               Freshness freshness = Freshness::kAny, Settle how = Settle::kAck) {
    return ended([&](auto then) {
      channel_.session.settle_tokens(queue, {std::move(tokens), freshness, how}, then);
    });
  }
  TokenEnd settle(const std::string& queue, const LeaseToken& token,
                  Freshness freshness = Freshness::kAny, Settle how = Settle::kAck) {
    return settle(queue, std::vector{token}, freshness, how).at(0);
  }
  TokenEnd extend(const std::string& queue, const LeaseToken& token, std::int64_t lease_ms,
                  std::int64_t most_ms = 43'200'000, Freshness freshness = Freshness::kAny) {
    return ended([&](auto then) {
             channel_.session.extend_leases(queue, {{{token, lease_ms}}, freshness, most_ms}, then);
           })
        .at(0);
  }

  bool reads = true;  // reports what it receives written at once
  std::vector<Item> items;
  ReceivedMessages last;

 private:
  void note(const ReceivedMessages& received) {
    last = received;
    for (const ReceivedItem& item : received.items) {
      items.push_back(
          {std::string(item.message->body()), item.token, item.enqueued, item.first_received});
    }
    if (!reads || received.items.empty()) return;
    channel_.connection.client.written(received.consumer, 1, received.bytes);
    channel_.connection.client.flush();
  }
  template <class Operation>
  std::vector<TokenEnd> ended(Operation operation) {
    const auto answer = std::make_shared<std::vector<TokenEnd>>();
    operation([answer](EngineResult<std::vector<TokenEnd>> result) {
      if (result) *answer = *result;
    });
    channel_.cluster.run();
    return *answer;
  }

  Channeled& channel_;
  RequestId request_ = 0;
  std::shared_ptr<std::optional<EngineResult<ReceivedMessages>>> answer_;
};

}  // namespace polymq::engine
