// An agent that consumes and acknowledges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/perf/link.h"
#include "cli/perf/message.h"
#include "cli/perf/pacer.h"

namespace polymq::perf {

struct ConsumerSettings {
  std::string queue;
  bool auto_ack = false;
  std::uint64_t ack_every = 1;        ///< one ack, with the multiple bit, for so many deliveries
  std::uint16_t prefetch = 0;         ///< basic.qos for the consumer; 0 = no limit
  std::uint16_t global_prefetch = 0;  ///< basic.qos for the channel
  double rate = 0;                    ///< deliveries handled a second; 0 = no limit
  double share = 0;
  std::uint64_t limit = 0;  ///< finished, and no longer reading, after so many; 0 = never
};

class Consumer final : public Link {
 public:
  /// Sets the prefetch limits and starts consuming, while the connection still is a blocking one.
  static Result<std::unique_ptr<Consumer>> make(Client client, Worker& worker,
                                                const ConsumerSettings& settings);
  Consumer(Client client, Worker& worker, const ConsumerSettings& settings);

  void begin(Nanos start) override;

 protected:
  void on_frame(const Frame& frame) override;
  void on_input_end() override;
  bool accepts_input() override;
  void on_time() override;

 private:
  void on_method(const Frame& frame);
  void on_body(std::string_view payload);
  void take_stamp(std::string_view body);
  /// Now, read once a round: later than the time of receiving for what had to wait for its turn.
  Nanos handled_at();
  void count_latency(Nanos intended);
  void complete();
  void acknowledge();

  const ConsumerSettings settings_;
  std::optional<Pacer> pacer_;
  std::uint64_t received_ = 0;
  std::uint64_t counted_ = 0;  // of received_, what the counters know of

  // The delivery that is being received.
  std::uint64_t tag_ = 0;
  bool redelivered_ = false;
  bool body_begins_ = false;
  std::uint64_t body_left_ = 0;

  std::uint64_t unacknowledged_ = 0;
  std::uint64_t redelivered_count_ = 0;
  std::uint64_t out_of_order_ = 0;
  std::vector<std::uint64_t> next_sequence_;  // by publisher
  // Messages of one batch often share their time: they are recorded together.
  Nanos same_time_ = 0;
  std::uint64_t same_count_ = 0;
};

}  // namespace polymq::perf
