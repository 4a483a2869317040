// What is declared: vhosts, exchanges, bindings, queues and their places. Every shard has a
// replica, changed only by numbered deltas, and routes from it.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/string_map.h"
#include "engine/deduplication_window.h"
#include "engine/exchange/matcher.h"
#include "engine/exchange/types.h"
#include "engine/ids.h"
#include "engine/message.h"
#include "engine/policy.h"
#include "engine/queue_arguments.h"
#include "storage/message_store.h"

namespace polymq::engine {

class Queue;
struct Exchange;
struct QueueEntry;
struct Vhost;

/// Identity within a source: all fields. `arguments` are sorted by name, so that order tells
/// nothing.
struct BindingKey {
  Destination destination;
  std::string key;
  Fields arguments;
  bool operator==(const BindingKey&) const = default;
};

/// Where routing hands a message over: a queue, or an exchange whose state lives on one shard,
/// where routing goes on.
struct Target {
  std::uint64_t id = 0;  // the queue's or the exchange's: they share one sequence
  ShardIndex home = 0;
  Exchange* exchange = nullptr;  // null: it is a queue
  std::uint64_t route_mark = 0;  // the last routing that reached it

  /// Null for an exchange.
  QueueEntry* queue();
};

/// A queue as every shard knows it.
struct QueueEntry : Target {
  Vhost* vhost = nullptr;
  std::string name;
  bool durable = false;
  bool auto_delete = false;
  storage::Lane lane = 0;   // of its messages in the store
  std::uint64_t round = 0;  // in which it was declared
  ClientId owner;           // the connection that an exclusive queue belongs to, else none
  std::shared_ptr<const Fields> arguments;
  std::shared_ptr<const QueueSettings> declared;   // from its arguments
  std::shared_ptr<const QueueSettings> effective;  // with policies
  std::vector<Exchange*> sources;                  // exchanges with a binding to it, each once
  std::unique_ptr<Queue> local;                    // the queue itself, on its home shard only

  bool exclusive() const { return static_cast<bool>(owner); }
  /// Does it outlive the process, with its persistent messages?
  bool stored() const { return durable && !exclusive(); }
  ~QueueEntry();
};

inline QueueEntry* Target::queue() {
  return exchange == nullptr ? static_cast<QueueEntry*>(this) : nullptr;
}

struct Exchange {
  ExchangeId id = 0;
  Vhost* vhost = nullptr;
  std::string name;
  std::string type;
  bool durable = false;
  bool auto_delete = false;
  bool internal = false;
  Fields arguments;
  std::string alternate;  // effective name: argument, else policy; empty = none
  StatefulKind stateful = StatefulKind::kNone;
  std::optional<DeduplicationLimits> deduplication;
  /// How messages get to its home; only if it has state of any kind.
  std::unique_ptr<Target> inlet;
  std::unique_ptr<Matcher> matcher;
  /// Destination id, then key, then the arguments of each of the (mostly one) bindings.
  boost::unordered_flat_map<std::uint64_t, StringMap<std::vector<Fields>>> bindings;
  std::size_t binding_count = 0;
  std::vector<Exchange*> sources;  // exchanges with a binding to it, each once
  bool is_default() const { return name.empty(); }

  /// Answers by routing key, kept while nothing that they depend on changes.
  StringMap<std::vector<Target*>> routes;
  /// Counted where messages are published (a replica counts its own shard's).
  std::uint64_t published_in = 0;
  std::uint64_t published_out = 0;
  /// Of what was published to it: reached nothing, and was mandatory or not.
  std::uint64_t returned_unroutable = 0;
  std::uint64_t dropped_unroutable = 0;
};

struct VhostLimits {
  std::optional<std::uint64_t> max_queues;
  bool operator==(const VhostLimits&) const = default;
};

struct Vhost {
  VhostId id = 0;
  std::string name;
  std::string default_queue_type;
  VhostLimits limits;
  StringMap<std::unique_ptr<Exchange>> exchanges;
  StringMap<std::unique_ptr<QueueEntry>> queues;
  std::shared_ptr<const PolicySet> policies;
  std::uint64_t confirmed = 0;  // publishes, counted where their connection is
};

/// One change. Deltas carry all that a replica needs; applying them cannot fail.
struct VhostAdded {
  VhostId id;
  std::string name;
  std::string default_queue_type;
  VhostLimits limits;
};
struct VhostChanged {
  VhostId id;
  std::string default_queue_type;
  VhostLimits limits;
};
struct VhostRemoved {
  VhostId id;
};
struct ExchangeAdded {
  ExchangeId id;
  VhostId vhost;
  std::string name;
  std::string type;
  bool durable;
  bool auto_delete;
  bool internal;
  Fields arguments;
  ShardIndex home = 0;  // of its state, if it has any
};
struct ExchangeRemoved {
  ExchangeId id;
};
struct QueueAdded {
  QueueId id;
  VhostId vhost;
  std::string name;
  ShardIndex home;
  bool durable;
  bool auto_delete;
  ClientId owner;
  std::shared_ptr<const Fields> arguments;
  std::shared_ptr<const QueueSettings> settings;
  storage::Lane lane = 0;
};
/// Other arguments than it was declared with.
struct QueueChanged {
  QueueId id;
  std::shared_ptr<const Fields> arguments;
  std::shared_ptr<const QueueSettings> settings;
};
struct QueueRemoved {
  QueueId id;
};
struct BindingAdded {
  ExchangeId source;
  BindingKey binding;
};
struct BindingRemoved {
  ExchangeId source;
  BindingKey binding;
};
struct PoliciesSet {
  VhostId vhost;
  std::shared_ptr<const PolicySet> policies;
};
using Delta =
    std::variant<VhostAdded, VhostChanged, VhostRemoved, ExchangeAdded, ExchangeRemoved, QueueAdded,
                 QueueChanged, QueueRemoved, BindingAdded, BindingRemoved, PoliciesSet>;

/// What a shard does with its own queues and stateful exchanges when the replica changes.
class TopologyObserver {
 public:
  virtual ~TopologyObserver() = default;
  virtual void queue_added(QueueEntry& entry) = 0;
  /// Still in the replica, about to go.
  virtual void queue_removed(QueueEntry& entry) = 0;
  virtual void queue_settings_changed(QueueEntry& entry) = 0;
  virtual void exchange_added(Exchange& exchange) = 0;
  virtual void binding_added(Exchange& source, Destination destination) = 0;
  virtual void exchange_removed(Exchange& exchange) = 0;
  virtual void vhost_removed(Vhost& vhost) = 0;
};

/// Shard: each has its own. Cost of a delta: O(1) but for what it removes.
class Topology {
 public:
  explicit Topology(TopologyObserver& observer);
  ~Topology();
  Topology(const Topology&) = delete;
  Topology& operator=(const Topology&) = delete;

  void apply(const Delta& delta);
  /// The round that the next deltas belong to.
  void begin_round(std::uint64_t round) { round_ = round; }
  /// Grows with each applied delta; what was looked up before may be stale afterwards.
  std::uint64_t version() const { return version_; }

  Vhost* vhost(std::string_view name);
  Vhost* vhost(VhostId id);
  Exchange* exchange(const Vhost& vhost, std::string_view name);
  Exchange* exchange(ExchangeId id);
  QueueEntry* queue(const Vhost& vhost, std::string_view name);
  QueueEntry* queue(QueueId id);
  /// The auto-delete exchanges that lost their last binding as source since the last call.
  std::vector<ExchangeId> take_unused_exchanges() { return std::move(unused_exchanges_); }
  bool has_binding(const Exchange& source, const BindingKey& binding) const;

  /// What a message published to `exchange` reaches, each once, through exchange-to-exchange
  /// bindings and alternate exchanges: queues first, then exchanges that have to do with the
  /// message at their home before it goes on. `more_keys`: CC and BCC. The answer is valid until
  /// the next call of a route function or apply(). `random`: fresh entropy.
  std::span<Target* const> route(Exchange& exchange, std::string_view key,
                                 std::span<const std::string> more_keys, const MessageView& message,
                                 std::uint64_t random);
  /// What a message reaches from `exchange` once that has done with it, at its home, but for what
  /// it reached on its way there (`passed`: the ids of targets).
  std::span<Target* const> route_onward(Exchange& exchange, std::string_view key,
                                        std::span<const std::string> more_keys,
                                        const MessageView& message, std::uint64_t random,
                                        std::span<const std::uint64_t> passed);
  /// Would a message reach a queue if no exchange dropped it? One that is held counts as routed.
  /// The last answer of route() stays valid.
  bool leads_to_queue(Exchange& exchange, std::string_view key,
                      std::span<const std::string> more_keys, const MessageView& message,
                      std::uint64_t random);

  const StringMap<std::unique_ptr<Vhost>>& vhosts() const { return vhosts_; }
  std::size_t queue_count() const { return queues_.size(); }

 private:
  void operator()(const VhostAdded& delta);
  void operator()(const VhostChanged& delta);
  void operator()(const VhostRemoved& delta);
  void operator()(const ExchangeAdded& delta);
  void operator()(const ExchangeRemoved& delta);
  void operator()(const QueueAdded& delta);
  void operator()(const QueueChanged& delta);
  void operator()(const QueueRemoved& delta);
  void operator()(const BindingAdded& delta);
  void operator()(const BindingRemoved& delta);
  void operator()(const PoliciesSet& delta);

  void remove_bindings_to(Exchange& source, Destination destination);
  void unlink(Exchange& source, Destination destination);
  void bindings_gone(Exchange& source);
  void apply_policies(QueueEntry& entry);
  void apply_policies(Exchange& exchange);
  /// Forgets cached routes of `exchange` and of all from which messages can reach it.
  void forget_routes(Exchange& exchange);
  enum class Walk : std::uint8_t {
    kRoute,   // stops at exchanges with state
    kOnward,  // the same, but not at the first
    kProbe,   // stops only where messages are held
  };
  bool stops(const Exchange& exchange, bool first, Walk how, const MessageView& message,
             bool& cacheable) const;
  void walk(Exchange& start, std::string_view key, std::span<const std::string> more_keys,
            const MessageView& message, std::uint64_t random, Walk how, bool& cacheable);
  void visit(Exchange& exchange);
  void reach(Target& target);

  TopologyObserver& observer_;
  std::uint64_t round_ = 0;
  std::uint64_t version_ = 0;
  StringMap<std::unique_ptr<Vhost>> vhosts_;
  boost::unordered_flat_map<VhostId, Vhost*> vhosts_by_id_;
  boost::unordered_flat_map<ExchangeId, Exchange*> exchanges_;
  boost::unordered_flat_map<QueueId, QueueEntry*> queues_;
  std::vector<ExchangeId> unused_exchanges_;
  std::size_t alternates_ = 0;  // exchanges that have an alternate

  // Scratch of route(): kept to save allocations.
  std::uint64_t route_mark_ = 0;
  std::vector<Exchange*> to_visit_;
  std::vector<Target*> reached_;
  std::vector<Target*> inlets_;
  std::vector<Destination> matched_;
};

}  // namespace polymq::engine
