// One shard of the engine: its replica of the topology, its queues, its sessions, and its mail.
// Deterministic: driven by turns, with time, randomness, storage and the other shards handed in.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "engine/control.h"
#include "engine/home.h"
#include "engine/mail.h"
#include "engine/session.h"
#include "engine/topology.h"

namespace polymq::engine {

struct ShardOptions {
  ShardIndex index = 0;
  ShardIndex count = 1;
  std::uint64_t seed = 1;
  /// Gives numbers that nobody can guess, for addresses that only those may know who were told.
  /// Null: drawn from the seed, so that a run can be repeated.
  std::function<std::uint64_t()> secret = nullptr;
  ControlLimits limits;
  std::int64_t default_delivery_limit = QueueSettings::kDefaultDeliveryLimit;
  /// Bytes in messages at which the alarm is raised, on all shards together; cleared below 95 %.
  std::int64_t memory_limit = INT64_MAX;
  /// Queues and exchanges are numbered from here on: no number from it on was ever given out.
  std::uint64_t first_incarnation = 1;
  /// Where the life before this one began with them.
  std::uint64_t life_before = 0;
  PagingLimits paging = {};
};

/// The engine on one thread.
///
///   loop: begin_turn(now) - receive() what came - let connections call in - finish_turn()
///
/// Everything is called on the shard's own thread.
class Shard final : public Mailer, private TopologyObserver {
 public:
  /// `metadata`: used by the control shard only. All three must outlive this.
  Shard(const ShardOptions& options, Outbox& outbox, storage::MessageStore& store,
        storage::MetadataStore& metadata);
  ~Shard() override;

  /// Before the first turn, on the control shard: what was there before a restart, and the
  /// configuration's policies, under which it comes back, as under those that were stored. The
  /// others get what is returned. Error: it cannot be read.
  Result<std::vector<Delta>> restore(const storage::MetadataImage& image,
                                     const PolicySets& policies);
  /// Before the first turn, on the others.
  void restore(const std::vector<Delta>& deltas);

  // --- the turn ---
  void begin_turn(Now now);
  void receive(ShardIndex from, Envelope envelope);
  /// Handles mail to itself until none is left. Connections call it to have an answer at once.
  void settle_mail();
  /// All that follows from this turn's events. True when there is more to do in the next turn.
  bool finish_turn();
  /// The end: whatever is staged is handed to the store.
  void flush_store();
  /// The store has more to write than it should: publishers should wait.
  bool store_behind() const { return store_.behind(); }
  /// Wall time (Now::wall) of the nearest timer; kNever without one.
  WallMs next_timer() const;

  // --- for dialects ---
  const Now& now() const { return now_; }
  Topology& topology() { return topology_; }
  MemoryMeter& meter() { return meter_; }
  bool alarm() const { return alarm_; }
  /// Under the alarm: it is the disk that is short, not memory.
  bool disk_alarm() const { return disk_alarm_; }
  /// Consumers are slower than publishers at a queue that lives here.
  bool consumers_behind() const { return home_.consumers_behind(); }
  const ShardOptions& options() const { return options_; }
  std::uint64_t random();
  std::uint64_t secret() { return options_.secret ? options_.secret() : random(); }
  /// The replica, up to this round, is what would be there after a crash.
  std::uint64_t kept_round() const { return control_ ? control_->kept_round() : kept_round_; }
  bool replica_is_kept() const {
    return kept_round() >= round_ && !(control_ && control_->ahead());
  }
  /// An operation on vhosts or policies, by the operator.
  void administer(decltype(ControlRequest::what) what, std::function<void(ReplyBody&)> done);

  // --- Mailer ---
  void send(ShardIndex to, Mail mail) override;
  ShardIndex self() const override { return options_.index; }
  ShardIndex shard_count() const override { return options_.count; }

  /// For tests: nothing of sessions, requests and queues is left.
  Home& home() { return home_; }
  std::size_t pending_requests() const { return pending_.size(); }
  std::size_t clients() const { return clients_.size(); }

 private:
  friend class Client;
  friend class Session;
  struct Pending {
    SessionId session;  // none: outlives any session
    std::function<void(ReplyBody&)> done;
  };
  struct Unit {
    SessionId session;
    std::vector<ShardIndex> homes;
    std::size_t owed = 0;
    bool ok = true;
    std::function<void(bool)> done;
  };

  RequestId ask(ShardIndex to, SessionId session, std::function<void(ReplyBody&)> done);
  void deliver(ShardIndex from, Mail& mail);
  void unpark();
  Session* find_session(SessionId id);
  Client* find_client(ClientId id);

  // Mail that is not about queues living here.
  void handle(ShardIndex from, DeliveryBatch& batch);
  void handle(ShardIndex from, PublishAnswer& answer);
  void handle(ShardIndex from, Reply& reply);
  void handle(ShardIndex from, Round& round);
  void handle(ShardIndex from, RoundsKept& kept);
  void handle(ShardIndex from, Alarm& alarm);
  void handle(ShardIndex from, ConsumerGone& gone);
  void handle(ShardIndex from, DirectMessage& direct);
  void handle(ShardIndex from, InspectDirect& inspect);
  void handle(ShardIndex from, TokenWanted& wanted);
  void handle(ShardIndex from, TokensReturned& returned);
  void handle(ShardIndex from, UnitPrepared& prepared);
  void handle(ShardIndex from, UnitDone& done);
  void report_memory();
  void check_store();
  void check_alarm();

  // TopologyObserver
  void queue_added(QueueEntry& entry) override;
  void queue_removed(QueueEntry& entry) override;
  void queue_settings_changed(QueueEntry& entry) override;
  void exchange_added(Exchange& exchange) override;
  void binding_added(Exchange& source, Destination destination) override;
  void exchange_removed(Exchange& exchange) override;
  void vhost_removed(Vhost& vhost) override;

  const ShardOptions options_;
  Outbox& outbox_;
  storage::MessageStore& store_;
  Now now_;
  MemoryMeter meter_;
  Topology topology_;
  Home home_;
  std::unique_ptr<Control> control_;
  std::uint64_t round_ = 0;                             // of the replica
  std::uint64_t kept_round_ = 0;                        // up to it all of that is stored
  std::deque<Mail> own_mail_;                           // to ourselves
  std::deque<std::pair<ShardIndex, Mail>> early_mail_;  // for a home that is not ready
  std::vector<std::deque<Envelope>> parked_;            // by sender: ahead of our replica
  boost::unordered_flat_map<std::uint64_t, Client*> clients_;
  boost::unordered_flat_map<std::uint64_t, Session*> sessions_;
  boost::unordered_flat_map<RequestId, Pending> pending_;
  boost::unordered_flat_map<UnitId, Unit> units_;
  std::uint64_t next_id_ = kFirstSession;
  std::uint64_t random_;
  bool alarm_ = false;
  bool disk_alarm_ = false;
  bool store_refuses_ = false;  // control: what the store said last
  bool alarm_decided_ = false;  // control: what all shards were told last
  std::int64_t reported_bytes_ = 0;
  MonotonicMs reported_at_ = 0;
};

}  // namespace polymq::engine
