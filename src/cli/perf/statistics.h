// What a worker thread counts, and the sums of all workers.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "cli/perf/clock.h"
#include "cli/perf/histogram.h"

namespace polymq::perf {

/// A number that one thread changes and others read.
class Counter {
 public:
  void add(std::uint64_t amount) { set(get() + amount); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Counters {
  Counter sent;
  Counter received;
  Counter confirmed;
  Counter nacked;    ///< refused by the server instead of confirmed
  Counter returned;  ///< mandatory messages without a queue
  Counter redelivered;
  Counter out_of_order;  ///< older than one of the same publisher that the consumer had before
  Counter last_sent;     ///< time of the newest publish, delivery, confirm
  Counter last_received;
  Counter last_confirmed;
  Histogram latency;          ///< from the intended send time to the delivery (or reply)
  Histogram confirm_latency;  ///< from the intended send time to the confirm
};

/// A picture of all workers' counters.
struct Totals {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t confirmed = 0;
  std::uint64_t nacked = 0;
  std::uint64_t returned = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t out_of_order = 0;
  Nanos last_sent = 0;
  Nanos last_received = 0;
  Nanos last_confirmed = 0;
  Distribution latency;
  Distribution confirm_latency;

  void add(const Counters& counters) {
    sent += counters.sent.get();
    received += counters.received.get();
    confirmed += counters.confirmed.get();
    nacked += counters.nacked.get();
    returned += counters.returned.get();
    redelivered += counters.redelivered.get();
    out_of_order += counters.out_of_order.get();
    last_sent = std::max(last_sent, static_cast<Nanos>(counters.last_sent.get()));
    last_received = std::max(last_received, static_cast<Nanos>(counters.last_received.get()));
    last_confirmed = std::max(last_confirmed, static_cast<Nanos>(counters.last_confirmed.get()));
    latency.add(counters.latency);
    confirm_latency.add(counters.confirm_latency);
  }
};

}  // namespace polymq::perf
