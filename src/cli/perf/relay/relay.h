// The smallest thing that answers like a broker: what no broker can beat on this machine.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "cli/perf/options.h"

namespace polymq::perf {

/// Passes messages from publishers to consumers through memory: queues are names, any login is
/// accepted, acknowledgements are ignored, prefetch limits and properties too. Publishes go to the
/// default exchange. One thread. Nothing is bounded except what a slow consumer may hold up.
class Relay {
 public:
  /// Listens at once; port 0 takes a free one.
  static Result<std::unique_ptr<Relay>> listen(const RelayOptions& options);
  ~Relay();

  std::uint16_t port() const;
  /// Serves until stop(), which any thread may call.
  void run();
  void stop();

 private:
  class Impl;
  explicit Relay(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// `polymq perf relay`: listens, says where, serves until interrupted.
Result<void> run_relay(const RelayOptions& options);

}  // namespace polymq::perf
