// A shard in its role of home: its queues, their consumers and the requests about them.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <memory>
#include <queue>
#include <vector>

#include "engine/dead_letters.h"
#include "engine/mail.h"
#include "engine/moves.h"
#include "engine/queue.h"
#include "engine/stateful_exchanges.h"
#include "storage/message_store.h"

namespace polymq::engine {

/// How many bytes of messages queues, and exchanges that hold some, keep in memory before they
/// leave the rest to the store.
struct PagingLimits {
  std::uint64_t together = 64 * 1024 * 1024;  // of all those that have messages in the store only
  std::uint64_t least = 64 * 1024;            // of one of them
  std::uint64_t most = 4 * 1024 * 1024;
};

struct HomeOptions {
  PagingLimits paging = {};
  std::uint64_t life = 1;         // tells it from others; grows
  std::uint64_t life_before = 0;  // the one before it
};

/// Shard: its own. Handles all mail that is about queues living here.
class Home final : public QueueHost {
 public:
  Home(Mailer& mailer, Topology& topology, storage::MessageStore& store, const Now& now,
       MemoryMeter& meter, const HomeOptions& options);
  ~Home() override;

  // --- from the topology replica ---
  void queue_added(QueueEntry& entry);
  void queue_removed(QueueEntry& entry);
  void settings_changed(QueueEntry& entry);
  void exchange_added(const Exchange& exchange) { exchanges_.exchange_added(exchange); }
  void binding_added(const Exchange& source, Destination destination) {
    exchanges_.binding_added(source, destination);
  }
  void exchange_removed(const Exchange& exchange) { exchanges_.exchange_removed(exchange); }

  // --- mail ---
  void handle(PublishBatch& batch);
  void handle(SettleBatch& batch);
  void handle(WrittenBatch& batch);
  void handle(ShardIndex from, QueueRequest& request);
  void handle(ShardIndex from, const CloseSession& close);
  void handle(const CloseClient& close);
  void handle(const ShareCredit& share);
  void handle(const GrantToken& grant);
  void handle(const SetPrefetch& set);
  void handle(const ForgetStored& forget);
  void handle(ShardIndex from, UnitPart& part);
  void handle(ShardIndex from, const UnitDecision& decision);
  /// Answers for this shard's own publishes: dead letters, and what goes on from exchanges.
  void handle(const PublishAnswer& answer);

  // --- the turn ---
  /// Dispatches what became possible, moves dead letters, hands over batches. True when mail was
  /// sent.
  bool work();
  void run_timers();
  /// Slices of purges, of dying queues and of what moves; true while there is more.
  bool sweep();
  /// The store has ended commits: answers that waited for them go out.
  void commits_ended(const std::vector<storage::CommitEnd>& ended);
  /// Takes what the store has read back. True when there was something.
  bool take_read();
  /// What exchanges and queues remember from before a restart is still being read, or what was out
  /// under leases; it decides about what comes. No mail should be handled until then.
  bool loading() const { return logs_.loading() || !restoring_.empty(); }
  /// All that was there before a restart is known, but for what is being read.
  void restored() { exchanges_.restored(); }
  /// The wall time of the nearest timer, kNever without one.
  WallMs next_timer() const;
  static constexpr std::uint64_t kBacklogBytes = 1024 * 1024;  // of bodies
  /// Did one of the queues that were at work last have a backlog, and consumers to take it?
  bool consumers_behind() const { return consumers_behind_; }

  /// What exists beyond its declared queues; all zero once everything was deleted and let go.
  struct Leftovers {
    std::size_t consumers, sessions, links, dying_queues, units, dead_letters, exchanges;
  };
  Leftovers leftovers() const;

  // --- QueueHost ---
  const Now& now() const override { return now_; }
  MemoryMeter& meter() override { return meter_; }
  std::uint64_t life() const override { return options_.life; }
  std::uint64_t life_before() const override { return options_.life_before; }
  void arm_timer(Queue& queue, WallMs at) override;
  void dead_letter(Queue& queue, Position position, const Message& message,
                   DeathReason reason) override;
  void forget_stored(Queue& queue, Position first, Position last) override;
  void lent_stored(Queue& queue, Position position, std::uint16_t acquired, std::uint16_t failed,
                   const storage::Lease& lease) override;
  void returned_stored(Queue& queue, Position position, std::uint16_t acquired,
                       std::uint16_t failed) override;
  void handed_out_stored(Queue& queue, Position below) override;
  storage::Unmarked unmarked(const Queue& queue) const override;
  void wait_for_marks(Queue& queue) override;
  void keep_ids(Queue& queue, SeenIds& ids) override;
  Position readable_below(const Queue& queue) const override;
  void read_back(Queue& queue, const std::vector<PositionRange>& wanted,
                 std::uint64_t bytes) override;
  std::uint64_t paging_window() const override;
  void damaged(const Queue& queue, Position position, const std::string& what) override;
  void want_token(Consumer& consumer) override;
  void link_opened(Link& link) override { open_links_.push_back(&link); }

 private:
  struct SessionHere {
    std::vector<ConsumerId> consumers;
  };
  struct Timer {
    WallMs at;
    QueueId queue;
    bool operator>(const Timer& other) const { return at > other.at; }
  };
  struct Stored {
    std::uint64_t target;  // a queue, or an exchange that holds it
    Position position;
  };
  /// A publish that adds nothing to what its original does.
  struct Duplicate {
    std::uint64_t sequence;
    QueueId queue;
    DeduplicationKey key;
    std::uint64_t number;  // of the original's entry
  };
  /// What is told when a commit has ended.
  struct Awaiting {
    storage::CommitNumber commit;  // 0: none, it can be told at once
    ShardIndex to;
    BatchAnswer answer;
    std::vector<std::uint64_t> sequences;  // of the batch: all refused if the commit fails
    std::vector<Stored> stored;
    RelayId relay = 0;                       // set: the answer waits for more than the commit
    std::vector<Duplicate> duplicates = {};  // refused if their original is
  };

  /// A get from a queue whose head must be read back first.
  struct ParkedGet {
    ShardIndex from;
    QueueRequest request;
  };

  Queue* find_queue(QueueId id);
  Consumer* find_consumer(ConsumerId id);
  void mark_dirty(Queue& queue);
  /// Sends the deliveries collected so far. Before any reply, so that none overtakes them.
  void hand_over();
  void return_tokens();
  Link& link_of(ClientId client);
  Consumer& add_consumer(const QueueRequest& request, Queue& queue, std::uint32_t handle,
                         const ConsumerOptions& options, bool shared_credit);
  /// The session's consumer for gets from this queue, made at its first get.
  Consumer& getter(const QueueRequest& request, Queue& queue, bool no_ack);
  void free_consumer(Consumer& consumer);
  /// It left the rotation; the queue may be auto-delete.
  void consumer_left(Queue& queue);
  void end_consumer(Consumer& consumer);
  void settle(const SettleItem& item);
  void note_durable(const std::vector<Stored>& stored);
  void go_on_marked();
  void note_arrived(bool durable);
  void send_answers();
  /// Of a commit that has failed.
  void fail(Awaiting& awaiting);
  void refuse_orphans();
  void page(Queue& queue);
  void note_paging(Queue& queue);

  /// What a batch of publishes waits for.
  struct Waits {
    std::vector<Stored> stored;
    bool everything = false;  // a duplicate is as safe as its original
    std::vector<Duplicate> duplicates;
    std::vector<PublishPlace>* places = nullptr;  // null: nobody asks
    bool moved = false;                           // from other queues
  };
  storage::CommitNumber commit_of(const Waits& waits);
  /// True when the queue refused it. `awaited`: somebody wants to know what became of it.
  bool push(const PublishItem& item, bool awaited, Queue::Arrival arrival, Waits& waits);
  static void note_duplicate(const Queue& queue, const PublishItem& item, bool awaited,
                             Waits& waits);
  static void note_place(const Queue& queue, const PublishItem& item, Queue::Pushed pushed,
                         std::vector<PublishPlace>& places);
  void push_elsewhere(const PublishItem& item, bool awaited, bool in_unit, Waits& waits);
  ReplyBody inspect(Queue& queue);
  /// Nothing is answered yet when that waits for the store.
  std::optional<ReplyBody> purge(ShardIndex from, const QueueRequest& request, Queue& queue,
                                 const PurgeQueue& what);
  ReplyBody consume(const QueueRequest& request, Queue& queue, const Consume& what);
  ReplyBody cancel(const CancelConsumer& what);
  ReplyBody get(const QueueRequest& request, Queue& queue, const Get& what);
  void resume_gets(QueueId queue);
  void receive(ShardIndex from, const QueueRequest& request, Queue& queue,
               const ReceiveOptions& options);
  void stop_receiving(ShardIndex from, Queue& queue, RequestId receive);
  void answer_polls(Queue& queue);
  /// The answer of one that was handed nothing.
  static ReplyBody nothing_for(const Poll& poll, const Queue& queue);
  /// Its session ends. What it was handed and has not been written returns.
  void close_poll(ConsumerId id);
  /// Its queue goes.
  void leave_poll(Consumer& consumer);
  void drop_poll(Consumer& consumer, ReplyBody body);
  void free_poll(Consumer& consumer);
  ReplyBody extend(Queue& queue, const ExtendLeases& what);
  /// Nothing is answered yet when that waits for the store.
  std::optional<ReplyBody> settle_tokens(ShardIndex from, const QueueRequest& request, Queue& queue,
                                         const SettleTokens& what);
  /// Nothing is answered yet when the deletion goes on to control.
  std::optional<ReplyBody> remove(ShardIndex from, const QueueRequest& request, Queue& queue,
                                  const DeleteQueue& what);
  void remove_queue(Queue& queue, RequestId request, ShardIndex origin);
  /// Tells control of the queues to remove; `reply` goes out itself only when there are none.
  void send_removals(Reply* reply, ShardIndex from);
  void await(Awaiting awaiting, const std::vector<PublishItem>& items);
  void answer(Awaiting& awaiting);

  Mailer& mailer_;
  Topology& topology_;
  storage::MessageStore& store_;
  const Now& now_;
  MemoryMeter& meter_;
  StoredLogs logs_;
  DeadLetters dead_letters_;
  StatefulExchanges exchanges_;
  Moves moves_;

  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Consumer>> consumers_;
  boost::unordered_flat_map<std::uint64_t, SessionHere> sessions_;
  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Link>> links_;
  boost::unordered_flat_map<std::uint64_t, UnitPart> units_;
  std::uint64_t next_consumer_ = 1;

  std::vector<Queue*> dirty_;
  bool consumers_behind_ = false;
  std::vector<Link*> open_links_;      // with deliveries to hand over
  std::vector<RemoveQueue> removals_;  // decided, to be told to control
  std::vector<ConsumerId> granted_;    // tokens to give back if they find nothing
  std::vector<Queue*> sweeping_;
  std::vector<std::unique_ptr<Queue>> dying_;  // removed, not drained yet
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::vector<Queue*> restoring_;  // that do not know all their leases yet
  std::deque<Awaiting> awaiting_;
  storage::CommitNumber ended_ = 0;
  bool was_loading_ = true;
  /// A queue that goes on when a commit has ended.
  struct Marking {
    storage::CommitNumber commit;
    QueueId queue;
    bool operator==(const Marking&) const = default;
  };
  std::deque<Marking> marking_;
  struct Arriving {
    storage::CommitNumber commit;
    Stored message;
  };
  std::deque<Arriving> arriving_;  // from other queues or exchanges
  boost::unordered_flat_map<QueueId, std::vector<ParkedGet>> parked_gets_;
  const HomeOptions options_;
  std::size_t paging_queues_ = 0;  // that have messages on disk only
};

}  // namespace polymq::engine
