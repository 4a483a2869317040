// Everything that shards say to each other. A shard talks to itself the same way, so that one shard
// and many behave alike; mailboxes are FIFO for each pair of shards.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/consumer.h"
#include "engine/delivery.h"
#include "engine/error.h"
#include "engine/ids.h"
#include "engine/move_order.h"
#include "engine/queue.h"
#include "engine/topology.h"

namespace polymq::engine {

// --- to the home of queues and exchanges: the message path, in batches --------------------------

/// Work of several shards that is stored wholly or not at all; a part for each of them.
struct StoredUnit {
  std::uint64_t id = 0;  // 0: none
  std::uint32_t parts = 0;
};
struct PublishItem {
  std::uint64_t target;  // a queue, or an exchange with state
  Message* message;      // ownership of one reference goes along
  std::uint64_t sequence : 63;
  bool sure : 1 = false;  // see Publisher::publish_sure()
};
struct PublishBatch {
  SessionId from;
  std::uint64_t number = 0;  // 0: no answer wanted
  std::uint64_t bytes = 0;   // footprints of the messages, once for each queue that takes them
  StoredUnit unit = {};      // that it is a part of
  bool tell_places = false;  // in the answer
  std::vector<PublishItem> items;
};
struct SettleItem {
  ConsumerId consumer;
  LeaseNumber first;
  LeaseNumber last;
  Settle how;
};
struct SettleBatch {
  std::vector<SettleItem> items;
};
struct WrittenItem {
  ConsumerId consumer;
  LeaseNumber last;
  std::uint64_t bytes;  // footprints of the messages written, as handed over
};
struct WrittenBatch {
  ClientId client;
  std::vector<WrittenItem> items;
};

// --- to a queue's home: requests, each answered by one Reply ------------------------------------

/// Counts as use (a declare of an existing queue); nothing changes.
struct InspectQueue {};
struct PurgeQueue {
  /// What waits, and what is under leases that end by themselves, goes as well.
  bool everything = false;
};
struct DeleteQueue {
  bool if_unused = false;
  bool if_empty = false;
};
struct Consume {
  std::uint32_t handle;
  ConsumerOptions options;
  bool shared_credit;
};
struct CancelConsumer {
  ConsumerId consumer;
};
struct Get {
  bool no_ack;
};
/// Answered with Received.
struct Receive {
  ReceiveOptions options;
};
/// Nobody waits for that request's answer any more: if it has none yet, it is empty.
struct StopReceiving {
  RequestId receive;
};
/// Answered with TokensEnded, when that would survive a crash.
struct SettleTokens {
  std::vector<LeaseToken> tokens;
  Freshness freshness;
  Settle how;
};
/// Answered with TokensEnded.
struct ExtendLeases {
  std::vector<LeaseExtension> leases;
  Freshness freshness;
  std::int64_t most_ms;  // of a lease as a whole, since it began
};
/// How far an order to move its messages has come. Answered with MoveProgressed.
struct InspectMove {
  bool cancel = false;  // and it ends now
};
struct QueueRequest {
  RequestId request;
  SessionId session;
  ClientId client;
  QueueId queue;
  std::variant<InspectQueue, PurgeQueue, DeleteQueue, Consume, CancelConsumer, Get, Receive,
               StopReceiving, SettleTokens, ExtendLeases, InspectMove>
      what;
};
/// The session's leases return and its consumers end; what was handed over and not yet reported
/// written counts as never handed out.
struct CloseSession {
  RequestId request;
  SessionId session;
};
/// After all its sessions: the client's window is forgotten.
struct CloseClient {
  ClientId client;
};
/// Channel-wide prefetch was switched on or off for a session's consumers.
struct ShareCredit {
  SessionId session;
  bool on;
};
/// A new per-consumer prefetch for the consumers that a session has already.
struct SetPrefetch {
  SessionId session;
  std::uint32_t prefetch;
};
struct GrantToken {
  SessionId session;
  ConsumerId consumer;
};

// --- units: transactions over several homes -----------------------------------------------------

/// A home keeps its part and says whether it could apply it.
struct UnitPart {
  UnitId unit;
  std::vector<PublishItem> publishes;
  std::vector<SettleItem> settles;
};
struct UnitDecision {
  UnitId unit;
  bool apply;
  std::uint32_t parts = 1;  // homes that have one
};

// --- to control ---------------------------------------------------------------------------------
struct DeclareExchange {
  VhostId vhost;
  std::string name;
  std::string type;
  bool durable;
  bool auto_delete;
  bool internal;
  Fields arguments;
  /// May its maker make it with these arguments? A refusal is said only when there is none yet.
  EngineResult<void> permitted = {};
};
struct DeleteExchange {
  VhostId vhost;
  std::string name;
  bool if_unused;
};
struct DeclareQueue {
  VhostId vhost;
  std::string name;
  bool durable;
  bool auto_delete;
  ClientId client;  // who declares it
  ClientId owner;   // set: exclusive
  Fields arguments;
  /// Or why it cannot be made, which is said only when there is no queue of that name.
  EngineResult<std::shared_ptr<const QueueSettings>> settings;
  /// An incarnation that its home said is gone: wait for its removal.
  QueueId gone = 0;
};
/// Other arguments for a queue that is there. Those that it does not name stay as they are.
struct ChangeQueue {
  VhostId vhost = 0;
  std::string queue = {};
  Fields set = {};
  std::vector<std::string> clear = {};
  ClientId client = {};  // who asks: exclusive queues are their owner's only
  /// What the decision was made by: with other arguments than these it is refused. Null: any.
  std::shared_ptr<const Fields> expected = {};
};
struct ChangeBinding {
  VhostId vhost = 0;
  std::string source = {};
  std::string destination = {};
  bool to_exchange = false;
  std::string key = {};
  Fields arguments = {};
  ClientId client = {};  // who asks: exclusive queues are their owner's only
  bool add = true;
};
struct AddVhost {
  std::string name;
  std::string default_queue_type;
  VhostLimits limits;
};
struct RemoveVhost {
  std::string name;
};
/// Those of the configuration; what operators have set stays.
struct SetPolicies {
  std::string vhost;
  std::shared_ptr<const PolicySet> policies;
};
/// By an operator, in the place of the author's policy of that name. It is stored before it has any
/// effect; kRefused for one that the configuration fixes.
struct SetPolicy {
  PolicyAuthor author;
  Policy policy;
};
/// What an operator has set. kRefused for one of the configuration.
struct ClearPolicy {
  std::string vhost;
  PolicyAuthor author;
  std::string name;
};
struct ControlRequest {
  RequestId request;
  SessionId session;  // after one of its requests failed, its later ones are dropped
  std::variant<DeclareExchange, DeleteExchange, DeclareQueue, ChangeQueue, ChangeBinding, AddVhost,
               RemoveVhost, SetPolicies, SetPolicy, ClearPolicy>
      what;
};
/// A home has decided that a queue goes. `request` of shard `origin` is answered with `messages`
/// once all shards know; 0 when nobody asked.
struct RemoveQueue {
  QueueId queue;
  RequestId request;
  ShardIndex origin;
  std::uint64_t messages;
};
/// What became of an order, from the home of its queue.
struct MoveEnded {
  QueueId queue;
  std::string order;  // its id
  MoveState state;
  MoveFailure failure;
  std::int64_t moved;
};
struct RoundApplied {
  std::uint64_t round;
};
/// A session that asked control for something has ended.
struct ForgetSession {
  SessionId session;
};
/// To a home: the metadata has forgotten these queues, so that the store may.
struct ForgetStored {
  std::vector<QueueId> queues;
};
struct MemoryReport {
  std::int64_t message_bytes;
};

// --- from control to every shard ----------------------------------------------------------------
struct Round {
  std::uint64_t number;
  std::shared_ptr<const std::vector<Delta>> deltas;
  std::uint64_t kept;  // see RoundsKept
};
/// What the rounds up to this one say would be there after a crash, too.
struct RoundsKept {
  std::uint64_t round;
};
struct Alarm {
  bool on;
  bool disk = false;  // what is short: the disk, or memory
};

// --- to a session's shard -----------------------------------------------------------------------
/// Where a message went in its queue. A duplicate has its original's place.
struct PublishPlace {
  std::uint64_t sequence;
  Position position;
  MessageId original;  // all zero: it has none, or it is not a duplicate
  bool duplicate;
};
/// Batch `number` is done: stored where it had to be, but for the refused sequences.
struct PublishAnswer {
  SessionId to;
  std::uint64_t number;
  std::vector<std::uint64_t> rejected;
  std::vector<PublishPlace> places = {};  // of those that queues took, if asked for
};
/// A reply straight to the session that asked, past all queues. Dropped when it is gone.
struct DirectMessage {
  SessionId to;
  std::uint64_t nonce;  // proves that the sender was given the address
  Message* message;
};
/// Is that session still waiting for replies? Answered with QueueStatus or Missing.
struct InspectDirect {
  RequestId request;
  SessionId to;
  std::uint64_t nonce;
};
struct ConsumerGone {
  SessionId session;
  std::uint32_t handle;
};
struct TokenWanted {
  SessionId session;
  ConsumerId consumer;
};
struct TokensReturned {
  SessionId session;
  std::uint32_t count;
};
struct UnitPrepared {
  UnitId unit;
  bool ok;
};
struct UnitDone {
  UnitId unit;
  bool ok;
};

struct Done {};
/// The queue is deleting or gone: ask control.
struct Missing {};
struct QueueStatus {
  std::uint64_t messages = 0;  // ready
  std::uint64_t consumers = 0;
  std::uint64_t leased = 0;
  std::uint64_t delayed = 0;
};
struct Removed {
  std::uint64_t messages;
};
struct Consuming {
  ConsumerId consumer;
};
struct Got {
  std::optional<DeliveryItem> item;
  ConsumerId consumer;
  LeaseNumber lease;
  std::uint64_t ready;  // what is left
  std::uint64_t bytes;  // the message's footprint: it is gone if its session closed meanwhile
};
struct Received {
  std::vector<ReceivedItem> items;
  ConsumerId consumer;      // to be reported written with its one lease
  QueueId queue = 0;        // what tokens are good for
  std::uint64_t bytes = 0;  // the messages' footprints
  bool repeated = false;    // by an attempt that was answered before
};
/// In the order of the tokens.
struct TokensEnded {
  std::vector<TokenEnd> ends;
};
struct MoveProgressed {
  std::uint64_t moved = 0;
  bool running = false;
};
struct QueueDeclared {
  QueueId queue;
  bool created;
};
using ReplyBody = std::variant<Done, Missing, QueueStatus, Removed, Consuming, Got, Received,
                               TokensEnded, MoveProgressed, QueueDeclared, EngineError>;
struct Reply {
  RequestId request;
  ReplyBody body;
};

using Mail = std::variant<PublishBatch, SettleBatch, WrittenBatch, DeliveryBatch, PublishAnswer,
                          QueueRequest, Reply, CloseSession, CloseClient, ShareCredit, SetPrefetch,
                          GrantToken, TokenWanted, TokensReturned, UnitPart, UnitDecision,
                          UnitPrepared, UnitDone, ControlRequest, RemoveQueue, MoveEnded, Round,
                          RoundsKept, RoundApplied, ForgetSession, MemoryReport, Alarm,
                          ForgetStored, ConsumerGone, DirectMessage, InspectDirect>;

/// Footprints of the messages that are the receiver's work now.
inline std::uint64_t message_bytes(const Mail& mail) {
  if (const auto* publishes = std::get_if<PublishBatch>(&mail)) return publishes->bytes;
  std::uint64_t bytes = 0;
  if (const auto* deliveries = std::get_if<DeliveryBatch>(&mail)) {
    for (const DeliveryRun& run : deliveries->runs) bytes += run.bytes;
  } else if (const auto* direct = std::get_if<DirectMessage>(&mail)) {
    bytes = direct->message->footprint();
  }
  return bytes;
}

/// Bytes that a report frees, if nothing depends on it as long as they are few: mail that need not
/// wake anybody up. 0 for all other mail.
inline std::uint64_t reported_bytes(const Mail& mail) {
  const auto* written = std::get_if<WrittenBatch>(&mail);
  if (written == nullptr) return 0;
  std::uint64_t bytes = 0;
  for (const WrittenItem& item : written->items) bytes += item.bytes;
  return bytes;
}

/// Mail with the sender's topology version: a receiver that is behind keeps it until it has caught
/// up.
struct Envelope {
  std::uint64_t round = 0;
  Mail mail;
};

/// Carries mail between shards, FIFO for each pair; never refuses.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual void send(ShardIndex to, Envelope envelope) = 0;
};

/// How a part of a shard sends: to other shards, or to its own shard's queue of mail.
class Mailer {
 public:
  virtual ~Mailer() = default;
  virtual void send(ShardIndex to, Mail mail) = 0;
  virtual ShardIndex self() const = 0;
  virtual ShardIndex shard_count() const = 0;
};

}  // namespace polymq::engine
