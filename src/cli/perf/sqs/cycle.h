// One connection that sends, receives and deletes batches by turns.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/perf/agent.h"
#include "cli/perf/sqs/http.h"
#include "cli/perf/worker.h"

namespace polymq::perf {

struct CycleSettings {
  HttpServer server;
  std::string queue_url;  ///< as the server gave it, escaped for JSON
  unsigned batch = 10;    ///< messages of a request; 1: the actions for single messages
  std::size_t size = 16;  ///< of a body; kStampDigits at least
  bool sends = true;
  bool receives = true;     ///< and deletes
  std::uint64_t limit = 0;  ///< messages to send, or, where it only receives, to receive; 0 = none
};

/// One request at a time: SendMessage(Batch), ReceiveMessage, DeleteMessage(Batch), and again. What
/// it receives may be what another one sent. A message counts as sent, confirmed and received when
/// the answer has come; its latency runs from the request that sent it to the answer that brought
/// it, its confirm latency to the answer to that request. Receive latencies are those of
/// ReceiveMessage alone.
class Cycle final : public Agent {
 public:
  /// Hexadecimal digits of a body that say when it was sent.
  static constexpr std::size_t kStampDigits = 16;

  static Result<std::unique_ptr<Cycle>> make(const CycleSettings& settings, Worker& worker,
                                             Histogram& receive_latency);
  Cycle(const CycleSettings& settings, Socket socket, Worker& worker, Histogram& receive_latency);

  void begin(Nanos start) override;
  void finish() override {}
  void on_ready(bool readable, bool writable) override;
  void on_wake() override {}

 private:
  enum class Step : std::uint8_t { kSend, kReceive, kDelete };

  std::string_view action() const;
  void prepare_send();
  void request();
  void stamp(Nanos time);
  std::string deletion() const;
  void put(std::string_view bytes);
  void flush();
  void receive();
  void on_answer(const HttpAnswer& answer);
  void on_sent(std::string_view body);
  void on_received(std::string_view body);
  void fail(const std::string& text);

  const CycleSettings settings_;
  Socket socket_;
  Worker& worker_;
  Histogram& receive_latency_;

  std::string send_request_;
  std::vector<std::size_t> stamps_;  // where in it they are
  std::string receive_request_;
  std::vector<std::string> handles_;  // received, not deleted yet

  Step step_ = Step::kSend;
  Nanos asked_ = 0;  // when the request under way was made
  std::string output_;
  std::size_t written_ = 0;
  std::string input_;
  std::uint64_t done_ = 0;
  bool waits_to_write_ = false;
  bool over_ = false;
};

}  // namespace polymq::perf
