// One AMQP 0-9-1 connection without its socket: bytes in, bytes out, and the life from the protocol
// header to close-ok (docs/features.md: Connections).
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "amqp091/codec.h"
#include "amqp091/error.h"
#include "amqp091/frame.h"
#include "amqp091/settings.h"
#include "auth/sasl.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/stream.h"
#include "engine/session.h"
#include "engine/shard.h"

namespace polymq::amqp091 {

class Channel;

/// Shard: the one its socket lives on.
class Connection final : public StreamConnection, public engine::ClientEvents {
 public:
  Connection(engine::Shard& shard, const Settings& settings, Admission& admission,
             Transport& transport, Peer peer);
  ~Connection() override;

  // --- StreamConnection: driven by the transport ---
  /// Stops early while an answer is being waited for.
  std::size_t receive(std::string_view input) override;
  void end_of_input() override;
  bool wants_input() const override { return may_parse(); }
  bool ends_with_peer() const override { return blocked_; }
  bool publishes() const override { return publishes_; }
  void prepare_output() override;
  Buffer& output() override { return output_; }
  void written(std::size_t size) override;
  void tick(MonotonicMs now) override;
  void lost() override;
  /// Tells the client to go (320) and closes.
  void force_close(std::string_view reason) override;

  // --- for whoever shows connections ---
  void for_each_channel(const std::function<void(const Channel&)>& visit) const;
  /// Since the beginning, in octets.
  std::uint64_t received_total() const { return received_total_; }
  std::uint64_t sent_total() const { return output_total_; }
  /// What the client told of itself: an encoded field table without its length, for whoever shows
  /// connections.
  std::string_view client_properties() const { return client_properties_; }
  /// Not read until the memory alarm is over, however long that takes.
  bool blocked() const { return blocked_; }

  // --- for its channels ---
  engine::Shard& shard() { return shard_; }
  engine::Client& client() { return *client_; }
  const Settings& settings() const { return settings_; }
  const std::string& user() const { return user_; }
  const std::string& vhost() const { return client_->vhost_name(); }
  std::uint32_t frame_max() const { return frame_max_; }
  bool can_cancel_consumers() const { return capabilities_.consumer_cancel_notify; }
  bool impersonator() const;

  template <class M>
  void send(std::uint16_t channel, const M& method) {
    encode_method(output_, channel, method);
    transport_.output_ready();
  }
  void output_ready() { transport_.output_ready(); }
  /// What has been put into output() so far carries leases up to `lease` of `consumer`.
  void mark_delivered(engine::ConsumerId consumer, engine::LeaseNumber lease, std::uint64_t bytes);
  /// All that was encoded will have been written as far as leases are concerned: the session that
  /// holds them closes in an orderly way. Nothing of it when the socket is lost.
  void report_encoded_as_written();
  /// Between these two nothing more is parsed.
  void begin_wait() { ++waiting_; }
  void end_wait();
  /// Runs of topology operations of one channel may be under way together: nothing else is parsed
  /// until their replies are there. Null: none is.
  void set_pipelining(Channel* channel);
  /// Closes the connection with an error.
  void fail(const ProtocolError& error);
  /// The client's state cannot be known any more: it is heard no longer.
  void give_up();
  /// Its library takes basic.qos as the specification has it: for all consumers of the channel.
  bool qos_by_specification() const { return capabilities_.qos_by_specification; }
  void note_publish() { publishes_ = true; }
  /// A publish arrived while memory is short.
  void publishing_under_alarm();
  /// A line about this peer, unless it had too many lately. Fields without a value are left out.
  void log(log::Area area, log::Level level, std::string_view what,
           std::initializer_list<std::pair<std::string_view, std::string_view>> fields);
  bool allowed(auth::Access access, std::string_view resource);
  /// Verdicts given before still hold.
  bool directory_current() { return admission_.directory_version() == directory_version_; }
  bool topic_allowed(auth::Access access, std::string_view exchange, std::string_view key);
  /// A channel that is closed on both sides: its number is free.
  void channel_ended(Channel& channel);
  /// The engine has let go of it, too: it is destroyed when its own code has returned.
  void retired_ended(Channel* channel);

  // --- engine::ClientEvents ---
  void on_alarm(bool on) override;
  void on_vhost_removed() override;

 private:
  enum class State : std::uint8_t {
    kHeader,
    kStartOk,
    kSecureOk,
    kTuneOk,
    kOpen,
    kRunning,
    kClosing,
    kClosed,
  };
  struct Capabilities {
    bool consumer_cancel_notify = false;
    bool connection_blocked = false;
    bool authentication_failure_close = false;
    bool qos_by_specification = false;
  };
  struct Mark {
    std::uint64_t end;  // of the output, counted from the connection's start
    engine::ConsumerId consumer;
    engine::LeaseNumber lease;
    std::uint64_t bytes;
  };
  struct Verdict {
    auth::Access access;
    std::string resource;
    bool allowed;
  };

  bool may_parse() const;
  bool may_handle(const Frame& frame) const;
  std::size_t parse(std::string_view input);
  std::size_t receive_protocol_header(std::string_view input);
  void send_start();
  void handle(const Frame& frame);
  void handle_connection_method(MethodId id, std::string_view arguments);
  void handle_while_closing(const Frame& frame);
  template <class M>
  bool expect(State state, const M& method);
  void unexpected(MethodId id);
  void decode_failed(DecodeStatus status, MethodId id, std::string_view arguments);
  void frame_failed(FrameStatus status, const Frame& frame, std::string_view input);
  Channel* channel_for(const Frame& frame);
  void open_channel(std::uint16_t number);

  void on(const method::ConnectionStartOk& start);
  void on(const method::ConnectionSecureOk& secure);
  void on(const method::ConnectionTuneOk& tune);
  void on(const method::ConnectionOpen& open);
  void on(const method::ConnectionClose& close);
  void on(const method::ConnectionCloseOk& close);
  void on(const method::ConnectionUpdateSecret& update);
  /// Forgets verdicts when users and permissions have changed, and sees whether the user is gone.
  void take_new_directory();
  void step_sasl(std::string_view response);
  void login_refused(const auth::SaslStep& step);
  void read_client_properties(std::string_view table);
  void start_tuning();

  void close_channels();
  /// Ends the engine's side; `then` when exclusive queues are gone and leases are back.
  void end_client(std::function<void()> then);
  void maybe_finished();
  std::chrono::milliseconds close_patience() const;

  engine::Shard& shard_;
  const Settings& settings_;
  Admission& admission_;
  Transport& transport_;
  const Peer peer_;

  State state_ = State::kHeader;
  bool deaf_ = false;  // input makes no sense any more
  bool user_gone_ = false;
  bool publishes_ = false;
  bool blocked_ = false;  // published under alarm: not read until it is over
  bool lost_ = false;
  bool finished_ = false;
  bool admitted_ = false;
  bool client_ended_ = false;
  std::uint32_t waiting_ = 0;
  Channel* pipelining_ = nullptr;
  Capabilities capabilities_;
  std::uint16_t channel_max_ = 0;
  std::uint16_t heartbeat_s_ = 0;
  std::uint32_t frame_max_;
  std::string user_;
  std::string mechanism_name_;
  std::string connection_name_;
  std::string client_name_;        // its library's product and version
  std::string client_properties_;  // a field table, as it came
  std::shared_ptr<const auth::Directory> directory_;
  std::uint64_t directory_version_ = 0;
  std::unique_ptr<auth::SaslMechanism> mechanism_;
  std::vector<Verdict> verdicts_;

  Buffer output_;
  std::uint64_t received_total_ = 0;  // octets handled, not those that wait
  std::uint64_t output_total_ = 0;    // octets consumed from output_ since the start
  std::vector<Mark> marks_;
  std::size_t marks_head_ = 0;

  MonotonicMs started_;
  MonotonicMs last_received_;
  MonotonicMs last_sent_;

  std::unique_ptr<engine::Client> client_;
  boost::unordered_flat_map<std::uint16_t, std::unique_ptr<Channel>> channels_;
  std::vector<std::unique_ptr<Channel>>
      retired_;  // their numbers are free, the engine's end is to come
  std::vector<std::unique_ptr<Channel>> ended_;  // destroyed at the end of the turn
  // The channel of the last frame: most connections use one at a time.
  std::uint16_t last_number_ = 0;
  Channel* last_channel_ = nullptr;
};

}  // namespace polymq::amqp091
