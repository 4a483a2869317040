// The engine as a dialect sees it: clients (connections) and their sessions (channels), on the
// shard where the connection lives.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mail.h"
#include "engine/publisher.h"

namespace polymq::engine {

class Shard;
class Session;

/// What a connection must hear. Called on its shard, never from within one of its own calls.
class ClientEvents {
 public:
  virtual ~ClientEvents() = default;
  /// Memory is short (or no longer): publishers have to wait.
  virtual void on_alarm(bool on) = 0;
  virtual void on_vhost_removed() = 0;
};

/// What a channel must hear. Called on its shard.
class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  /// `items` has run.count entries, whose messages are lent until reported written.
  virtual void on_deliveries(const DeliveryRun& run, const DeliveryItem* items) = 0;
  /// publisher().settled() has news.
  virtual void on_publishes_settled() = 0;
  /// The broker ended that consumer (its queue is gone).
  virtual void on_consumer_gone(std::uint32_t handle) = 0;
  /// A direct reply. The message is freed after the call.
  virtual void on_direct_message(const Message& message) = 0;
};

/// A declaration of a queue, already checked against its type's rules.
struct QueueDeclare {
  std::string name;
  bool durable = false;
  bool exclusive = false;
  bool auto_delete = false;
  Fields arguments;
  /// May its maker make it with these arguments? A refusal is said only when there is none yet.
  EngineResult<void> permitted = {};
};

struct QueueState {
  std::uint64_t messages = 0;  // ready
  std::uint64_t consumers = 0;
  std::uint64_t leased = 0;
  std::uint64_t delayed = 0;
};

/// A message got, with what settles it.
struct GotMessage {
  DeliveryItem item;
  ConsumerId consumer;
  LeaseNumber lease;
  std::uint64_t ready;
};

/// Messages received, to be reported written together: with `consumer`, lease 1 and `bytes`. Their
/// tokens are good for the queue with that id only.
struct ReceivedMessages {
  std::vector<ReceivedItem> items;
  ConsumerId consumer;
  QueueId queue = 0;
  std::uint64_t bytes = 0;
};

template <class T>
using Completion = std::function<void(EngineResult<T>)>;

/// A connection. Owns its sessions' end and its exclusive queues.
/// Shard: its own. Destroyed by its dialect after close() has completed.
class Client {
 public:
  Client(Shard& shard, ClientEvents& events, std::string_view vhost);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  ClientId id() const { return id_; }
  Shard& shard() { return shard_; }
  /// Null when the vhost is gone.
  Vhost* vhost();
  const std::string& vhost_name() const { return vhost_; }
  ClientEvents& events() { return events_; }

  /// What was handed over to this client and has been written to its socket (or dropped: `last` 0).
  void written(ConsumerId consumer, LeaseNumber last, std::uint64_t bytes);
  /// Sends the reports collected by written().
  void flush();

  /// Ends: `done` is called when all sessions are closed everywhere, no exclusive queue of this
  /// client is left on any shard, and its leases are back.
  void close(std::function<void()> done);

 private:
  friend class Session;
  friend class Shard;
  void proceed();
  void delete_exclusive(const QueueEntry& entry);
  /// Goes on once control says that the queue is gone everywhere.
  void await_removal(QueueId gone);

  Shard& shard_;
  ClientEvents& events_;
  const ClientId id_;
  const std::string vhost_;
  std::set<QueueId> exclusive_queues_;
  std::size_t sessions_open_ = 0;
  std::size_t declares_pending_ = 0;  // exclusive ones, whose queues would be orphans
  std::size_t deletes_pending_ = 0;
  std::set<ShardIndex> homes_;
  std::vector<std::pair<ShardIndex, WrittenBatch>> written_;
  std::function<void()> done_;
};

/// A channel incarnation. Operations complete in any order; the dialect issues them one at a time
/// where its protocol orders them. A completion is not called any more once close() was called.
class Session {
 public:
  Session(Client& client, SessionEvents& events);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  SessionId id() const { return id_; }
  Client& client() { return client_; }
  Publisher& publisher() { return publisher_; }

  // --- topology ---
  void declare_exchange(DeclareExchange what, Completion<void> done);
  void delete_exchange(DeleteExchange what, Completion<void> done);
  void change_binding(ChangeBinding what, Completion<void> done);
  void declare_queue(QueueDeclare what, Completion<QueueState> done);
  void change_queue(ChangeQueue what, Completion<void> done);
  /// The passive declare.
  void inspect_queue(const std::string& name, const Completion<QueueState>& done);
  /// Answers 0 when there is no such queue.
  void delete_queue(std::string name, DeleteQueue conditions, Completion<std::uint64_t> done);
  void purge_queue(std::string name, Completion<std::uint64_t> done, PurgeQueue what = {});

  // --- messages ---
  /// What `message` reaches from `exchange`; valid until the next call into the engine.
  std::span<Target* const> route(Exchange& exchange, const Message& message);
  /// Given that answer: is there no queue for it? (For a mandatory message.)
  bool unroutable(Exchange& exchange, const Message& message, std::span<Target* const> targets);
  /// `handle`: the caller's name for the consumer. Deliveries start after `done`.
  void consume(std::string queue, std::uint32_t handle, ConsumerOptions options,
               Completion<ConsumerId> done);
  /// `done` is called after the last delivery to it.
  void cancel(ConsumerId consumer, std::function<void()> done);
  /// nullopt in the result: the queue is empty.
  void get(std::string queue, bool no_ack, Completion<std::optional<GotMessage>> done);
  /// Some messages, under leases that end by themselves and not with the session; what was not
  /// reported written when it closes counts as never handed out. kRefused: too many are out.
  /// Returns what stop_receiving() takes.
  RequestId receive(std::string queue, ReceiveOptions options, Completion<ReceivedMessages> done);
  /// A request that waits need not wait any longer; it is answered all the same.
  void stop_receiving(const std::string& queue, RequestId request);
  /// Ends such leases, whoever received them: in the order of the tokens, answered when that would
  /// survive a crash.
  void settle_tokens(std::string queue, SettleTokens what, Completion<std::vector<TokenEnd>> done);
  /// Puts the ends of such leases off, or ends them.
  void extend_leases(std::string queue, ExtendLeases what, Completion<std::vector<TokenEnd>> done);
  /// How far the order to move the queue's messages has come; `cancel`: it ends with that.
  void inspect_move(const std::string& queue, bool cancel, const Completion<MoveProgressed>& done);
  /// Replies sent to (id(), the nonce returned) from now on reach on_direct_message(). 0 ends it.
  std::uint64_t accept_direct(bool on);
  /// Sends `message` to another session, wherever it is.
  void send_direct(SessionId to, std::uint64_t nonce, Message* message);
  void inspect_direct(SessionId to, std::uint64_t nonce, std::function<void(bool alive)> done);
  /// Ends leases; sent with flush().
  void settle(ConsumerId consumer, LeaseNumber first, LeaseNumber last, Settle how);
  void flush();

  /// Publishes and settlements that happen together or not at all. `done`: false when a queue
  /// refused, and then nothing was done.
  struct TransactionPublish {
    Message* message;
    std::vector<std::pair<ShardIndex, std::uint64_t>> targets;  // with their homes
  };
  void commit(std::vector<TransactionPublish> publishes, std::vector<SettleItem> settles,
              std::function<void(bool)> done);

  // --- channel-wide prefetch ---
  /// 0 = none. Consumers present and to come draw on it.
  void set_shared_prefetch(std::uint32_t limit);
  /// Changes the prefetch of the consumers that are there already.
  void set_prefetch(std::uint32_t prefetch);
  std::uint32_t shared_prefetch() const { return shared_limit_; }
  /// How many messages the channel holds unsettled; fewer of them may free shared credit.
  void set_unacked(std::uint64_t unacked);

  /// Ends the session: leases return. `done` when all homes have done so. The session may be
  /// destroyed afterwards, not before.
  void close(std::function<void()> done);
  bool closing() const { return closing_; }

 private:
  friend class Shard;
  using ReplyHandler = std::function<void(ReplyBody&)>;

  /// Finds the queue and asks its home; `missing` is called when it is not there or no longer
  /// there.
  /// Returns the request's id; 0: it was answered at once.
  RequestId ask_queue(const std::string& name, decltype(QueueRequest::what) what, ReplyHandler done,
                      std::function<void(QueueId gone)> missing);
  void ask_control(decltype(ControlRequest::what) what, ReplyHandler done);
  void ask_tokens(const std::string& queue, decltype(QueueRequest::what) what,
                  Completion<std::vector<TokenEnd>> done);
  void create_queue(QueueDeclare what, QueueId gone, Completion<QueueState> done);
  QueueDeclaration declaration(const QueueDeclare& what) const;
  EngineResult<void> check_access(const QueueEntry& entry) const;
  EngineError no_queue(const std::string& name) const;
  void token_wanted(ConsumerId consumer);
  void tokens_returned(std::uint32_t count);
  void delivered(const DeliveryRun& run, const DeliveryItem* items);
  void grant_tokens();

  Client& client_;
  Shard& shard_;
  SessionEvents& events_;
  const SessionId id_;
  Publisher publisher_;
  std::vector<std::pair<ShardIndex, SettleBatch>> settles_;
  std::set<ShardIndex> homes_;
  bool closing_ = false;
  bool asked_control_ = false;
  std::size_t closes_pending_ = 0;
  std::function<void()> closed_;
  std::uint32_t shared_limit_ = 0;
  std::uint64_t tokens_out_ = 0;
  std::uint64_t unacked_ = 0;
  std::deque<ConsumerId> wanting_;
  std::uint64_t direct_nonce_ = 0;
};

}  // namespace polymq::engine
