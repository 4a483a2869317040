// For tests: messages of groups, and a client that receives them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/testing/receiver.h"
#include "engine/testing/shards_test.h"

namespace polymq::engine {

/// Queue q has groups, and most messages are of one.
class QueueGroupsTest : public AnyShardsTest {
 protected:
  static constexpr ReceiveOptions kOne{.most = 1, .lease_ms = 1000};
  static constexpr ReceiveOptions kTen{.most = 10, .lease_ms = 1000};

  void groups(Fields arguments = {}) {
    arguments.push_back({"x-message-groups", text("exclusive")});
    queue("q", std::move(arguments));
  }
  void quorum_groups(Fields arguments = {}) {
    arguments.push_back({"x-message-groups", text("exclusive")});
    quorum_queue("q", std::move(arguments));
  }
  /// "a1" is of group a; "-1" of none.
  static Post post(const std::string& body) {
    Post post{.body = body};
    if (body[0] != '-') post.headers = {{std::string(kGroupHeader), text(body.substr(0, 1))}};
    return post;
  }
  void send(const std::vector<std::string>& bodies) {
    for (const std::string& body : bodies) EXPECT_EQ(peer(0).publish(post(body)), "ack") << body;
  }
  std::vector<std::string> receive(const ReceiveOptions& options = kTen) {
    return receiver_.receive("q", options);
  }
  TokenEnd settle(std::size_t item, Settle how = Settle::kAck) {
    return receiver_.settle("q", receiver_.items.at(item).token, Freshness::kCurrent, how);
  }

  Receiver receiver_{peer(2)};
};

}  // namespace polymq::engine
