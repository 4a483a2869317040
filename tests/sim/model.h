// What must be true of messages, seen from outside the engine: every copy of every message in every
// queue, from its publish to its settlement.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/delivery.h"
#include "engine/message.h"
#include "engine/queue.h"
#include "engine/topology.h"
#include "event_log.h"
#include "workload.h"

namespace polymq::sim {

using MessageId = std::uint64_t;

/// A copy of a message in a queue's incarnation. `path` tells copies apart that came back by way of
/// dead lettering: a hash of the broker's record of deaths, 0 without any.
struct CopyKey {
  MessageId message;
  engine::QueueId queue;
  std::uint64_t path;
  auto operator<=>(const CopyKey&) const = default;
};

/// The publishes of one transaction.
struct Unit {
  enum class Outcome : std::uint8_t { kPending, kApplied, kRefused, kUnknown };
  Outcome outcome = Outcome::kPending;
  std::vector<MessageId> messages;
};

/// A message as it was published.
struct Published {
  engine::SessionId by = {};
  std::uint64_t order = 0;  // among those of its channel
  int priority = 0;
  std::string exchange = {};
  std::string routing_key = {};
  std::size_t body_size = 0;
  bool own_ttl = false;
  std::shared_ptr<Unit> unit = {};
  bool refused = false;  // and its publisher was told

  bool told_refused() const {
    return refused || (unit && unit->outcome == Unit::Outcome::kRefused);
  }
};

/// How a copy comes back to its queue, as far as its two counters are concerned.
enum class Return : std::uint8_t { kUnwritten, kWritten, kFailed };

class Model {
 public:
  explicit Model(const Workload& workload) : workload_(workload) {}

  // --- publishing ---
  /// Writes `id`'s bytes into a body, by which it is known again.
  static void fill_body(MessageId id, char* body, std::size_t size);
  MessageId published(Published message);
  /// It was routed to that queue. `answered`: its publisher will hear if the queue refuses it.
  void routed(MessageId id, const engine::QueueEntry& entry, bool answered);
  void confirmed(MessageId id, bool positively);
  /// Nobody is told what became of it: it asked for no confirm, or its channel closed before.
  void unconfirmed(MessageId id);
  const Published& message(MessageId id) const { return messages_.at(id); }
  /// A channel that was handed messages of `queue` closes: all that are published until it is
  /// closed may come back unmarked, so that a consumer sees them behind later ones.
  void disorder_begins(engine::QueueId queue) { ++disordering_[queue]; }
  void disorder_ends(engine::QueueId queue) {
    --disordering_[queue];
    disordered_[queue] = next_;
  }
  bool may_be_disordered(MessageId id, engine::QueueId queue) const;

  // --- the life of a copy ---
  /// A consumer was handed it. Checks the body, that it may be there, that nobody else has it, and
  /// its counters. `queue`: where it came from.
  CopyKey delivered(const engine::DeliveryItem& item, engine::QueueId queue);
  /// Its holder acknowledged it, or rejected it for good (`discarded`).
  void settled(const CopyKey& key, bool discarded);
  /// Its bytes are still what they were: it is lent until it is reported written.
  void check_lent(const engine::Message& message, const CopyKey& key) const;
  void returned(const CopyKey& key, Return how);
  /// A transaction settled it, and whether that happened is not known (yet).
  void in_doubt(const CopyKey& key);
  void doubt_ends(const CopyKey& key, Unit::Outcome outcome, engine::Settle how);
  void purged(engine::QueueId queue);
  /// What a queue may send its rejected messages to must be known to be checked.
  void dead_letter_target(engine::QueueId source, const engine::QueueEntry* target);

  // --- direct messages ---
  void sent_directly(MessageId id) { direct_.insert(id); }
  void received_directly(const engine::Message& message);

  // --- queues ---
  void queue_seen(const engine::QueueEntry& entry);
  /// Somebody does what may remove it: deletes it, or ends its owner.
  void may_vanish(engine::QueueId queue);
  /// Some queue of that name may have been removed.
  bool name_vanished(const std::string& name) const { return vanished_names_.contains(name); }
  void owner_ends(engine::ClientId owner) { ended_owners_.insert(owner); }
  const std::string& queue_name(engine::QueueId queue) const { return queues_.at(queue).name; }
  bool knows_queue(engine::QueueId queue) const { return queues_.contains(queue); }

  /// At the end, with nothing under way and nothing held: `alive` are the queues that are left (and
  /// `vhosts` likewise), and all that was in them has been delivered by then.
  void check_end(const std::set<engine::QueueId>& alive,
                 const std::set<engine::VhostId>& vhosts) const;

 private:
  enum class State : std::uint8_t { kIn, kHeld, kInDoubt, kSettled };
  struct Copy {
    State state = State::kIn;
    bool may_drop = false;
    bool uncertain = false;  // its counters are not known
    bool seen = false;
    std::uint16_t taken = 0;
    std::uint16_t failed = 0;
  };
  struct QueueRecord {
    std::string name;
    engine::VhostId vhost;
    engine::ClientId owner;
    const QueueKind* kind;
  };

  MessageId checked_body(const engine::Message& message) const;
  Copy& copy_of(const CopyKey& key);
  void check_counters(const CopyKey& key, const Copy& copy, const engine::DeliveryItem& item) const;
  void check_units(const std::set<engine::QueueId>& alive) const;
  void check_dead_letters(const std::set<engine::QueueId>& alive) const;

  const Workload& workload_;
  MessageId next_ = 1;
  std::map<MessageId, Published> messages_;
  std::map<CopyKey, Copy> copies_;
  std::map<engine::QueueId, QueueRecord> queues_;
  std::map<engine::QueueId, MessageId> disordered_;
  std::map<engine::QueueId, unsigned> disordering_;
  std::map<engine::QueueId, engine::QueueId> dead_letter_targets_;
  std::set<engine::QueueId> may_vanish_;
  std::set<std::string> vanished_names_;
  std::set<engine::ClientId> ended_owners_;
  // By message and target queue: dead letters that must have arrived, and that did.
  std::map<std::pair<MessageId, engine::QueueId>, std::uint64_t> dead_expected_;
  std::map<std::pair<MessageId, engine::QueueId>, std::uint64_t> dead_seen_;
  std::set<MessageId> direct_;  // sent and not received
};

}  // namespace polymq::sim
