// A consumer of a queue as its home sees it: credit, leases, and its place in the rotation.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/sliding_window.h"
#include "engine/delivery.h"
#include "engine/ids.h"
#include "engine/receive.h"

namespace polymq::engine {

class Queue;

/// What one home has under way to one client: bytes handed over and not yet written to its socket.
/// A consumer that does not read costs one window, whatever the number of its consumers.
struct Link {
  ClientId client;
  std::size_t unwritten_bytes = 0;
  DeliveryBatch open;               // this turn's deliveries, not yet handed over
  std::size_t last_batch = 0;       // items of the one before: the next is mostly as large
  std::vector<ConsumerId> waiting;  // consumers that found the window full

  static constexpr std::size_t kWindowBytes = 512 * 1024;
  bool has_room() const { return unwritten_bytes < kWindowBytes; }
};

struct ConsumerOptions {
  std::uint32_t prefetch = 0;  // 0 = no limit
  std::int32_t priority = 0;
  bool no_ack = false;  // settled when written
  bool exclusive = false;
  bool one_shot = false;  // a get: takes single messages on request, is not in the rotation
};

/// What makes a consumer a request for some messages at once (a long poll): it is answered when it
/// was handed some, or when its time is up, and takes part no more. Its leases end by themselves.
struct Poll {
  ShardIndex from;
  RequestId request;
  ReceiveOptions options;
  WallMs until;
  bool repeated = false;  // handed out by an earlier attempt
  /// Handed out. Their messages are held until they are reported written.
  std::vector<ReceivedItem> items;
  std::size_t bytes = 0;  // of their bodies
  bool answered = false;  // it gets no more

  /// All it is handed lies in one answer, which is made in memory as a whole. It gets no more
  /// once there is that much; the first message always.
  static constexpr std::size_t kMostBytes = 1024 * 1024;

  bool wants_more() const { return !answered && items.size() < options.most && bytes < kMostBytes; }
};

/// Shard: the queue's home. A consumer outlives its cancellation until its last lease has ended.
class Consumer : public boost::intrusive::list_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Consumer(ConsumerId id, SessionId session, std::uint32_t handle, Queue& queue, Link& link,
           const ConsumerOptions& options)
      : id(id), session(session), handle(handle), queue(&queue), link(&link), options(options) {}

  const ConsumerId id;
  const SessionId session;
  const std::uint32_t handle;
  Queue* queue;  // null once the queue is gone and only unwritten leases hold this consumer
  Link* const link;
  ConsumerOptions options;

  /// The lease's message by lease number. Numbers start at 1.
  SlidingWindow<Position> leases{1};
  /// Leases up to this one were written to the socket.
  LeaseNumber written = 0;
  /// Under a channel-wide prefetch each message takes a token that the session granted.
  bool shared_credit = false;
  std::uint32_t tokens = 0;
  bool cancelled = false;
  std::unique_ptr<Poll> poll;  // null: it is none

  /// May it be handed one more message, as far as its own credit goes?
  bool has_credit() const {
    if (poll) return poll->wants_more();
    if (shared_credit && tokens == 0) return false;
    return options.no_ack || options.prefetch == 0 || leases.size() < options.prefetch;
  }
};

/// The consumers of one queue: who is next.
/// Order: highest priority first; equals in rotation, a served or newly able one goes to the end.
/// A single active consumer or an exclusive one narrows the choice, it is not another loop.
class ConsumerSet {
 public:
  std::size_t size() const { return members_.size(); }
  bool empty() const { return members_.empty(); }
  const std::vector<Consumer*>& members() const { return members_; }
  bool has_exclusive() const;

  /// `by_priority`: a single active consumer is chosen by priority first (quorum type), else the
  /// first registered.
  void set_single_active(bool on, bool by_priority);
  Consumer* active() const { return active_; }

  bool single_active() const { return single_active_; }
  void add(Consumer& consumer);
  void remove(Consumer& consumer);
  /// It may have become able to take messages.
  void wake(Consumer& consumer);
  /// The consumer to hand the next message to, or null. One that turns out unable leaves the
  /// rotation until wake(), and so does a poll for which too many messages are out: `leased`.
  Consumer* next(std::uint64_t leased);
  /// `consumer` (from next()) was handed a message. A poll goes on until it has all it asked for.
  void served(Consumer& consumer);
  /// Those that next() found without a channel-wide token since the last call.
  std::vector<Consumer*> take_starved() { return std::exchange(starved_, {}); }
  /// Has next() found too many messages out for a poll?
  bool holds_back() const { return held_back_; }
  /// The same, since the last call.
  bool take_held_back() { return std::exchange(held_back_, false); }

 private:
  using Rotation = boost::intrusive::list<Consumer, boost::intrusive::constant_time_size<false>>;
  struct Level {
    std::int32_t priority;
    Rotation able;
  };
  Rotation& rotation(std::int32_t priority);
  bool eligible(const Consumer& consumer) const {
    if (consumer.poll && (single_active_ || has_exclusive())) return false;
    return !single_active_ || (&consumer == active_ && !quiescing_);
  }
  void elect();
  /// The one who should be active: the first registered, of the highest priority if that counts.
  Consumer* candidate() const;
  /// Hands over to one of higher priority, at once or when the active one holds nothing any more.
  void reconsider();

  std::vector<Consumer*> members_;              // in order of registration
  std::vector<std::unique_ptr<Level>> levels_;  // highest priority first
  std::vector<Consumer*> starved_;
  Consumer* active_ = nullptr;
  bool held_back_ = false;
  bool single_active_ = false;
  bool by_priority_ = false;
  bool quiescing_ = false;  // the active one gets nothing more: another waits for its place
};

}  // namespace polymq::engine
