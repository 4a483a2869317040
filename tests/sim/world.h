// A whole engine on one thread: shards, mailboxes, clocks, stores and clients, driven by one seed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors.h"
#include "declarations.h"
#include "disk.h"
#include "engine/policy.h"
#include "engine/shard.h"
#include "event_log.h"
#include "metadata.h"
#include "model.h"
#include "network.h"
#include "random.h"
#include "simulation.h"
#include "store.h"
#include "workload.h"

namespace polymq::sim {

class World {
 public:
  World(std::uint64_t seed, const Workload& workload, const RunOptions& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// The whole life: set up, work, wind down, check. Throws Violation. After that a world is not to
  /// be destroyed: engine objects may have been left in the middle of something.
  void run();
  const EventLog& log() const { return log_; }
  History history() const;

  // --- for actors ---
  Random& random() { return random_; }
  EventLog& log() { return log_; }
  Model& model() { return model_; }
  const Workload& workload() const { return workload_; }
  engine::Shard& shard(engine::ShardIndex index) { return *shards_[index]; }
  engine::ShardIndex shard_count() const { return static_cast<engine::ShardIndex>(shards_.size()); }
  /// The sockets of that shard are read: no mail waits at it, no alarm.
  bool reads_sockets(engine::ShardIndex shard) const;
  bool winding_down() const { return winding_down_; }
  WallMs wall() const { return now_.wall; }
  std::string new_history_name() { return "hist." + std::to_string(histories_++); }
  /// So much time has passed that every message with a time to live of its own has expired.
  bool all_expired() const { return all_expired_; }
  const std::vector<std::string>& queue_names() const { return queue_names_; }
  Declarations& declarations() { return declarations_; }
  /// Tokens that clients were sent, in earlier lives too; the latest ones.
  const std::vector<HandOut>& tokens() const { return tokens_; }
  void note_token(const HandOut& hand_out);
  std::uint64_t new_number() { return ++numbers_; }
  /// The engine numbers sessions from the beginning again in each life.
  engine::SessionId unique(engine::SessionId id) const {
    return {id.value | std::uint64_t{restarts_} << 48};
  }

  /// A confirm, or a commit's success, says that `id` is safe: no commit with it is under way, none
  /// has failed.
  void check_stored(MessageId id) const;
  /// A transaction is done: so is its acknowledgement.
  void check_settlement_stored(const CopyKey& key) const;
  /// A purge is done: none of what it dropped may come back.
  void check_purge_stored(engine::QueueId queue) const;
  /// The commit with it failed before anybody saw it, and its publisher knows: nobody sees it then.
  bool withdrawn(const CopyKey& key) const;

  /// Where direct messages may be sent; some of those channels are long gone.
  struct DirectAddress {
    engine::SessionId session;
    std::uint64_t nonce;
  };
  std::vector<DirectAddress>& direct_addresses() { return direct_addresses_; }

  /// Single active consumer: `consumer` was handed something, or starts to leave.
  void active_consumer(engine::QueueId queue, engine::ConsumerId consumer);
  void leaves(engine::QueueId queue, engine::ConsumerId consumer);

 private:
  struct ActiveConsumer {
    engine::ConsumerId consumer;
    bool leaving = false;
  };

  // The scheduler.
  void step();
  void turn(engine::ShardIndex shard);
  void let_act(engine::ShardIndex shard);
  void write_sockets(engine::ShardIndex shard, bool all);
  void advance_clock();
  WallMs next_timer() const;
  void jump_to_timer();
  /// Everything that is under way arrives. Violation (j) when that does not come to an end.
  void quiesce(const char* when);
  bool quiet() const;
  void reap();

  // restart.cc
  engine::ShardOptions options_of(engine::ShardIndex shard, engine::ShardIndex count) const;
  /// The node starts with so many shards, and finds what is stored.
  void start_node(engine::ShardIndex shards);
  /// The whole node is killed and started again.
  void restart(bool at_rest);
  Remains remains(const storage::MetadataImage& image, bool at_rest) const;
  void note_ids(std::uint64_t incarnation, const std::string& place, Remains& remains) const;
  FoundMessage found_message(engine::QueueId queue, const KeptMessage& kept,
                             std::uint64_t handed_out) const;
  /// Lets the dead engine come to its end, so that nothing of it stays in memory.
  void bury();
  void check_counts(const storage::MetadataImage& image) const;
  void check_policies() const;
  std::shared_ptr<const engine::PolicySet> draw_configuration();

  // The phases.
  void set_up();
  void set_up_exchanges(ChannelActor& channel);
  void work();
  void operate();  // what operators do: policies, vhosts
  void close_clients();
  /// At rest no message waits in a queue with a consumer that could take it.
  void check_nobody_waits() const;
  bool could_take(const engine::Queue& queue, const engine::Consumer& consumer) const;
  void check_topology();
  /// No queue is over its limits, holds what has expired, or has outlived itself.
  void check_settings() const;
  /// As many messages are handed out as are known to be.
  void check_leases() const;
  /// With nothing else to do, receives that wait end in time.
  void let_polls_end();
  /// All leases, delays and orders come to their end.
  void let_leases_end();
  void check_orders() const;
  void check_kept_nothing() const;
  void check_limits(const engine::Queue& queue, const char* name) const;
  /// On above the limit, off well below it, everywhere.
  void check_alarm() const;
  void drain(const std::string& vhost);
  void drain(ChannelActor& channel, const std::string& vhost, const std::string& name);
  void delete_everything(const std::string& vhost);
  void check_nothing_left();

  StoredName stored_name(MessageId id) const;
  /// Every shard knows it, and nobody deletes it.
  bool is_everywhere(engine::QueueId queue) const;

  void open_client();
  void administer(decltype(engine::ControlRequest::what) what, const char* name,
                  std::function<void()> done = nullptr);
  void change_policies();
  void break_something();
  void change_vhost();
  std::vector<std::string> vhost_names() const;

  const std::uint64_t seed_;
  const Workload workload_;
  const std::uint64_t steps_;
  EventLog log_;
  Random random_;
  Model model_;
  Now now_{1000, 1'700'000'000'000};
  const Sabotage sabotage_;
  Disk disk_;
  Metadata metadata_;
  Declarations declarations_;
  engine::PolicySets policies_;  // of the configuration
  std::unique_ptr<Network> network_;
  std::vector<std::unique_ptr<Store>> stores_;
  std::vector<std::unique_ptr<engine::Shard>> shards_;
  std::vector<bool> more_work_;
  std::vector<std::unique_ptr<ClientActor>> clients_;
  std::vector<std::string> queue_names_;
  std::vector<DirectAddress> direct_addresses_;
  std::map<engine::QueueId, ActiveConsumer> active_consumers_;
  std::size_t administering_ = 0;
  std::vector<HandOut> tokens_;
  std::uint64_t numbers_ = 0;  // of what needs a name of its own
  unsigned histories_ = 0;
  unsigned restarts_ = 0;
  std::uint64_t messages_read_ = 0;  // by stores of earlier lives
  bool calm_ = false;                // stores end everything at once
  unsigned hold_percent_ = 0;        // the chance that a mailbox is left alone in a turn
  unsigned act_percent_ = 0;
  bool all_expired_ = false;
  bool winding_down_ = true;  // nobody acts, and no mail is held back: but for the work itself
};

}  // namespace polymq::sim
