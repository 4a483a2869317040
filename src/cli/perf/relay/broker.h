// What the relay's connections share: the queues and who consumes from them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/perf/loop.h"

namespace polymq::perf {

class RelayConnection;

struct RelayConsumer {
  RelayConnection* connection;
  std::uint16_t channel;
  std::string tag;
  std::uint64_t last_delivery = 0;
};

struct RelayQueue {
  std::string name;
  std::vector<RelayConsumer> consumers;  // served in turns
  std::size_t next_consumer = 0;
  std::deque<std::string> waiting;  // contents (header and body frames) without a consumer
};

/// One thread's: the relay's loop.
class RelayBroker {
 public:
  explicit RelayBroker(Loop& loop);
  ~RelayBroker();

  Loop& loop() { return loop_; }
  void accept(Socket socket);
  /// Forgets the connection; it is deleted after the current round of events.
  void drop(RelayConnection& connection);

  /// "" makes a name up.
  RelayQueue& declare(std::string_view name);
  RelayQueue* find(std::string_view name);
  void remove(std::string_view name);
  /// Hands what waits in the queue to its new consumer, too.
  void consume(RelayQueue& queue, RelayConsumer consumer);

  /// `content`: header and body frames as they came on `channel`.
  void publish(RelayQueue& queue, std::string_view content, std::uint16_t channel);

  /// Something was put into the connection's output: sent at the end of the round.
  void mark_dirty(RelayConnection& connection) { dirty_.push_back(&connection); }
  void flush_dirty();

  /// While a consumer's output is too long publishers are not read.
  void set_congested(bool congested);
  bool congested() const { return congested_ != 0; }

 private:
  void deliver(RelayQueue& queue, RelayConsumer& consumer, std::string_view content,
               std::uint16_t channel);

  Loop& loop_;
  std::map<std::string, std::unique_ptr<RelayQueue>, std::less<>> queues_;
  std::map<RelayConnection*, std::unique_ptr<RelayConnection>> connections_;
  std::vector<std::unique_ptr<RelayConnection>> dead_;
  Nanos dead_since_ = 0;
  std::vector<RelayConnection*> dirty_;
  unsigned congested_ = 0;
  std::uint64_t made_up_ = 0;
};

}  // namespace polymq::perf
