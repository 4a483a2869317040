// An agent that publishes: as fast as the server takes it, or at a rate, or within a confirm
// window.
#pragma once

#include <cstdint>
#include <optional>

#include "cli/perf/confirms.h"
#include "cli/perf/link.h"
#include "cli/perf/message.h"
#include "cli/perf/pacer.h"

namespace polymq::perf {

struct PublisherSettings {
  MessageSpec message;
  double rate = 0;   ///< messages a second; 0 = no limit
  double share = 0;  ///< its place among the publishers, 0 to 1: see Pacer
  /// Finished after so many, once the server has taken them (confirmed, if confirms are on); 0 =
  /// never.
  std::uint64_t limit = 0;
  std::uint64_t confirm_window = 0;  ///< so many may be unconfirmed; 0 = confirms are off
  std::uint16_t number = 0;          ///< marks its sequence numbers
};

class Publisher final : public Link {
 public:
  /// Turns confirms on if wanted, while the connection still is a blocking one.
  static Result<std::unique_ptr<Publisher>> make(Client client, Worker& worker,
                                                 const PublisherSettings& settings);
  Publisher(Client client, Worker& worker, const PublisherSettings& settings);

  void begin(Nanos start) override;

 protected:
  void on_frame(const Frame& frame) override;
  void on_input_end() override;
  void on_writable() override { fill(now()); }
  bool wants_to_send() const override { return has_more_; }
  void on_time() override { fill(worker().loop.time()); }

 private:
  void fill(Nanos time);
  std::uint64_t allowed(Nanos time) const;
  void append(std::uint64_t count, Nanos time);
  void confirm(std::uint64_t tag, bool multiple, Counter& counter);
  void check_finished();
  void finish_run();

  const PublisherSettings settings_;
  const MessageTemplate message_;
  std::optional<Pacer> pacer_;
  ConfirmWindow unconfirmed_;
  std::uint64_t sent_ = 0;
  bool has_more_ = false;  // only the socket holds us up
  bool asked_ = false;     // whether the server has taken everything
  bool finished_ = false;
};

}  // namespace polymq::perf
