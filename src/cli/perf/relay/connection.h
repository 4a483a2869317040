// A client's connection to the relay.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "cli/perf/client.h"
#include "cli/perf/loop.h"
#include "cli/perf/relay/broker.h"

namespace polymq::perf {

class RelayConnection final : public Handler {
 public:
  RelayConnection(Socket socket, RelayBroker& broker);

  void on_ready(bool readable, bool writable) override;
  void on_wake() override {}

  /// Puts a delivery into the output.
  void deliver(RelayConsumer& consumer, std::string_view routing_key, std::string_view content,
               std::uint16_t content_channel);
  void flush();
  void update_interest();
  /// The queue is about to be deleted.
  void forget(const RelayQueue* queue);

 private:
  struct Channel {
    bool confirms = false;
    std::uint64_t published = 0;
    std::uint64_t confirmed = 0;
  };
  struct Visitor;

  void receive();
  void process();
  bool take_protocol_header();
  /// How many octets of the input were used: 0 = the rest is still to come.
  std::size_t take_frame(std::string_view input, const Frame& frame);
  std::size_t take_publish(std::string_view input, const Frame& frame);
  void confirm();
  void drop();
  template <class M>
  void reply(std::uint16_t channel, const M& method) {
    encode_method(out_, channel, method);
    mark_dirty();
  }
  void mark_dirty();
  void refuse(std::uint16_t code, std::string_view text);

  RelayBroker& broker_;
  Socket socket_;
  std::vector<char> input_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Buffer out_;
  std::map<std::uint16_t, Channel> channels_;
  std::string last_key_;              // of the newest publish,
  RelayQueue* last_queue_ = nullptr;  // and its queue
  unsigned made_up_tags_ = 0;
  bool greeted_ = false;
  bool publishes_ = false;
  bool closing_ = false;
  bool dead_ = false;
  bool dirty_ = false;
  bool congested_ = false;
  bool reads_ = true;
  bool writes_ = false;
};

}  // namespace polymq::perf
