// Clients and their channels as a dialect would run them: they ask the engine for things at random,
// hold what they are handed, report it written late, and check every answer.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "declarations.h"
#include "engine/move_order.h"
#include "engine/session.h"
#include "engine/shard.h"
#include "leases.h"
#include "model.h"

namespace polymq::sim {

class World;
class ClientActor;

/// An operation of the engine that must end exactly once, and not at all after its session closed.
struct Operation {
  std::string what;
  bool finished = false;
  bool dropped = false;
};

/// What a get was answered.
struct Got {
  bool empty = false;
  int priority = 0;
};

/// A channel. One operation at a time, as AMQP orders them.
class ChannelActor final : public engine::SessionEvents {
 public:
  ChannelActor(ClientActor& client, unsigned number);

  /// A few random things, as one read from the socket would bring them.
  void act();
  /// The end of a read.
  void flush() { session_.flush(); }
  /// May destroy this channel.
  void close();
  /// The node has died. What is left of it is brought to its end without a word to the model.
  /// May destroy this channel.
  void vanish();
  bool closing() const { return closing_; }
  /// Nothing is owed to it: no answer, no confirm.
  void check_quiet() const;
  /// `empty` (may be null): is told whether there was no message.
  void get(const std::string& queue, bool no_ack, Got* got);
  void declare_named(const std::string& name);
  void remove_queue(const std::string& queue);
  void declare_settled(const ExchangeKind& exchange);
  void bind_settled(const ExchangeKind& exchange, const std::string& queue);
  void remove_exchange(const std::string& exchange);
  bool busy() const { return operation_ != nullptr; }
  /// Something is asked besides. (A receive that waits does not count.)
  bool asks_aside() const { return !asides_.empty(); }
  bool receives() const { return !polls_.empty(); }
  engine::SessionId id() const { return session_.id(); }
  /// The channel-wide prefetch, if there is one, allows one message more.
  bool has_shared_credit() const;

  // --- for the client's socket ---
  void sent(std::uint64_t tag);
  void reported(std::uint64_t tag, bool dropped);

  // --- engine::SessionEvents ---
  void on_deliveries(const engine::DeliveryRun& run, const engine::DeliveryItem* items) override;
  void on_publishes_settled() override { take_confirms(); }
  void on_consumer_gone(std::uint32_t handle) override;
  void on_direct_message(const engine::Message& message) override;

 private:
  enum class Mode : std::uint8_t { kPlain, kConfirm, kTransaction };
  static constexpr std::uint32_t kGot = UINT32_MAX;  // held by no consumer: from a get

  struct Consumer {
    engine::QueueId queue = 0;
    engine::ConsumerId id = {};
    engine::ConsumerOptions options = {};
    bool ended = false;  // cancelled, refused, or gone: nothing may come any more
    bool cancelling = false;
    engine::LeaseNumber last_lease = 0;
    // By publisher, priority and the exchange that remembers, if it passed one.
    std::map<std::tuple<std::uint64_t, int, std::string>, std::uint64_t> last_order = {};
    std::vector<MessageId> delayed = {};  // seen, in order
  };
  struct Held {
    std::uint32_t handle;
    engine::ConsumerId consumer;
    engine::LeaseNumber lease;
    CopyKey key;
    const engine::Message* message;  // lent until reported
    std::size_t bytes;
    bool no_ack;
    bool sent = false;
    bool reported = false;
    bool in_transaction = false;
  };
  struct Settlement {
    std::uint64_t tag;
    engine::Settle how;
  };
  /// A receive that is not answered.
  struct Poll {
    std::string queue;
    engine::RequestId request = 0;
    engine::ReceiveOptions options = {};
    Asked asked = {};
    bool abandoned = false;
    WallMs answered_by = kNever;  // once the engine came to rest with it
  };
  /// What one was answered, on its way to the socket.
  struct Answer {
    std::vector<HandOut> items;
    std::vector<const engine::Message*> messages;  // lent until reported
    engine::ConsumerId consumer;
    std::size_t bytes;
    bool repeated;
  };
  using TokenRequests = std::vector<TokenRequest>;

  // actors.cc
  void take_action();
  std::shared_ptr<Operation> begin(std::string what);
  void end(const std::shared_ptr<Operation>& operation);
  /// The engine refused: the dialect would close the channel. True when this one did.
  bool refused(const engine::EngineError& error);
  engine::QueueEntry* find_queue(const std::string& name);
  std::size_t held_by(std::uint32_t handle) const;
  std::size_t unacked() const;
  void unacked_changed();

  // actor_publish.cc
  void publish();
  engine::Message* make_message(const std::string& exchange, const std::string& key, bool answered,
                                MessageId& id);
  std::string draw_exchange();
  void check_unroutable(engine::Exchange& exchange, const engine::Message& message,
                        std::span<engine::Target* const> targets);
  void take_confirms();
  void commit();
  void commit_ended(Unit::Outcome outcome);
  void rollback();
  void direct();

  // actor_consume.cc
  void consume();
  void cancel();
  void take(const engine::DeliveryItem& item, const Held& held);
  void check_consumer(const Consumer& consumer, const engine::DeliveryRun& run) const;
  void check_order(Consumer& consumer, const Held& held, const engine::DeliveryItem& item);
  void check_credit(const Consumer& consumer, std::uint32_t handle) const;
  void settle();
  void settle_one(std::uint64_t tag, engine::Settle how);
  void set_qos();
  void note_dead_letter_target(engine::QueueId queue);
  void return_held();

  // actor_receive.cc
  void receive();
  void abandon();
  void erase();
  void extend();
  void answered(std::uint64_t number, engine::EngineResult<engine::ReceivedMessages>& result);
  void check_empty(const Poll& poll) const;
  void give_back(const std::string& queue, const std::vector<HandOut>& items);
  std::shared_ptr<TokenRequests> draw_tokens(TokenRequest what);
  engine::Freshness draw_freshness(const HandOut& hand_out, engine::Freshness usual);
  void ask(const std::string& queue, const std::shared_ptr<TokenRequests>& requests,
           std::shared_ptr<Operation> operation);
  void check_polls() const;
  bool answer_sent(std::uint64_t tag);
  bool answer_reported(std::uint64_t tag, bool dropped);
  /// The channel closes, and has closed.
  void leave_polls();
  void forget_polls();

  // actor_move.cc
  void order_move();
  void give_order(const std::string& queue, const engine::MoveOrder& order);
  void cancel_order(const std::string& queue, const std::string& id);
  void change_arguments();

  // actor_topology.cc
  /// An operation on something that outlives a restart begins; to be called with its end.
  std::function<void(bool done)> follow(Declarations::Kind kind, bool adds, const std::string& name,
                                        const std::string& destination = {}, bool to_exchange = {},
                                        const std::string& key = {});
  Declarations::Ids incarnations(const Declarations::Name& name, bool to_exchange);
  void declare();
  void check_declared_everywhere(const std::string& name);
  void remove();
  void purge();
  void change_binding(bool add);
  void inspect();

  // actor_exchanges.cc
  void change_exchange();
  void bind_history();
  std::string draw_headers(const std::string& exchange, Published& record);
  /// Tells the model where a message goes that was routed to `targets`.
  void note_targets(MessageId id, std::span<engine::Target* const> targets);
  void check_delay(const Held& held) const;
  void check_delayed_order(Consumer& consumer, MessageId id);

  ClientActor& client_;
  World& world_;
  engine::Session session_;
  const unsigned number_;
  Mode mode_ = Mode::kPlain;
  bool becomes_confirm_ = false;  // publishes without confirms first
  bool closing_ = false;
  std::shared_ptr<Operation> operation_;
  engine::QueueId purging_ = 0;     // by that operation
  std::set<engine::QueueId> used_;  // queues that may have handed messages to this channel
  std::vector<Consumer> consumers_;
  std::uint64_t next_tag_ = 1;
  std::map<std::uint64_t, Held> held_;              // by delivery tag
  std::map<std::uint64_t, Held> lent_;              // settled before it was reported written
  std::map<std::uint64_t, MessageId> unconfirmed_;  // by the publisher's sequence
  std::uint64_t next_order_ = 1;
  std::map<std::uint64_t, Poll> polls_;
  std::map<std::uint64_t, Answer> answers_;  // by tag
  std::uint64_t next_poll_ = 1;
  std::vector<std::shared_ptr<TokenRequests>> requests_;
  std::vector<std::shared_ptr<Operation>> asides_;
  std::uint64_t direct_nonce_ = 0;
  std::uint32_t shared_limit_ = 0;
  bool shared_checked_ = false;  // the limit was there before the first consumer, and only rose

  std::vector<engine::Session::TransactionPublish> transaction_;
  std::vector<Settlement> transaction_settles_;
  std::shared_ptr<Unit> unit_;  // of the publishes collected
  std::shared_ptr<Unit> unit_in_commit_;
  std::vector<std::pair<CopyKey, engine::Settle>> settles_in_commit_;
};

/// A connection with its socket: what it was handed is written after a while, and reported in
/// order.
class ClientActor final : public engine::ClientEvents {
 public:
  ClientActor(World& world, engine::Shard& shard, std::string vhost);

  void act();
  /// Writes some of the output (all of it: `all`) to the socket and reports some of that.
  void write(bool all);
  void close();
  void vanish();
  bool closing() const { return closing_; }
  /// Closed everywhere: to be destroyed.
  bool finished() const { return finished_; }
  void check_quiet() const;
  bool busy() const;
  bool receives() const;

  World& world() { return world_; }
  engine::Client& client() { return client_; }
  ChannelActor& open_channel();
  const ChannelActor* find_channel(engine::SessionId id) const;
  void handed_over(ChannelActor& channel, std::uint64_t tag, engine::ShardIndex home,
                   std::size_t bytes, bool windowed);
  /// The channel closes: what was under way to its socket is reported as written, or dropped.
  void forget_output(ChannelActor& channel);
  void channel_closed(ChannelActor& channel);

  // --- engine::ClientEvents ---
  void on_alarm(bool on) override;
  void on_vhost_removed() override;

 private:
  struct Output {
    ChannelActor* channel;
    std::uint64_t tag;
    engine::ShardIndex home;
    std::size_t bytes;
  };
  void report(const Output& output, bool dropped);

  World& world_;
  engine::Client client_;
  std::vector<std::unique_ptr<ChannelActor>> channels_;
  std::deque<Output> output_;      // handed over, not on the socket
  std::deque<Output> unreported_;  // on the socket, the engine was not told yet
  std::map<engine::ShardIndex, std::size_t> window_;
  unsigned next_channel_ = 1;
  bool alarm_ = false;   // as it was told
  bool acting_ = false;  // one of its channels is in the middle of an action
  bool closing_ = false;
  bool finished_ = false;
};

}  // namespace polymq::sim
