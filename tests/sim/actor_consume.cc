// Channels that consume: what they are handed, what is checked of it, and how they settle it.
#include <algorithm>

#include "actors.h"
#include "world.h"

namespace polymq::sim {

using engine::EngineResult;
using engine::QueueEntry;
using engine::Settle;

namespace {

// How a settlement counts when the message comes back.
Return return_of(Settle how) { return how == Settle::kFail ? Return::kFailed : Return::kWritten; }

bool single_active(const QueueKind& kind) {
  return kind.name == "sac" || kind.name == "qsac" || kind.name == "gsac";
}

}  // namespace

// --- consumers ----------------------------------------------------------------------------------

void ChannelActor::consume() {
  static constexpr std::uint32_t kPrefetch[] = {0, 1, 1, 2, 5, 20};
  static constexpr std::int32_t kPriority[] = {0, 0, 0, 5, -1};
  Random& random = world_.random();
  const std::string name = random.pick(world_.queue_names());
  const QueueEntry* entry = find_queue(name);
  const auto handle = static_cast<std::uint32_t>(consumers_.size());
  Consumer consumer;
  consumer.options = {.prefetch = random.pick(kPrefetch),
                      .priority = random.pick(kPriority),
                      .no_ack = random.chance(30),
                      .exclusive = random.chance(world_.workload().exclusive_percent)};
  if (entry != nullptr) {
    world_.model().queue_seen(*entry);
    consumer.queue = entry->id;
    used_.insert(entry->id);
  }
  consumers_.push_back(consumer);
  const auto operation = begin("consume " + name + " as " + std::to_string(handle));
  session_.consume(name, handle, consumer.options,
                   [this, handle, operation](EngineResult<engine::ConsumerId> result) {
                     end(operation);
                     if (!result) {
                       consumers_[handle].ended = true;
                       refused(result.error());
                       return;
                     }
                     consumers_[handle].id = *result;
                   });
}

void ChannelActor::cancel() {
  if (consumers_.empty()) return;
  const auto handle = static_cast<std::uint32_t>(world_.random().below(consumers_.size()));
  Consumer& consumer = consumers_[handle];
  if (consumer.ended || !consumer.id) return;
  consumer.cancelling = true;
  world_.leaves(consumer.queue, consumer.id);
  const auto operation = begin("cancel " + std::to_string(handle));
  session_.cancel(consumer.id, [this, handle, operation] {
    end(operation);
    consumers_[handle].ended = true;
  });
}

void ChannelActor::on_consumer_gone(std::uint32_t handle) {
  if (closing_) violated("(f) a consumer of a closed channel is told to be gone");
  Consumer& consumer = consumers_.at(handle);
  world_.log().add("channel %lx: consumer %u is gone", session_.id().value, handle);
  consumer.ended = true;
}

void ChannelActor::set_qos() {
  Random& random = world_.random();
  if (random.chance(60)) {  // no lower than before: what is under way stays within it
    if (shared_limit_ == 0 && !consumers_.empty()) shared_checked_ = false;
    shared_checked_ = shared_checked_ || consumers_.empty();
    shared_limit_ = shared_limit_ + static_cast<std::uint32_t>(random.between(1, 3));
  } else {
    shared_checked_ = false;
    shared_limit_ = static_cast<std::uint32_t>(random.below(4));
  }
  world_.log().add("channel %lx: shared prefetch %u", session_.id().value, shared_limit_);
  session_.set_shared_prefetch(shared_limit_);
}

// --- deliveries ---------------------------------------------------------------------------------

void ChannelActor::check_consumer(const Consumer& consumer, const engine::DeliveryRun& run) const {
  if (closing_) violated("(f) channel %lx is handed messages after it closed", session_.id().value);
  if (consumer.ended) {
    violated("(f) channel %lx: consumer %u is handed messages after its end", session_.id().value,
             run.handle);
  }
  if (!consumer.id) violated("(f) consumer %u is handed messages before consume-ok", run.handle);
  if (consumer.id != run.consumer) violated("(f) consumer %u has another id", run.handle);
  if (run.first <= consumer.last_lease) violated("(f) lease %lu is handed out again", run.first);
  if (!consumer.cancelling && single_active(kind_of(world_.model().queue_name(consumer.queue)))) {
    world_.active_consumer(consumer.queue, run.consumer);
  }
}

void ChannelActor::on_deliveries(const engine::DeliveryRun& run,
                                 const engine::DeliveryItem* items) {
  Consumer& consumer = consumers_.at(run.handle);
  check_consumer(consumer, run);
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const Held held{.handle = run.handle,
                    .consumer = run.consumer,
                    .lease = run.first + i,
                    .key = world_.model().delivered(items[i], consumer.queue),
                    .message = items[i].message,
                    .bytes = items[i].message->footprint(),
                    .no_ack = consumer.options.no_ack};
    consumer.last_lease = held.lease;
    check_order(consumer, held, items[i]);
    take(items[i], held);
    check_credit(consumer, run.handle);
  }
  if (!consumer.options.no_ack) unacked_changed();
}

void ChannelActor::take(const engine::DeliveryItem& item, const Held& held) {
  if (world_.all_expired() && item.acquired == 0 && world_.withdrawn(held.key)) {
    violated("(g) message %lu is handed out, but its commit failed before anybody saw it",
             held.key.message);
  }
  if (world_.all_expired() && held.key.path == 0 &&
      world_.model().message(held.key.message).own_ttl) {
    violated("(a) message %lu is handed out long after its time", held.key.message);
  }
  check_delay(held);
  const std::uint64_t tag = next_tag_++;
  held_.emplace(tag, held);
  world_.log().add("channel %lx: %s %lu from %s (%u/%u)", session_.id().value,
                   held.handle == kGot ? "gets" : "is handed", held.key.message,
                   world_.model().queue_name(held.key.queue).c_str(), item.acquired, item.failed);
  client_.handed_over(*this, tag, held.consumer.shard(), held.bytes, held.handle != kGot);
}

// What one channel published to a queue, one consumer sees in that order: the first time, and
// within one priority.
void ChannelActor::check_order(Consumer& consumer, const Held& held,
                               const engine::DeliveryItem& item) {
  const MessageId id = held.key.message;
  world_.model().check_group(held.key, {held.consumer.value, 0}, item.redelivered);
  const QueueKind& kind = kind_of(world_.model().queue_name(consumer.queue));
  if (kind.grouped || kind.fair || world_.workload().receives()) return;
  if (item.redelivered || held.key.path != 0) return;
  if (world_.model().may_be_disordered(id, consumer.queue)) return;
  const Published& message = world_.model().message(id);
  if (message.delay_ms != 0 && !message.via.empty()) return check_delayed_order(consumer, id);
  std::uint64_t& last =
      consumer.last_order[{message.by.value, kind.prioritized ? message.priority : 0, message.via}];
  if (message.order < last) {
    violated("(c) channel %lx: message %lu of %s comes behind a later one", session_.id().value, id,
             world_.model().queue_name(consumer.queue).c_str());
  }
  last = message.order;
}

std::size_t ChannelActor::held_by(std::uint32_t handle) const {
  return static_cast<std::size_t>(std::count_if(
      held_.begin(), held_.end(), [&](const auto& held) { return held.second.handle == handle; }));
}

void ChannelActor::check_credit(const Consumer& consumer, std::uint32_t handle) const {
  if (consumer.options.no_ack) return;
  if (consumer.options.prefetch != 0 && held_by(handle) > consumer.options.prefetch) {
    violated("(e) channel %lx: consumer %u holds %zu messages with a prefetch of %u",
             session_.id().value, handle, held_by(handle), consumer.options.prefetch);
  }
  if (!shared_checked_ || shared_limit_ == 0) return;
  const auto shared =
      static_cast<std::size_t>(std::count_if(held_.begin(), held_.end(), [](const auto& held) {
        return held.second.handle != kGot && !held.second.no_ack;
      }));
  if (shared > shared_limit_) {
    violated("(e) channel %lx holds %zu messages with a shared prefetch of %u", session_.id().value,
             shared, shared_limit_);
  }
}

void ChannelActor::get(const std::string& name, bool no_ack, Got* to) {
  const QueueEntry* entry = find_queue(name);
  if (entry != nullptr) world_.model().queue_seen(*entry);
  const engine::QueueId queue = entry == nullptr ? 0 : entry->id;
  used_.insert(queue);
  const auto operation = begin("get from " + name);
  session_.get(
      name, no_ack,
      [this, queue, no_ack, to, operation](EngineResult<std::optional<engine::GotMessage>> result) {
        end(operation);
        if (to != nullptr) *to = {.empty = !result || !*result};
        if (!result) {
          refused(result.error());
          return;
        }
        if (!*result) return;
        const engine::GotMessage& got = **result;
        if (to != nullptr) to->priority = got.item.message->priority().value_or(0);
        const CopyKey key = world_.model().delivered(got.item, queue);
        // What must be settled is a holder of its own.
        world_.model().check_group(key, {got.consumer.value, no_ack ? 0 : got.lease},
                                   got.item.redelivered);
        take(got.item, {.handle = kGot,
                        .consumer = got.consumer,
                        .lease = got.lease,
                        .key = key,
                        .message = got.item.message,
                        .bytes = got.item.message->footprint(),
                        .no_ack = no_ack});
        if (!no_ack) unacked_changed();
      });
}

// --- the socket ---------------------------------------------------------------------------------

void ChannelActor::sent(std::uint64_t tag) {
  if (answer_sent(tag)) return;
  const auto held = held_.find(tag);
  if (held == held_.end()) violated("a message is settled before it is sent");
  held->second.sent = true;
  world_.model().sent(held->second.key);
  world_.model().check_lent(*held->second.message, held->second.key);
}

void ChannelActor::reported(std::uint64_t tag, bool dropped) {
  if (answer_reported(tag, dropped)) return;
  const auto found = held_.find(tag);
  const auto lent = lent_.find(tag);
  const Held held = found != held_.end() ? found->second : lent->second;
  if (lent != lent_.end()) lent_.erase(lent);
  client_.client().written(held.consumer, dropped ? 0 : held.lease, held.bytes);
  if (found == held_.end()) return;  // settled already
  found->second.reported = !dropped;
  if (!held.no_ack || dropped) return;
  world_.model().settled(held.key, false);
  held_.erase(found);
}

// --- settlement ---------------------------------------------------------------------------------

void ChannelActor::unacked_changed() { session_.set_unacked(unacked()); }

std::size_t ChannelActor::unacked() const {
  return static_cast<std::size_t>(std::count_if(
      held_.begin(), held_.end(), [](const auto& held) { return !held.second.no_ack; }));
}

bool ChannelActor::has_shared_credit() const {
  return shared_limit_ == 0 || unacked() < shared_limit_;
}

void ChannelActor::settle() {
  static constexpr Settle kWays[] = {Settle::kAck,     Settle::kAck,  Settle::kAck,
                                     Settle::kRequeue, Settle::kFail, Settle::kDiscard};
  Random& random = world_.random();
  std::vector<std::uint64_t> tags;
  for (const auto& [tag, held] : held_) {
    if (held.sent && !held.no_ack && !held.in_transaction) tags.push_back(tag);
  }
  if (tags.empty()) return;
  const Settle how = random.pick(kWays);
  if (random.chance(30)) {  // "multiple"
    tags.resize(random.between(1, tags.size()));
  } else {
    tags = {random.pick(tags)};
  }
  for (const std::uint64_t tag : tags) {
    if (mode_ == Mode::kTransaction) {
      held_.at(tag).in_transaction = true;
      transaction_settles_.push_back({tag, how});
    } else {
      settle_one(tag, how);
    }
  }
  unacked_changed();
}

void ChannelActor::settle_one(std::uint64_t tag, Settle how) {
  const auto found = held_.find(tag);
  const Held held = found->second;
  world_.log().add("channel %lx: settles %lu (%d)", session_.id().value, held.key.message,
                   static_cast<int>(how));
  if (!held.reported) lent_.emplace(tag, held);
  held_.erase(found);
  session_.settle(held.consumer, held.lease, held.lease, how);
  if (how == Settle::kAck || how == Settle::kDiscard) {
    note_dead_letter_target(held.key.queue);
    world_.model().settled(held.key, how == Settle::kDiscard);
  } else {
    world_.model().returned(held.key, return_of(how));
  }
}

void ChannelActor::note_dead_letter_target(engine::QueueId queue) {
  const QueueKind& kind = kind_of(world_.model().queue_name(queue));
  if (kind.dead_letters_to.empty() || kind.moving) return;
  world_.model().dead_letter_target(queue, find_queue(std::string(kind.dead_letters_to)));
}

// The channel closes: the engine takes back what it holds.
void ChannelActor::return_held() {
  for (const auto& [tag, held] : std::exchange(held_, {})) {
    const bool counts = kind_of(world_.model().queue_name(held.key.queue)).quorum();
    world_.model().returned(held.key, !held.reported ? Return::kUnwritten
                                      : counts       ? Return::kFailed
                                                     : Return::kWritten);
  }
  if (unit_in_commit_) commit_ended(Unit::Outcome::kUnknown);
}

}  // namespace polymq::sim
