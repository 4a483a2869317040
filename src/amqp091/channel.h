// A channel: the methods of classes channel, access, exchange, queue, basic, confirm and tx
// (docs/features.md: Channels).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amqp091/connection.h"
#include "amqp091/counters.h"
#include "amqp091/methods.h"
#include "base/sliding_window.h"
#include "base/string_map.h"

namespace polymq::amqp091 {

/// Shard: its connection's. Lives from channel.open until both sides have closed it.
class Channel final : public engine::SessionEvents {
 public:
  Channel(Connection& connection, std::uint16_t number);
  ~Channel() override;

  std::uint16_t number() const { return number_; }
  const ChannelCounters& counters() const { return counters_; }
  void handle_method(MethodId id, std::string_view arguments);
  void handle_header(std::string_view payload);
  void handle_body(std::string_view payload);
  /// End of a read: publishes and settlements go to the engine.
  void flush() { session_.flush(); }
  /// Confirms and other things that are folded once per turn.
  void prepare_output();
  void check_consumer_timeouts(MonotonicMs now);

  /// The connection is over: no reply is wanted. channel_ended() follows.
  void abandon();
  bool open() const { return state_ == State::kOpen; }
  /// May a method be handled while topology operations of this channel are under way?
  bool may_pipeline(MethodId id, std::string_view arguments) const;
  /// It sent channel.close and waits for close-ok, which must not surprise it.
  bool closing() const { return state_ == State::kAwaitCloseOk; }
  void handle_while_closing(MethodId id);
  bool awaits_content() const { return content_.expected != Content::Expected::kMethod; }

  // --- engine::SessionEvents ---
  void on_deliveries(const engine::DeliveryRun& run, const engine::DeliveryItem* items) override;
  void on_publishes_settled() override;
  void on_consumer_gone(std::uint32_t handle) override;
  void on_direct_message(const engine::Message& message) override;

 private:
  friend struct ChannelMethods;
  enum class State : std::uint8_t {
    kOpen,
    kAwaitCloseOk,  // we sent channel.close
    kClosing,       // the client did; close-ok follows when the engine has let go
    kClosed,
  };
  enum class Mode : std::uint8_t { kPlain, kConfirm, kTransaction };

  struct ConsumerInfo {
    std::string tag = {};
    std::string queue = {};
    engine::ConsumerId id = {};
    bool no_ack = false;
    bool counts_shown = false;  // quorum queues: x-delivery-count and x-acquired-count
    bool active = true;         // false: cancelled, or gone
    bool cancelling = false;
    std::int64_t timeout_ms = 0;
  };
  /// Unacked::handle of what no consumer holds.
  static constexpr std::uint32_t kGot = UINT32_MAX;
  static constexpr std::uint32_t kTimedOut = UINT32_MAX - 1;
  /// A delivery that the client has not settled yet, by delivery tag.
  struct Unacked {
    engine::ConsumerId consumer;
    engine::LeaseNumber lease = 0;
    std::uint32_t handle = 0;
    std::uint32_t delivered_s = 0;
    bool in_transaction = false;  // settled by a transaction that is not committed yet
  };
  /// The publish whose header and body are being received.
  struct Content {
    enum class Expected : std::uint8_t { kMethod, kHeader, kBody };
    Expected expected = Expected::kMethod;
    std::string exchange;
    std::string routing_key;
    bool mandatory = false;
    bool immediate = false;
    std::uint64_t body_size = 0;
    std::uint64_t received = 0;
    engine::Message* message = nullptr;  // made at once for bodies up to kAtOnce
    std::string body;                    // else collected here: nobody reserves memory by a claim
    std::string properties;              // then kept here
    std::optional<ProtocolError> error;  // found in the header, raised when the body is there
    engine::MessageParts parts;
    std::unique_ptr<engine::MessageExtension> extension;
  };
  struct TransactionPublish {
    engine::Message* message;
    std::vector<std::pair<engine::ShardIndex, std::uint64_t>> targets;
    bool unroutable = false;  // and mandatory
  };
  struct TransactionSettle {
    std::uint64_t first;
    std::uint64_t last;
    engine::Settle how;
  };

  // channel.cc
  void on(const method::ChannelOpen&);
  void on(const method::ChannelFlow& flow);
  void on(const method::ChannelFlowOk&) {}
  void on(const method::ChannelClose&);
  void on(const method::AccessRequest&);
  void on(const method::ConfirmSelect& select);
  void on(const method::TxSelect&);
  void on(const method::TxCommit&);
  void on(const method::TxRollback&);
  template <class M>
  void on(const M&);  // everything that is not for a server, or not for a channel
  void fail(ProtocolError error);
  void fail(ReplyCode code, std::string explanation) { fail({code, std::move(explanation), {}}); }
  void fail(engine::EngineError error) { fail(to_protocol(std::move(error))); }
  void close_session();
  void session_closed();
  void drop_content();
  void forget_collected_body();

  /// An operation whose reply keeps its place among those of the operations around it.
  using Place = std::uint64_t;
  Place begin_operation();
  void end_operation(Place place, std::function<void()> reply);
  void wait_for_reply() {
    ++awaited_;
    connection_.begin_wait();
  }
  void reply_came() {
    --awaited_;
    connection_.end_wait();
  }
  template <class M>
  void send(const M& method) {
    connection_.send(number_, method);
  }

  // channel_topology.cc
  void on(const method::ExchangeDeclare& declare);
  void on(const method::ExchangeDelete& remove);
  void on(const method::ExchangeBind& bind);
  void on(const method::ExchangeUnbind& unbind);
  void on(const method::QueueDeclare& declare);
  void on(const method::QueueBind& bind);
  void on(const method::QueueUnbind& unbind);
  void on(const method::QueuePurge& purge);
  void on(const method::QueueDelete& remove);
  void inspect_exchange(const method::ExchangeDeclare& declare);
  void inspect_queue(const std::string& name, bool nowait);
  void declare_queue(const method::QueueDeclare& declare, std::string name);
  void queue_declared(const std::string& name, engine::QueueState state, bool nowait);
  template <class Ok>
  engine::Completion<void> topology_reply(bool nowait);
  template <class Ok>
  void change_binding(engine::ChangeBinding change, bool nowait);
  bool check_binding_access(const engine::ChangeBinding& change);
  /// Empty means the channel's last declared queue; nullopt after an error was raised.
  std::optional<std::string> queue_name(std::string_view given);
  bool check_queue_access(auth::Access access, std::string_view queue);
  bool check_exchange_access(auth::Access access, std::string_view exchange);
  tl::unexpected<engine::EngineError> refused(auth::Access access,
                                              const std::string& resource) const;
  engine::EngineResult<void> queue_access(auth::Access access, std::string_view queue) const;
  engine::EngineResult<void> exchange_access(auth::Access access, std::string_view exchange) const;
  enum class Forwarder : std::uint8_t { kQueue, kExchange };
  engine::EngineResult<void> may_forward(Forwarder forwarder, std::string_view name,
                                         const engine::Fields& arguments,
                                         std::string_view argument) const;
  engine::QueueEntry* find_queue(std::string_view name);

  // channel_publish.cc
  void on(const method::BasicPublish& publish);
  void content_without_method();
  void begin_message(std::string_view properties);
  std::optional<ProtocolError> check_properties(std::string_view properties, std::string& amended);
  void publish();
  bool check_topic_access(const engine::Exchange& exchange,
                          const engine::MessageExtension* extension);
  void publish_directly(engine::Message* message);
  void return_unroutable(const engine::Message& message);
  void hand_to_engine(engine::Message* message, std::span<engine::Target* const> targets,
                      bool unroutable);
  engine::Exchange* exchange_of_publish();
  void emit_confirms();
  void commit_transaction();

  // channel_consume.cc
  void on(const method::BasicQos& qos);
  void on(const method::BasicConsume& consume);
  void on(const method::BasicCancel& cancel);
  void on(const method::BasicGet& get);
  void on(const method::BasicAck& ack);
  void on(const method::BasicNack& nack);
  void on(const method::BasicReject& reject);
  void on(const method::BasicRecover& recover);
  void on(const method::BasicRecoverAsync& recover);
  void consume_direct_replies(const method::BasicConsume& consume, std::string tag);
  void requeue_all(bool requeue);
  void got(const engine::GotMessage& got, bool counts_shown, bool no_ack);
  void time_out(std::uint32_t handle);
  void settle(std::uint64_t tag, bool multiple, engine::Settle how);
  void settle_range(std::uint64_t first, std::uint64_t last, engine::Settle how);
  void settle_now(std::uint64_t first, std::uint64_t last, engine::Settle how);
  void settle_one(std::uint64_t tag, engine::Settle how);
  void deliver(const ConsumerInfo& consumer, const engine::DeliveryItem& item,
               std::uint64_t delivery_tag);
  std::string_view shown_properties(bool counts_shown, const engine::DeliveryItem& item,
                                    std::string& amended);
  std::uint32_t add_consumer(ConsumerInfo consumer);
  void remove_consumer(std::uint32_t handle);
  /// Messages that were got are no matter of the channel-wide prefetch.
  void unacked_changed() { session_.set_unacked(unacked_.size() - unacked_gets_); }
  /// Takes it out of the unsettled ones, where it must be.
  Unacked take_unacked(std::uint64_t tag);

  Connection& connection_;
  const std::uint16_t number_;
  engine::Session session_;
  ChannelCounters counters_;
  State state_ = State::kOpen;
  bool session_gone_ = false;
  bool abandoned_ = false;
  bool output_noted_ = false;
  Mode mode_ = Mode::kPlain;
  MethodId current_{};  // the method being handled, for errors
  std::string last_queue_;
  std::uint16_t prefetch_;

  // Topology operations under way; replies go out in order.
  struct Operation {
    bool done = false;
    std::function<void()> reply;
  };
  std::deque<Operation> operations_;
  Place first_operation_ = 0;
  bool replying_ = false;      // to one of them
  bool refused_ = false;       // the last of them is a refusal: nothing after it counts
  std::uint32_t awaited_ = 0;  // replies without which nothing more is parsed

  StringMap<std::uint32_t> tags_;
  std::vector<ConsumerInfo> consumers_;      // by handle
  std::vector<std::uint32_t> free_handles_;  // of consumers of which nothing more will be heard
  SlidingWindow<Unacked> unacked_{1};
  std::uint64_t unacked_gets_ = 0;  // of them, those that basic.get fetched
  std::uint64_t direct_nonce_ = 0;  // of the direct reply consumer; 0 = none
  std::uint32_t direct_handle_ = 0;
  bool has_timeouts_ = false;

  Content content_;
  // The exchange of the last publish, and whether the user may write to it.
  std::string known_exchange_name_;
  engine::Exchange* known_exchange_ = nullptr;
  std::uint64_t known_version_ = 0;

  std::vector<TransactionPublish> transaction_publishes_;
  std::vector<TransactionSettle> transaction_settles_;
};

}  // namespace polymq::amqp091
