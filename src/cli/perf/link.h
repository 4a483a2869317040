// One AMQP connection under load: non-blocking, many frames a read, many frames a write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "cli/perf/agent.h"
#include "cli/perf/client.h"
#include "cli/perf/loop.h"
#include "cli/perf/worker.h"

namespace polymq::perf {

/// Takes over an open connection from a Client. Base of publishers, consumers and RPC agents; all
/// of it runs on its worker's thread, except begin() and finish(), when that thread does not run.
class Link : public Agent {
 public:
  Link(Client client, Worker& worker);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void begin(Nanos start) override;
  void finish() override;

  void on_ready(bool readable, bool writable) final;
  void on_wake() final;

 protected:
  /// A method, content header or body frame; heartbeats, notices and closes never arrive here.
  virtual void on_frame(const Frame& frame) = 0;
  /// After the frames of one read. What is in out() is sent afterwards.
  virtual void on_input_end() {}
  /// All of out() was sent, more may be put there. Called repeatedly while wants_to_send().
  virtual void on_writable() {}
  virtual bool wants_to_send() const { return false; }
  /// False leaves what was received for later; on_time() or on_input_end() ask again.
  virtual bool accepts_input() { return true; }
  /// A time asked for with wake_at() may have come.
  virtual void on_time() {}

  Worker& worker() { return worker_; }
  Buffer& out() { return out_; }
  std::uint32_t frame_max() const { return frame_max_; }
  /// When the newest bytes were received.
  Nanos input_time() const { return input_time_; }
  /// Asks for on_time(); a later time than one already asked for is ignored.
  void wake_at(Nanos time);
  /// Sends as much of out() as the socket takes.
  void flush();
  /// Handles what was received and left.
  void process_input();
  /// Ends the whole run with this explanation.
  void fail(const std::string& text);

 private:
  void receive();
  bool handle_common(const Frame& frame);
  void keep_alive(Nanos time);
  void update_interest();

  Worker& worker_;
  Socket socket_;
  const std::uint32_t frame_max_;
  const Nanos heartbeat_;  // between two of ours; 0 = none

  std::unique_ptr<char[]> input_;
  std::size_t input_size_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Nanos input_time_ = 0;

  Buffer out_;
  bool sent_something_ = false;  // since the last heartbeat was due
  Nanos next_heartbeat_ = kNever;
  Nanos next_wake_ = kNever;
  bool reads_ = true;
  bool writes_ = false;
  bool broken_ = false;
};

}  // namespace polymq::perf
