// What must be true of messages, seen from outside the engine: every copy of every message in every
// queue, from its publish to its settlement.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/delivery.h"
#include "engine/message.h"
#include "engine/queue.h"
#include "engine/topology.h"
#include "event_log.h"
#include "leases.h"
#include "workload.h"

namespace polymq::sim {

/// Tells copies of a message apart that came back by way of dead lettering: a hash of the broker's
/// record of deaths, 0 without any. Where a crash may double them, they differ in the time.
std::uint64_t path_of(const engine::Message& message);

/// The publishes of one transaction.
struct Unit {
  enum class Outcome : std::uint8_t { kPending, kApplied, kRefused, kUnknown };
  Outcome outcome = Outcome::kPending;
  std::vector<MessageId> messages;
  /// Some go through exchanges that remember, where they may be refused while others stay.
  bool goes_onward = false;
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
  bool persistent = false;
  std::shared_ptr<Unit> unit = {};
  std::uint64_t refused = UINT64_MAX;  // the tick at which its publisher was told so
  bool answered = false;               // its publisher hears what becomes of it
  std::int64_t wait_ms = -1;           // its own delay in its queue; -1: what the queue says

  // Of exchanges that remember: the one of settled_exchanges() that it passes, and what it asks
  // there; or it goes by ways that nobody knows, and may arrive several times, or never.
  std::string via = {};
  std::int64_t delay_ms = 0;
  std::string deduplication = {};
  std::string group = {};
  bool loose = false;
  bool forgotten = false;         // kRecent knows it no more since some restart
  engine::QueueId origin = 0;     // of those that move: where it came first
  engine::Position position = 0;  // where it was put, as its publisher was told
  bool duplicate = false;         // its publisher was told so
  // It was published at `published`, and at its first home (if it was safe at all) at `safe`.
  struct Moment {
    WallMs wall = kNever;
    std::uint64_t tick = UINT64_MAX;
  };
  Moment published = {};
  Moment safe = {};

  bool told_refused() const {
    return refused != UINT64_MAX || (unit && unit->outcome == Unit::Outcome::kRefused);
  }
};

/// A message as the disk has it when a life of the node has ended.
struct FoundMessage {
  MessageId id;
  std::uint64_t path;
  engine::QueueId queue;
  std::uint16_t acquired;
  std::uint16_t failed;
  bool marked;  // it may have been delivered, says the disk
  /// The queue that it was dead-lettered in, if there was only one.
  std::string died_in = {};
  engine::Position position = 0;
  WallMs enqueued = 0;
  std::optional<storage::Lease> lease = {};  // it is out under it
};

/// A message that an exchange holds when a life of the node has ended.
struct FoundHeld {
  MessageId id;
  std::string exchange;
  WallMs due;
};

/// What is left of a life of the node.
struct Remains {
  std::vector<FoundMessage> messages = {};  // of these queues, in order of position
  std::set<engine::QueueId> queues = {};
  std::vector<FoundHeld> held = {};
  /// Where they are known (as of place_of()), and their hashes.
  std::set<std::pair<std::string, std::string>> ids = {};
  std::vector<MessageId> history = {};  // of kRecent, oldest first
  WallMs now = 0;
  /// All was stored, and nothing under way.
  bool at_rest = false;
  /// At some time nothing was stored any more: deliveries went on without their marks.
  bool broken = false;
};

/// Where ids are looked at, by name: the exchange, or a queue.
inline std::string place_of(const ExchangeKind& exchange) { return std::string(exchange.name); }
inline std::string place_of(engine::QueueId queue) { return "#" + std::to_string(queue); }
/// How the engine keeps an id.
std::string hash_of_id(const std::string& id);

/// How a copy comes back to its queue, as far as its two counters are concerned.
enum class Return : std::uint8_t { kUnwritten, kWritten, kFailed };

class Model {
 public:
  explicit Model(const Workload& workload) : workload_(workload) {}

  // --- publishing ---
  /// Writes `id`'s bytes into a body, by which it is known again.
  static void fill_body(MessageId id, char* body, std::size_t size);
  /// 0: it is too short to have one.
  static MessageId id_of(const engine::Message& message);
  MessageId published(Published message);
  std::uint64_t publishes() const { return next_ - 1; }
  /// It was routed to that queue. `answered`: its publisher will hear if the queue refuses it.
  void routed(MessageId id, const engine::QueueEntry& entry, bool answered);
  void confirmed(MessageId id, bool positively);
  /// It has come to its first home by now, and is safe there.
  void is_safe(MessageId id, WallMs now) { messages_.at(id).safe = {now, ++tick_}; }
  /// It goes by ways that nobody knows.
  void goes_astray(MessageId id);
  /// It goes through that exchange of settled_exchanges().
  void goes_through(MessageId id, const ExchangeKind& exchange);
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
  /// A queue with groups handed it to `holder`, for the first time or again. Checks that nobody
  /// else has something of its group, and that groups begin in order.
  using Holder = std::pair<std::uint64_t, std::uint64_t>;
  void check_group(const CopyKey& key, Holder holder, bool again);
  // --- leases that end by themselves: model_receive.cc ---
  void time_is(WallMs now) { now_ = now; }
  std::uint64_t tick() { return ++tick_; }
  /// A receive begins. Until it has ended, its attempt may be answered again.
  void poll_begins(Asked& asked);
  void poll_ends(const Asked& asked, bool repeated);
  /// Its channel closes: what it may have been handed goes back, perhaps after its lease ended.
  void poll_closes(const Asked& asked) { ++blind_[asked.queue]; }
  void poll_is_closed(const Asked& asked);
  struct Taken {
    CopyKey key;
    bool late;   // its lease has ended since
    bool again;  // somebody was handed it before
    bool anew;   // and nobody under the same token; and its lease has not ended
  };
  Taken received(const engine::ReceivedItem& item, const Asked& asked, bool repeated);
  /// Those of an answer that was no repetition, which may be asked for once more.
  void note_attempt(const Asked& asked, const std::vector<HandOut>& items);
  /// The channel closed before it was written.
  void unwritten(const HandOut& hand_out);
  void asks(TokenRequest& request);
  void answered(const TokenRequest& request, engine::TokenEnd end);
  /// The channel has closed, and nobody heard what became of it.
  void never_answered(const TokenRequest& request);
  /// The publisher was told where it is.
  void placed(MessageId id, engine::QueueId queue, engine::Position position, bool duplicate);
  /// How many messages of a queue are handed out, with nothing under way.
  struct Out {
    std::uint64_t least = 0;
    std::uint64_t most = 0;
  };
  Out out_of(engine::QueueId queue) const;
  /// All leases have ended.
  void leases_are_over();
  void check_windows() const;

  /// Its holder acknowledged it, or rejected it for good (`discarded`).
  void settled(const CopyKey& key, bool discarded);
  /// Its bytes are still what they were: it is lent until it is reported written.
  void check_lent(const engine::Message& message, const CopyKey& key) const;
  /// It was written to its holder's socket.
  void sent(const CopyKey& key) { copies_.at(key).sent = true; }
  void returned(const CopyKey& key, Return how);
  /// A transaction settled it, and whether that happened is not known (yet).
  /// `goes`: it is gone then, not back in its queue.
  void in_doubt(const CopyKey& key, const std::shared_ptr<const Unit>& by, bool goes);
  void doubt_ends(const CopyKey& key, const Unit* by, engine::Settle how, Unit::Outcome outcome);
  void purge_begins(engine::QueueId queue) { ++purges_[queue]; }
  void purge_ends(engine::QueueId queue) { --purges_[queue]; }
  /// Some other purge may have taken what came since.
  bool is_purged(engine::QueueId queue) const {
    const auto known = purges_.find(queue);
    return known != purges_.end() && known->second != 0;
  }
  void purged(engine::QueueId queue);
  /// Messages that nobody holds or has settled, and that leave the queue by nothing but that.
  std::vector<MessageId> waiting_in(engine::QueueId queue) const;
  /// What a queue may send its rejected messages to must be known to be checked.
  void dead_letter_target(engine::QueueId source, const engine::QueueEntry* target);

  // --- exchanges that remember ---
  /// From now on a message that goes through `exchange` comes to `queue`.
  void bound(const ExchangeKind& exchange, const engine::QueueEntry& queue);
  /// `queue`, which is new, is about to be bound to kRecent, and (bound_to_recent) has been.
  void binding_to_recent(const engine::QueueEntry& queue);
  void bound_to_recent(engine::QueueId queue) { histories_.at(queue).bound = ++tick_; }
  /// Both went through kDelaying: does `first` leave it before `second`?
  bool leaves_before(MessageId first, MessageId second) const;

  // --- direct messages ---
  void sent_directly(MessageId id) { direct_.insert(id); }
  void received_directly(const engine::Message& message);

  // --- queues ---
  void queue_seen(const engine::QueueEntry& entry);
  void queue_kept(engine::QueueId queue, const std::string& name, engine::VhostId vhost) {
    queues_.try_emplace(queue, QueueRecord{name, vhost, {}, &kind_of(name)});
  }
  /// Somebody does what may remove it: deletes it, or ends its owner.
  void may_vanish(engine::QueueId queue);
  void vhost_may_vanish(engine::VhostId vhost) { ending_vhosts_.insert(vhost); }
  bool vhost_is_ending(engine::VhostId vhost) const { return ending_vhosts_.contains(vhost); }
  /// Some queue of that name may have been removed.
  bool name_vanished(const std::string& name) const { return vanished_names_.contains(name); }
  void owner_ends(engine::ClientId owner) { ended_owners_.insert(owner); }
  const std::string& queue_name(engine::QueueId queue) const { return queues_.at(queue).name; }
  bool knows(const CopyKey& key) const { return copies_.contains(key); }
  bool knows_queue(engine::QueueId queue) const { return queues_.contains(queue); }

  // --- restarts ---
  /// The node has died, and this is what is left: is all there that was promised, and nothing that
  /// may not be? From now on what is there is what must be there.
  void restarted(const Remains& remains);
  /// No client of the life before can say anything any more.
  void clients_are_gone();

  /// At the end, with nothing under way and nothing held: `alive` are the queues that are left (and
  /// `vhosts` likewise), and all that was in them has been delivered by then.
  void check_end(const std::set<engine::QueueId>& alive,
                 const std::set<engine::VhostId>& vhosts) const;

 private:
  enum class State : std::uint8_t { kIn, kHeld, kInDoubt, kSettled, kGone };
  struct Lease {
    engine::LeaseToken token = {};
    // It ends by itself in between, and began in between.
    WallMs earliest = 0;
    WallMs latest = 0;
    WallMs begun_first = 0;
    WallMs begun_last = 0;
    WallMs outlived = kNever;  // when its queue may have kept the message for long enough
    std::string attempt = {};
    unsigned receivers = 1;  // who were handed it under the same token
    unsigned returns = 0;    // ends of it that were asked for
    std::uint64_t told = 0;  // the tick at which its holder was, as it is now; 0: it was stored
  };
  struct Copy {
    State state = State::kIn;
    std::shared_ptr<const Unit> doubt = {};  // whose end decides
    bool doubt_goes = false;                 // it is gone then
    bool may_drop = false;
    bool uncertain = false;  // its counters are not known
    bool seen = false;
    std::uint16_t taken = 0;
    std::uint16_t failed = 0;
    // About leases that end by themselves.
    std::uint16_t taken_more = 0;     // that many times it may have been taken beside those,
    std::uint16_t failed_more = 0;    // and have failed
    std::uint16_t out = 0;            // the number of its last hand-out
    std::optional<Lease> lease = {};  // it is held under it, if it is held
    std::uint64_t holds = 0;          // tells times of being held
    unsigned deletes = 0;             // under way
    unsigned in_flight = 0;           // all that is asked
    std::uint64_t asks = 0;
    std::uint64_t settled_at = 0;
    WallMs first_seen = kNever;
    WallMs first_lease = 0;  // as a receiver was told in this life
    std::uint64_t seen_tick = 0;
    bool perhaps_deleted = false;  // nobody heard
    bool left_for_good = false;    // it has been seen as a dead letter
    engine::QueueId place = 0;     // of one that moves: where it is, as far as is known
    // About restarts.
    bool sent = false;              // to some socket
    bool marked = false;            // as perhaps delivered, by a life before
    bool found = false;             // after a restart
    bool discarded = false;         // rejected for good
    bool purged = false;            // perhaps
    bool settled_for_good = false;  // and its holder was told so
  };
  using OnDisk = std::map<CopyKey, const FoundMessage*>;
  using Held = std::map<MessageId, const FoundHeld*>;
  struct QueueRecord {
    std::string name;
    engine::VhostId vhost;
    engine::ClientId owner;
    const QueueKind* kind;
  };

  /// A queue bound to kRecent, and what was seen of it, in its order.
  struct History {
    std::uint64_t asked = 0;
    std::uint64_t bound = UINT64_MAX;
    std::vector<MessageId> seen = {};
  };
  /// Those that a deduplicating exchange, or queue, takes for one message.
  struct Doubles {
    const ExchangeKind* exchange = nullptr;
    engine::QueueId queue = 0;  // without an exchange
    std::vector<MessageId> messages = {};
  };

  // model_restart.cc
  OnDisk index(const Remains& remains) const;
  void check_found(const CopyKey& key, const FoundMessage& found, const Remains& remains) const;
  void check_missing(const CopyKey& key, const Copy& copy, const OnDisk& on_disk,
                     const Remains& remains) const;
  void check_mark(const CopyKey& key, const Copy& copy, const FoundMessage& found,
                  const Remains& remains) const;
  /// Somebody wants it gone, or it goes by itself: what is sent there may be dropped already.
  bool may_be_ending(engine::QueueId queue) const;
  bool surely_stored(const CopyKey& key, const Copy& copy, const Remains& remains) const;
  void check_stored_order(const Remains& remains) const;
  void check_stored_units(const OnDisk& on_disk, const Held& held, const Remains& remains) const;
  void check_two_places(const OnDisk& on_disk, const Remains& remains) const;
  void note_letters(const OnDisk& on_disk, const Remains& remains);
  void note_letter(MessageId id, const std::string& died_in, std::uint64_t path);
  bool letter_arrived(MessageId id, engine::QueueId target, const OnDisk& on_disk) const;
  engine::QueueId queue_called(std::string_view name, const std::set<engine::QueueId>& there) const;
  void take_over(const OnDisk& on_disk, const Remains& remains);

  // model_restart_leases.cc
  /// It is out under a lease of which all is known, and that has not ended.
  bool surely_out(const CopyKey& key, const Copy& copy, WallMs now) const;
  bool surely_stored(const CopyKey& key, const Lease& lease, const Remains& remains) const;
  void check_stored_lease(const CopyKey& key, const Lease& lease, const FoundMessage& found) const;
  void check_stored_leases(const OnDisk& on_disk, const Remains& remains) const;
  /// If it is out by what is stored, it is so in the next life.
  void take_over_lease(const CopyKey& key, Copy& copy, const FoundMessage& found);

  // model_restart_exchanges.cc
  Held index_held(const Remains& remains) const;
  void check_held(const OnDisk& on_disk, const Held& held) const;
  /// It came to that queue, and did so for good.
  bool came_to(MessageId id, engine::QueueId queue, const OnDisk& on_disk) const;
  bool has_arrived(MessageId id, const OnDisk& on_disk, const Held& held) const;
  void check_arrivals(const OnDisk& on_disk, const Held& held) const;
  void check_stored_doubles(const OnDisk& on_disk, const Held& held, const Remains& remains) const;
  void check_stored_history(const OnDisk& on_disk, const Held& held, const Remains& remains) const;
  void take_over_exchanges(const OnDisk& on_disk, const Held& held, const Remains& remains);
  bool knows_id(const std::string& place, const std::string& id, const Remains& remains) const {
    return remains.ids.contains({place, hash_of_id(id)});
  }

  // model_receive.cc
  /// When its queue has kept a message for long enough.
  static WallMs outlived_at(const QueueKind& kind, WallMs enqueued);
  WallMs earliest_end(const CopyKey& key, const Copy& copy) const;
  /// It may be held no more, though nobody heard of that.
  bool may_have_returned(const CopyKey& key, const Copy& copy) const;
  void has_returned(Copy& copy);
  /// Somebody is handed it, who may not be if somebody else has it, or it has gone. `before`: how
  /// often that happened before.
  void hold(const CopyKey& key, Copy& copy, engine::QueueId queue, unsigned before);
  /// How many hand-outs from there nobody may have seen yet, or ever will.
  unsigned unseen(engine::QueueId queue) const;
  void check_number(const CopyKey& key, const Copy& copy, unsigned before,
                    engine::QueueId queue) const;
  /// It came back as a dead letter: its original has gone, and not too early.
  void note_death(const CopyKey& key, const engine::Message& message);
  bool came_late(const CopyKey& key, const Copy& copy, const engine::ReceivedItem& item,
                 const Asked& asked, bool repeated) const;
  void check_times(const CopyKey& key, Copy& copy, const engine::ReceivedItem& item,
                   const Asked& asked);
  static bool is_current(const Copy& copy, const TokenRequest& request);
  bool leaves_by_itself(const CopyKey& key, const Copy& copy) const;
  void was_deleted(const TokenRequest& request, Copy& copy, engine::TokenEnd end);
  void was_extended(const TokenRequest& request, Copy& copy, engine::TokenEnd end);
  WallMs latest_arrival(MessageId id, engine::QueueId queue) const;

  MessageId checked_body(const engine::Message& message) const;
  CopyKey key_of(MessageId id, engine::QueueId queue, const engine::Message& message);
  bool promised(const Published& message) const;
  void check_doubles() const;
  void check_doubles(const std::string& place, const Doubles& doubles, engine::QueueId queue) const;
  void check_remembered(const Doubles& doubles, const std::function<bool(MessageId)>& came) const;
  /// A double of a message that was refused, published after that was told, is no double any more.
  void check_second_try(const Doubles& doubles, engine::QueueId queue) const;
  void check_history(engine::QueueId queue, const History& history) const;
  void check_order(engine::QueueId queue, const History& history) const;
  Copy& copy_of(const CopyKey& key);
  void check_counters(const CopyKey& key, const Copy& copy, const engine::DeliveryItem& item) const;
  void check_units(const std::set<engine::QueueId>& alive) const;
  void check_dead_letters(const std::set<engine::QueueId>& alive) const;
  void check_those_that_left(const std::set<engine::QueueId>& alive) const;

  const Workload& workload_;
  MessageId next_ = 1;
  std::map<MessageId, Published> messages_;
  std::map<CopyKey, Copy> copies_;
  std::map<engine::QueueId, QueueRecord> queues_;
  std::map<engine::QueueId, MessageId> disordered_;
  std::map<engine::QueueId, unsigned> disordering_;
  std::map<engine::QueueId, engine::QueueId> dead_letter_targets_;
  std::set<engine::QueueId> may_vanish_;
  std::map<engine::QueueId, unsigned> purges_;  // under way, or of channels that closed
  std::set<engine::VhostId> ending_vhosts_;
  std::set<std::string> vanished_names_;
  std::set<engine::ClientId> ended_owners_;
  // By message and target queue: dead letters that must have arrived, and that did.
  std::map<std::pair<MessageId, engine::QueueId>, std::uint64_t> dead_expected_;
  std::map<std::pair<MessageId, engine::QueueId>, std::uint64_t> dead_seen_;
  /// Of a message that died in an at-least-once queue.
  struct Letters {
    std::set<std::uint64_t> paths = {};
    std::size_t most = 1;  // one more for each crash that left the original, too
  };
  std::map<std::pair<MessageId, std::string>, Letters> letters_;  // by where it died
  std::uint64_t tick_ = 0;
  std::uint64_t last_stray_ = 0;
  std::map<std::string_view, std::vector<engine::QueueId>> bound_;  // by settled exchange
  std::map<std::pair<std::string, std::string>, Doubles> doubles_;  // by place and id
  std::map<engine::QueueId, History> histories_;
  using Group = std::pair<engine::QueueId, std::string>;
  std::map<Group, std::map<CopyKey, Holder>> groups_;  // who has, or had, what of them
  std::map<std::pair<Group, engine::SessionId>, std::uint64_t> begun_;  // of each channel's, up to
  std::set<MessageId> direct_;                                          // sent and not received
  WallMs now_ = 0;
  std::uint64_t life_ = 0;                     // of the node, as tokens say
  std::map<engine::QueueId, unsigned> polls_;  // that are not answered
  std::map<engine::QueueId, unsigned> blind_;  // whose answer nobody heard
  // Leases of which somebody was told before that tick are stored.
  std::map<engine::QueueId, std::uint64_t> stored_;
  /// A receive that may be asked for again.
  struct Attempt {
    std::vector<HandOut> items = {};
    // Of each, when it was noted:
    std::vector<std::uint64_t> asks = {};
    std::vector<std::uint64_t> holds = {};
    WallMs noted = 0;
    std::multiset<WallMs> pending = {};  // the earliest ends of leases that are asked for
    std::uint64_t begun = 0;
  };
  std::map<std::pair<engine::QueueId, std::string>, Attempt> attempts_;
  std::map<engine::QueueId, std::pair<unsigned, WallMs>> lost_;  // hand-outs to nobody, and until
  std::map<std::pair<engine::QueueId, std::string>, std::vector<MessageId>> windows_;
};

}  // namespace polymq::sim
