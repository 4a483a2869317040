// A queue: messages in order, lent to consumers and settled. Protocol-agnostic and deterministic:
// time, storage and dead lettering are its host's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/sliding_window.h"
#include "base/time.h"
#include "engine/consumer.h"
#include "engine/group_window.h"
#include "engine/message.h"
#include "engine/queue_arguments.h"
#include "engine/ready_index.h"
#include "engine/receive_attempts.h"
#include "engine/seen_ids.h"
#include "engine/timed_leases.h"
#include "engine/vacant_places.h"
#include "engine/waiting_messages.h"
#include "storage/message_store.h"

namespace polymq::engine {

class Queue;
struct QueueEntry;

/// How a lease ends.
enum class Settle : std::uint8_t {
  kAck,        // done
  kRequeue,    // back to its position; counts as handed out, not as failed
  kFail,       // back to its position, and one failure more
  kDiscard,    // refused for good: dead letter or drop
  kUnwritten,  // never reached the consumer: back as if it had not been handed out
};

/// What management shows as message_stats; kept per batch where it can be.
struct QueueCounters {
  std::uint64_t publish = 0;
  std::uint64_t deliver = 0;
  std::uint64_t deliver_no_ack = 0;
  std::uint64_t get = 0;
  std::uint64_t get_no_ack = 0;
  std::uint64_t get_empty = 0;
  std::uint64_t ack = 0;
  std::uint64_t redeliver = 0;
};

/// What a queue asks of its home. None of these is called for a plain message.
class QueueHost {
 public:
  virtual ~QueueHost() = default;
  virtual const Now& now() const = 0;
  virtual MemoryMeter& meter() = 0;
  /// Tells this life from those before a restart.
  virtual std::uint64_t life() const = 0;
  /// The one before this one.
  virtual std::uint64_t life_before() const = 0;
  /// Call queue.on_timer() at `at` or soon after; an earlier call is harmless.
  virtual void arm_timer(Queue& queue, WallMs at) = 0;
  /// Publish a copy of the message of `position` to the dead letter exchange; the queue keeps it
  /// (as moving) until moved() is called.
  virtual void dead_letter(Queue& queue, Position position, const Message& message,
                           DeathReason reason) = 0;
  /// Stored messages of these positions, both included, are gone for good.
  virtual void forget_stored(Queue& queue, Position first, Position last) = 0;
  /// A stored message is out under a lease that ends by itself, or that lease has changed.
  virtual void lent_stored(Queue& queue, Position position, std::uint16_t acquired,
                           std::uint16_t failed, const storage::Lease& lease) = 0;
  /// A stored message came back with new counts.
  virtual void returned_stored(Queue& queue, Position position, std::uint16_t acquired,
                               std::uint16_t failed) = 0;
  /// Stored messages below this position have been, or may be, handed out.
  virtual void handed_out_stored(Queue& queue, Position below) = 0;
  /// Stored messages that must not be handed out before that was said of them and is durable.
  virtual storage::Unmarked unmarked(const Queue& queue) const = 0;
  /// The queue should be at work again when all that was said so far is durable.
  virtual void wait_for_marks(Queue& queue) = 0;
  /// The queue looks at ids from now on: if it is durable, they are kept in the store, too.
  virtual void keep_ids(Queue& queue, SeenIds& ids) = 0;
  /// Stored messages below it can be read back.
  virtual Position readable_below(const Queue& queue) const = 0;
  /// Calls loaded() later, with messages of these positions, which are in order.
  virtual void read_back(Queue& queue, const std::vector<PositionRange>& wanted,
                         std::uint64_t bytes) = 0;
  /// Bytes of messages that this queue should keep in memory at its head.
  virtual std::uint64_t paging_window() const = 0;
  /// A stored message cannot be read back.
  virtual void damaged(const Queue& queue, Position position, const std::string& what) = 0;
  /// `consumer` has nothing to do with its channel-wide prefetch exhausted: its session may grant.
  virtual void want_token(Consumer& consumer) = 0;
  /// The first delivery of a batch was put into `link`.
  virtual void link_opened(Link& link) = 0;
};

/// Shard: its home. Positions start at 1.
/// Invariants:
///  1. every slot is in exactly one state; ready ones (and only those, but for swept or removed
///     leftovers that are skipped when they surface) are in ready_, and so are those that are on
///     disk only: these it knows as unread, or places_ does as on disk;
///  2. ready_count_ and ready_bytes_ count the slots in state kReady that no purge covers, and what
///     cold_ and places_ count;
///  3. a leased slot is named by exactly one lease of one consumer, or by one that ends by itself;
///  4. with groups, each message that is not moving and below groups_->end is in the index as what
///     it is; what is handed out from the middle stays in ready_ as a leftover (left_behind).
class Queue {
 public:
  enum class Pushed : std::uint8_t { kTaken, kDuplicate, kRejected };
  enum class Arrival : std::uint8_t {
    kAlone,
    /// would_reject() was asked before, and the answer stands.
    kInTransaction,
    /// Until it is stored here it is somewhere else, and would come again after a crash: it is not
    /// handed out before arrived().
    kMoving,
    /// The same, and it is not refused, as in a transaction: there it is gone already.
    kMovingForSure,
  };
  static constexpr bool is_move(Arrival arrival) {
    return arrival == Arrival::kMoving || arrival == Arrival::kMovingForSure;
  }
  static constexpr std::size_t kMostPerSlice = 2000;
  /// One page is read at a time.
  static constexpr std::uint64_t kPageBytes = 1024 * 1024;

  Queue(QueueEntry& entry, QueueHost& host);
  /// Frees what it still holds. While clients live it must be drained() first: they read from it.
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /// Until the queue is removed from the topology.
  QueueEntry& entry() const { return entry_; }
  const QueueSettings& settings() const { return *settings_; }
  /// Reads the entry's effective settings again.
  void settings_changed();

  // --- messages in ---
  /// Takes over one reference of `message`. Behaves as if consumers with credit came first, then
  /// time to live 0, then the length limit. `moved`: it was in another queue before, and is
  /// nobody's duplicate here.
  Pushed push(Message* message, Arrival arrival = Arrival::kAlone, bool moved = false);
  void arrived(Position position) {
    if (Slot* slot = slots_.find(position)) slot->arriving = false;
  }
  /// Would push() refuse? (Before a transaction's publishes are applied.)
  bool would_reject(std::size_t messages, std::size_t bytes);
  /// Of the last push() that was one: of what.
  const SeenIds::Duplicate& last_duplicate() const { return seen_->last_duplicate(); }
  /// Is that original there, or was it, as far as is known?
  bool remembers(DeduplicationKey key, std::uint64_t number) const {
    return seen_ && seen_->has(key, number);
  }
  /// The position given by the last push().
  Position last_position() const { return slots_.end() - 1; }
  /// Before anything else: what was there before a restart. It is read back when its turn comes,
  /// but for what was out under leases that end by themselves: that is read at once.
  void restore(storage::StoredQueue stored);
  /// Leases from before a restart are not all known yet: the queue must not be asked for anything.
  bool restoring() const { return restoring_ != nullptr; }
  bool holds(Position position) const { return slots_.find(position) != nullptr; }
  /// The store was given the message of that position.
  void mark_stored(Position position) {
    Slot& slot = *slots_.find(position);
    slot.stored = true;
    stores_ = true;
    if (slot.acquired == 0) return;
    // It was lent while it was pushed.
    if (position >= lent_below_) lent_below_ = position + 1;
    if (timed_) store_lease(position, slot);
  }

  // --- messages out ---
  /// Hands ready messages to consumers as long as both are there, appending to links' batches.
  void dispatch();
  /// Lends the next ready message to `consumer` (a get); nullopt when there is none.
  std::optional<DeliveryItem> take(Consumer& consumer);

  // --- polls, and leases that end by themselves ---
  /// Takes part when messages are handed out, until it ended. Its consumer outlives that.
  void add_poll(Consumer& consumer);
  /// Its client has gone.
  void remove_poll(Consumer& consumer);
  /// What kept them from being served may have gone.
  void wake_polls();
  /// Ends those whose time is up. Called after the queue was at work.
  void end_polls();
  /// Those that have ended since the last call: with messages, or their time is up.
  std::vector<Consumer*> take_ended_polls();
  const std::vector<Consumer*>& polls() const { return polls_; }
  /// Its messages may be asked for again under the poll's attempt.
  void note_attempt(const Poll& poll);
  /// Hands out once more what the poll's attempt was handed, as long as all of it is still under
  /// the same leases, which begin again: then it has ended. False: there is no such attempt.
  bool repeat_attempt(Consumer& consumer);
  /// What a poll was handed did not reach its client.
  void return_unwritten(Poll& poll);
  /// Ends the lease that the token names; kAck takes a message that waits, too, if the token is
  /// fresh enough for it.
  TokenEnd settle(const LeaseToken& token, Freshness freshness, Settle how);
  /// The lease ends `lease_ms` from now, but not later than `most_ms` after it began.
  TokenEnd extend(const LeaseToken& token, Freshness freshness, std::int64_t lease_ms,
                  std::int64_t most_ms);

  // --- paging ---
  /// Reads ahead, or lets go of what can be read back. Called after the queue was at work.
  void page();
  /// What read_back() asked for.
  void loaded(const storage::ReadMessages& read);
  /// There is something at its head that must be read back first, or marked in the store.
  bool head_waits();
  /// Messages that are on disk only.
  std::uint64_t paged_out() const {
    return cold_.count + places_.count_on_disk() + (waits_ ? waits_->on_disk() : 0);
  }

  // --- settlement ---
  /// Ends the leases `first`..`last` of `consumer` that are still out. Returns how many there were.
  std::uint64_t settle(Consumer& consumer, LeaseNumber first, LeaseNumber last, Settle how);
  /// All leases of a consumer whose session ended: written ones come back marked, others unmarked.
  void release_all(Consumer& consumer);
  /// The message of a position that is moving to the dead letter exchange.
  const Message* moving_message(Position position) { return slots_.find(position)->message; }
  /// When it came to the first of its queues.
  WallMs moving_since(Position position) { return since(*slots_.find(position)); }
  bool moving_is_stored(Position position) const {
    const Slot* slot = slots_.find(position);
    return slot != nullptr && slot->stored;
  }
  /// The store forgets the message of a position that is moving: its copy takes its place.
  void forget_moving(Position position);
  /// A dead letter's copy is safe (or needs none): the original goes.
  void moved(Position position);
  /// It could not move: it is ready again, where it was.
  void stay(Position position);
  /// The next ready messages below `below`, not more than `most`, are to move elsewhere.
  std::vector<Position> begin_moves(std::uint64_t most, Position below);
  /// Would there be one, or is it not known because it must be read back first?
  bool has_ready_below(Position below);
  /// The store lost a message that had been staged: it goes, if nobody has seen it yet.
  void withdraw(Position position);

  // --- management ---
  /// Drops all ready messages and says how many; memory is freed in slices by sweep().
  /// `everything`: those that wait, too, and those under leases that end by themselves.
  std::uint64_t purge(bool everything = false);
  void on_timer();
  /// Does a slice of pending work; true while there is more.
  bool sweep();
  /// The queue goes: consumers are detached, ready messages dropped. What is out and unwritten
  /// stays until its clients have let go; then drained() is true.
  void close();
  bool drained() const { return slots_.empty(); }
  bool sweep_pending() const { return sweep_at_ < purged_below_; }
  QueueId id() const { return id_; }

  std::uint64_t ready() const { return ready_count_; }
  std::uint64_t ready_bytes() const { return ready_bytes_; }
  /// Something is ready, and `consumer` may have it as far as groups go.
  bool has_for(const Consumer& consumer) const {
    return ready_count_ != 0 && (!groups_ || next_in_groups(consumer.id.value, false));
  }
  std::uint64_t unacked() const { return leased_count_; }
  /// Those that are there and must not be handed out yet.
  std::uint64_t delayed() const { return waits_ ? waits_->size() : 0; }
  ConsumerSet& consumers() { return consumers_; }
  const ConsumerSet& consumers() const { return consumers_; }
  QueueCounters& counters() { return counters_; }
  /// Use in the sense of x-expires: consumers, gets and declares.
  void touch();
  /// x-expires has passed without use.
  bool expired() const;

  /// Everyone who may hold leases of it, in the rotation or not. Kept by the home.
  std::vector<Consumer*> attached;
  bool deleting = false;  // decided by the home: not found any more
  bool dirty = false;     // in the home's list of queues to dispatch
  bool paging = false;    // the home counts it among those that have messages on disk only
  WallMs timer_at = kNever;

 private:
  enum class State : std::uint8_t { kReady, kLeased, kMoving, kWaiting };
  struct Slot {
    Message* message = nullptr;
    WallMs enqueued = 0;
    std::uint16_t acquired = 0;
    std::uint16_t failed = 0;
    State state = State::kReady;
    bool after_purge : 1 = false;  // became ready again behind a purge that covers its position
    bool delivered : 1 = false;    // perhaps, before a restart
    bool stored : 1 = false;
    bool arriving : 1 = false;     // it is not handed out yet
    bool left_behind : 1 = false;  // though it is not ready, its position is still in ready_
    // With groups only:
    bool came_back : 1 = false;  // to its place in ready_: it does not leave memory
  };
  /// Ready messages in stretches that are on disk only.
  struct Cold {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  /// Leases from before a restart, in order of positions; the messages of some are to be read.
  struct Restoring {
    std::vector<storage::StoredLease> leases;
    std::size_t read = 0;  // how many
    auto next() const { return leases.begin() + static_cast<std::ptrdiff_t>(read); }
    bool done() const { return read == leases.size(); }
  };
  /// What a place in the queue costs, besides the message.
  static constexpr std::int64_t kSlotBytes = sizeof(Slot);
  /// What a message costs in memory besides its body, roughly.
  static constexpr std::uint64_t kMessageCost = 128;
  static std::uint64_t cost(const Slot& slot) { return slot.message->body().size() + kMessageCost; }

  void begin_deduplication();
  std::optional<DeduplicationKey> deduplication_key(const Message& message) const;
  /// Was a message with its id here lately? Else the id is remembered, as that of the next
  /// position.
  bool is_duplicate(const Message& message, bool moved);
  void forget_ids();
  void account_ids();
  std::uint8_t default_priority() const;
  /// The next one may be on disk only, if it has no slot.
  bool front_may_be_cold() const {
    if (places_.contains(ready_.front())) return front_is_on_disk();
    return cold_.count != 0 && ready_.front_may_be_unread() &&
           !(groups_ && gone_from_groups(ready_.front()));
  }
  /// By itself, not as one of a stretch.
  bool front_is_on_disk() const { return !ready_.empty() && places_.on_disk(ready_.front()); }
  /// The front is not ready: it is passed over. `slot`: its own, null if it has none.
  void pass_over(Slot* slot);
  bool head_is_cold();
  /// Is there since before a restart, and has not been in memory since then.
  bool is_unread(Position position) const;
  std::uint64_t hot_cost() const;
  bool has_enough_ahead(std::uint64_t window) const;
  /// How many messages of that size on average are read at once.
  static std::uint64_t most_in_page(std::uint64_t bytes, std::uint64_t count);
  void read_on();
  /// Not more than `most`.
  void read_places(std::uint64_t most);
  void places_loaded(const storage::ReadMessages& read);
  void evict(std::uint64_t window);
  bool evict_one(Position position);
  /// Its message is on disk only from now on.
  void leave_memory(Position position, Slot& slot);
  /// `seen_below`: what is below was in memory before.
  void put_back(const storage::MessageRecord& record, Position seen_below);
  Slot* make_slot(const storage::MessageRecord& record);
  void push_unread(const storage::StoredQueue& stored);
  void read_leased();
  void leased_loaded(const storage::ReadMessages& read);
  void restore_lease(const storage::MessageRecord& record, const storage::Lease& lease);
  void restored();
  void note_unread();
  void note_handed_out();
  bool must_be_marked(Position position, const Slot& slot);
  void mark_ahead(Position position);
  Position ahead_of(Position position) const;
  WallMs deadline(const Slot& slot) const;
  /// When it came here, or to the first of its queues: age goes along with dead letters, but for
  /// queues that lock groups, as SQS has it.
  WallMs since(const Slot& slot) const;
  WallMs retained_until(const Slot& slot) const;
  /// Drops a slice of those that have been kept for long enough.
  void end_retention();
  /// The queue's retention is another.
  void retain_anew();
  bool is_over(const Slot& slot, bool strictly) const;
  bool may_expire() const { return with_ttl_ != 0 || settings().ttl_ms || settings().retention_ms; }
  /// From when on it may be handed out.
  WallMs available_from(const Slot& slot) const;
  void wait_until(Position position, Slot& slot, WallMs due);
  void end_waits();
  /// Keeps about `window` of what waits in memory.
  void evict_waits(std::uint64_t window);
  /// One that waits in memory can be read back: it has never been handed out, nor kept its place.
  bool can_wait_on_disk(Position position, const Slot& slot) const;
  /// What it costs in memory if it may ever leave, else 0.
  std::uint64_t cost_of_wait(const Slot& slot) const;
  WaitingMessages::OnDisk wait_on_disk(Position position, Slot& slot, WallMs due);
  void come_due_on_disk(const std::vector<WaitingMessages::OnDisk>& due);
  /// The queue's delay is another.
  void delay_anew();
  /// Drops those that wait and says how many they were.
  std::uint64_t drop_waits();
  /// ready_ was emptied.
  void forget_places_of_waits();
  /// The lease has ended and the message would return: it has been handed out too often for that.
  bool out_of_chances(const Slot& slot) const;
  std::uint8_t priority_of(const Message& message) const;
  bool purged(Position position, const Slot& slot) const {
    return position < purged_below_ && slot.state == State::kReady && !slot.after_purge;
  }
  /// The ready message at the head, expired ones removed; null when there is none.
  Slot* head(Position& position, bool strictly);
  void drop_expired(Position position, Slot& slot);
  void lend(Position position, Slot& slot);
  DeliveryItem lend(Position position, Slot& slot, Consumer& consumer);
  void hand_to_poll(Position position, Slot& slot, Consumer& consumer);
  bool holds_lease(const Slot& slot, const LeaseToken& token) const;
  /// It is so old that its message's position may be another one's by now.
  bool is_outlived(const LeaseToken& token) const;
  /// The store is told of the message's lease, if there is one that ends by itself.
  void store_lease(Position position, const Slot& slot);
  /// The last time that it was handed out.
  bool is_latest(const Slot& slot, const LeaseToken& token) const;
  /// kDone: it is leased, and the token good for that.
  TokenEnd check(const LeaseToken& token, const Slot* slot, Freshness freshness) const;
  void remove_waiting(Position position, Slot& slot);
  void remove_unread(Position position);
  void end_due_leases();
  std::uint64_t drop_leased();
  void drop_front_leftovers();
  void hand_out(Position position, Slot& slot, Consumer& consumer);
  void drop_or_dead_letter(Position position, Slot& slot, DeathReason reason);
  /// `may_stay`: it may turn out that it cannot go.
  void start_moving(Position position, Slot& slot, bool may_stay);
  void enforce_length();
  bool over_length(std::uint64_t messages, std::uint64_t bytes) const;
  void give_back(std::vector<Position>& positions);
  void forget_ready();

  // --- groups: queue_groups.cc ---
  struct Picked {
    enum class How : std::uint8_t {
      kFound,
      kNone,   // there is nothing for that holder
      kWaits,  // until it is read back, or marked in the store
      kLater,  // a slice of expired ones has gone
    } how = How::kNone;
    Position position = 0;
    Slot* slot = nullptr;
  };
  /// The next one for somebody who holds nothing.
  Picked pick_any();
  /// Fair ones are looked at from the first message on that has a group, unless some that were
  /// delayed before are on disk.
  bool begins_groups(const Message& message) const {
    return !groups_ && settings().message_groups == MessageGroups::kFair && ready_.levels() == 1 &&
           !message.group().empty() && places_.count_on_disk() == 0 &&
           !(waits_ && waits_->on_disk() != 0);
  }
  void begin_groups();
  /// As the index says, but for what was handed out too often: that goes when it is the first of
  /// its group, and whoever has what is before it gets no more of that group.
  std::optional<Position> next_in_groups(GroupIndex::Holder holder, bool stay) const;
  /// It is in a locked group, in which nothing overtakes: not even those that die.
  bool dies_in_turn(Position position) const;
  /// Was handed out too often, and goes when it is the first of its group.
  bool dies_next(Position position) const;
  void drop_exhausted();
  /// In the window, and not in the index.
  bool gone_from_groups(Position position) const {
    return position < groups_->end && !groups_->index.contains(position);
  }
  /// Only what was out over a restart is in the index before the window comes to it.
  bool ahead_of_groups(Position position) const { return position >= groups_->end; }
  void widen_groups();
  void add_to_groups(Position position, const Slot& slot);
  /// The first message behind the window that must be read back; kLastPosition.
  Position unread_behind_groups() const;
  bool groups_can_read_on() const;
  /// `stay`: the holder is not finished with a group while it may have more of it.
  /// `goes_elsewhere`: it is not handed out, so nothing need be noted of that first.
  Picked pick(GroupIndex::Holder holder, bool stay, bool strictly, bool goes_elsewhere = false);
  void leave_line(const Picked& picked, GroupIndex::Holder holder);
  void dispatch_groups();
  void want_group_tokens();
  std::optional<DeliveryItem> take_of_groups(Consumer& consumer);
  bool groups_wait();
  void return_to_group(Position position, Slot& slot);
  void drop_group_leftovers();
  void keep_leftovers(std::vector<PositionRange>& ready) const;
  void purge_groups();
  void page_groups(std::uint64_t window);
  bool unread_for_groups(Position position, Position from) const;
  void read_for_groups(Position from);
  void loaded_for_groups(const storage::ReadMessages& read);
  void evict_of_groups(std::uint64_t window);
  void evict_from_groups(Position position);
  void lose_from_groups(Position position);
  void note_lost();
  void leave_groups(Position position) {
    if (groups_ && groups_->index.contains(position)) groups_->index.erase(position);
  }

  /// What becomes of one message whose lease ended as `how`; positions that return are appended.
  void end_lease(Position position, Slot& slot, Settle how, std::vector<Position>& returned);
  void left_ready(const Slot& slot);
  void erase(Position position, Slot& slot);
  void arm_for_head();

  QueueEntry& entry_;
  const QueueId id_;
  QueueHost& host_;
  MemoryMeter& meter_;  // outlives the host
  std::shared_ptr<const QueueSettings> settings_;
  SlidingWindow<Slot> slots_{1};
  ReadyIndex ready_;
  ConsumerSet consumers_;
  std::unique_ptr<WaitingMessages> waits_;     // made when first used
  std::unique_ptr<TimedLeases> timed_;         // made when first used
  std::unique_ptr<ReceiveAttempts> attempts_;  // made when first used
  std::unique_ptr<Restoring> restoring_;       // while they are read
  std::vector<Consumer*> polls_;               // that wait, the oldest first
  std::vector<Consumer*> ended_polls_;
  std::unique_ptr<SeenIds> seen_;
  std::int64_t seen_bytes_ = 0;          // of it, on the meter
  std::unique_ptr<GroupWindow> groups_;  // null: it has none, or has seen none
  std::uint64_t ready_count_ = 0;
  std::uint64_t ready_bytes_ = 0;
  std::uint64_t leased_count_ = 0;
  std::uint64_t moving_count_ = 0;  // dead letters that are not safe yet
  std::uint64_t moving_bytes_ = 0;
  std::uint64_t with_ttl_ = 0;  // messages with a time to live of their own
  Position purged_below_ = 0;   // ready slots below it are dropped; sweep() frees them
  Position sweep_at_ = 0;
  Cold cold_;
  VacantPlaces places_;
  std::vector<PositionRange> places_asked_;  // to be read
  Position evicted_below_ = 0;               // what could leave there was offered to
  std::uint64_t stuck_ = 0;                  // roughly, the cost of what is ready and cannot leave
  bool stores_ = false;                      // some of it is, or was, stored
  Position loading_below_ = 0;               // what is asked for; more may leave while it is read
  std::uint8_t loading_level_ = 0;
  bool loading_ = false;
  bool head_wanted_ = false;  // by something that found it on disk
  // What was handed out and is stored must be known as delivered after a crash.
  Position lent_below_ = 0;      // the highest stored position that was ever lent, and one
  Position marked_below_ = 0;    // what the store was told of that, and of what will be lent next
  Position mark_run_from_ = 0;   // since when it was told ahead of time
  Position restored_below_ = 0;  // positions that are from before a restart
  Position outlived_below_ = 0;  // what is in memory below it has been kept for long enough
  storage::Unmarked unmarked_;   // as of the last look
  WallMs last_use_ = 0;
  QueueCounters counters_;
};

}  // namespace polymq::engine
