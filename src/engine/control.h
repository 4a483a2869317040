// Shard 0 in its role of putting topology changes in order: it decides on declarations, bindings
// and deletions and tells every shard by numbered rounds of deltas.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "engine/mail.h"
#include "engine/policy_layers.h"
#include "storage/metadata_store.h"

namespace polymq::engine {

struct ControlLimits {
  std::uint64_t max_queues_per_vhost = UINT64_MAX;
  std::uint64_t max_exchanges_per_vhost = UINT64_MAX;
};

/// Shard 0 only. Its replica is ahead of the others': a request is decided and applied here at
/// once, and answered when all shards have applied the round that carries it.
class Control {
 public:
  /// `first_incarnation`: neither it nor any later one was ever given out. `metadata` must outlive
  /// this.
  Control(Mailer& mailer, Topology& topology, const ControlLimits& limits,
          storage::MetadataStore& metadata, std::uint64_t first_incarnation);

  /// Before anything else: what was there before a restart, and the policies of the configuration
  /// as of now, under which queues come back. Applied here; the other shards are to apply what is
  /// returned. Error: it cannot be read.
  Result<std::vector<Delta>> restore(const storage::MetadataImage& image,
                                     const PolicySets& configured,
                                     std::int64_t default_delivery_limit);

  void handle(ShardIndex from, ControlRequest& request);
  void handle(ShardIndex from, const RemoveQueue& removal);
  void handle(ShardIndex from, const RoundApplied& applied);
  void handle(ShardIndex from, const ForgetSession& ended);
  void handle(ShardIndex from, const MemoryReport& report);
  void handle(ShardIndex from, const MoveEnded& ended);

  /// Sends the deltas decided since the last call as one round. True when there were some.
  bool send_round();
  /// Takes what has become of changes in the metadata store: answers that waited go out. True when
  /// there was something.
  bool take_metadata();
  /// Applies the policies that are stored by now. True when there were some.
  bool enforce_policies();
  /// All queues below it are known to the metadata for good.
  std::uint64_t incarnations_below() const { return known_below_; }
  /// Nothing more can be stored there, for good.
  bool metadata_failed() const { return metadata_failed_; }
  /// This shard's replica has changes that were not sent yet.
  bool ahead() const { return !open_.empty(); }
  /// What the rounds up to this one say is known to the metadata for good.
  std::uint64_t kept_round() const {
    const bool all = handed_.empty() && changes_.empty() && !metadata_failed_;
    return all ? round_ : kept_round_;
  }
  /// The round that this shard's own replica reflects.
  std::uint64_t round() const { return round_; }
  std::int64_t message_bytes() const;

 private:
  struct Waiting {
    std::uint64_t round;
    std::uint64_t version;  // of the metadata; 0: it needs none
    ShardIndex to;
    Reply reply;
  };
  struct Parked {
    ShardIndex from;
    ControlRequest request;
  };
  struct PolicyChange {
    std::uint64_t version;  // of the metadata that has it
    VhostId vhost;
    std::variant<SetPolicy, ClearPolicy> what;
    ShardIndex to;
    RequestId request;
  };

  // Decide, and apply what follows. The answer is sent after the round.
  ReplyBody decide(const DeclareExchange& what, ShardIndex from);
  ReplyBody decide(const DeleteExchange& what);
  ReplyBody decide(const DeclareQueue& what, ShardIndex from);
  ReplyBody decide(const ChangeQueue& what);
  ReplyBody decide(const ChangeBinding& what);
  ReplyBody unbind(Vhost& vhost, Exchange* source, const ChangeBinding& what);
  ReplyBody decide(const AddVhost& what);
  ReplyBody decide(const RemoveVhost& what);
  ReplyBody decide(const SetPolicies& what);
  // The same, but of the answer only a refusal is known now.
  std::optional<ReplyBody> decide_later(SetPolicy& what, ShardIndex from, RequestId request);
  std::optional<ReplyBody> decide_later(ClearPolicy& what, ShardIndex from, RequestId request);
  void enforce(const PolicyChange& change);
  Result<void> restore_policies(const storage::MetadataImage& image, const PolicySets& configured,
                                std::vector<Delta>& deltas);

  void apply(const Delta& delta);
  void note(const Delta& delta);
  /// Auto-delete exchanges whose last binding went follow it, and theirs, and so on.
  void remove_unused_exchanges();
  void remove_exchange(ExchangeId id);
  ShardIndex place(ShardIndex declared_on) const;
  /// `version`: of the metadata that it relies on; not said: all that was decided.
  void answer(ShardIndex to, Reply reply, std::optional<std::uint64_t> version = {});
  storage::Lane next_lane(ShardIndex home);
  void release_waiting();

  Mailer& mailer_;
  Topology& topology_;
  const ControlLimits& limits_;
  storage::MetadataStore& metadata_;
  std::uint64_t next_incarnation_;
  VhostId next_vhost_ = 1;
  std::uint64_t round_ = 0;
  std::uint64_t kept_round_ = 0;                  // while something is being stored
  std::uint64_t told_kept_ = 0;                   // the shards
  std::vector<Delta> open_;                       // decided, not sent
  std::vector<std::uint64_t> applied_;            // per shard: the last round it said it applied
  std::deque<Waiting> waiting_;                   // in order of rounds
  std::vector<storage::MetadataChange> changes_;  // decided, not handed to the store
  std::uint64_t version_ = 0;                     // of the metadata, handed to the store
  std::uint64_t durable_version_ = 0;
  struct Handed {
    std::uint64_t version;
    std::uint64_t round;
    std::uint64_t incarnations_below;
    std::vector<std::pair<ShardIndex, std::uint64_t>> gone;  // what the message store may have
  };
  std::deque<Handed> handed_;  // to the metadata store, which has not answered
  std::uint64_t known_below_ = 0;
  std::vector<std::pair<ShardIndex, std::uint64_t>> gone_;  // decided, not handed to the store
  bool metadata_failed_ = false;                            // for good
  std::vector<storage::Lane> next_lanes_;                   // by shard: a counter
  boost::unordered_flat_map<QueueId, std::vector<Parked>> parked_;  // until that queue is removed
  std::map<VhostId, PolicyLayers> policies_;                        // in force
  std::deque<PolicyChange> policy_changes_;                         // decided, not stored yet
  boost::unordered_flat_set<std::uint64_t> failed_;  // sessions whose requests are dropped
  std::vector<std::uint64_t> homes_per_shard_;       // of queues and of exchanges with state
  std::vector<std::int64_t> message_bytes_;
  std::shared_ptr<const Fields> last_arguments_;  // of the queue declared last
  std::shared_ptr<const QueueSettings> last_settings_;
};

}  // namespace polymq::engine
