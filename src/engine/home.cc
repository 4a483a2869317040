// The message path at a queue's home: publishes, settlements, deliveries and timers.
#include "engine/home.h"

#include <algorithm>

#include "engine/stored_message.h"

namespace polymq::engine {

Home::Home(Mailer& mailer, Topology& topology, storage::MessageStore& store, const Now& now,
           MemoryMeter& meter, const HomeOptions& options)
    : mailer_(mailer),
      topology_(topology),
      store_(store),
      now_(now),
      meter_(meter),
      logs_(store),
      dead_letters_(mailer, topology, store, meter, now),
      exchanges_(mailer, topology, logs_, meter, now),
      moves_(mailer, dead_letters_, now),
      options_(options) {}

Home::~Home() = default;

Queue* Home::find_queue(QueueId id) {
  QueueEntry* entry = topology_.queue(id);
  return entry == nullptr ? nullptr : entry->local.get();
}

Consumer* Home::find_consumer(ConsumerId id) {
  const auto it = consumers_.find(id.value);
  return it == consumers_.end() ? nullptr : it->second.get();
}

void Home::mark_dirty(Queue& queue) {
  if (queue.dirty) return;
  queue.dirty = true;
  dirty_.push_back(&queue);
}

// --- topology -----------------------------------------------------------------------------------
void Home::queue_added(QueueEntry& entry) {
  entry.local = std::make_unique<Queue>(entry, *this);
  if (!entry.stored()) return;
  entry.local->restore(store_.open_queue(entry.id, entry.lane));
  if (entry.local->restoring()) restoring_.push_back(entry.local.get());
  moves_.update(*entry.local, true);
  store_.set_sync(entry.id, entry.local->settings().sync);
  note_paging(*entry.local);
  mark_dirty(*entry.local);
}

void Home::settings_changed(QueueEntry& entry) {
  entry.local->settings_changed();
  entry.local->wake_polls();
  moves_.update(*entry.local, false);
  if (entry.stored()) store_.set_sync(entry.id, entry.local->settings().sync);
  mark_dirty(*entry.local);
}

void Home::queue_removed(QueueEntry& entry) {
  Queue& queue = *entry.local;
  moves_.forget(queue);
  answer_polls(queue);
  hand_over();  // nothing may reach a consumer after the word that it is gone
  if (entry.stored()) {
    logs_.forget(entry.id);
    store_.close_queue(entry.id);  // before the messages, which it looks at
  }
  if (queue.paging) --paging_queues_;
  for (Consumer* member : std::vector<Consumer*>(queue.consumers().members())) {
    queue.consumers().remove(*member);
    member->cancelled = true;
    mailer_.send(member->session.shard(), ConsumerGone{member->session, member->handle});
  }
  queue.close();
  for (Consumer* consumer : std::vector<Consumer*>(queue.attached)) {
    consumer->cancelled = true;  // those of gets, too: they go with their last lease
    if (consumer->poll) {
      leave_poll(*consumer);
      continue;
    }
    queue.settle(*consumer, 0, consumer->written, Settle::kAck);
    if (consumer->leases.empty()) free_consumer(*consumer);
  }
  std::erase(dirty_, &queue);
  std::erase(sweeping_, &queue);
  std::erase(restoring_, &queue);
  resume_gets(entry.id);  // it is deleting: they are told
  dying_.push_back(std::move(entry.local));
}

// --- publishes ----------------------------------------------------------------------------------
bool Home::push(const PublishItem& item, bool awaited, Queue::Arrival arrival, Waits& waits) {
  Queue* queue = find_queue(item.target);
  if (queue == nullptr || queue->deleting) {
    push_elsewhere(item, awaited, arrival != Queue::Arrival::kAlone, waits);
    return false;
  }
  const bool store = item.message->persistent() && queue->entry().stored();
  // The queue may let go of a message that it drops at once; the store reads it first.
  if (store) item.message->add_reference();
  const Position before = queue->last_position();
  const Queue::Pushed pushed = queue->push(item.message, arrival, waits.moved);
  if (store) {
    const Message& message = *item.message;
    const bool taken = pushed == Queue::Pushed::kTaken;
    if (taken && queue->last_position() != before && queue->holds(queue->last_position())) {
      const Position position = queue->last_position();
      store_.append(to_record(message, item.target, position, now_.wall));
      queue->mark_stored(position);
      waits.stored.push_back({item.target, position});
      if (Queue::is_move(arrival)) {
        arriving_.push_back({store_.await_staged(), {item.target, position}});
      }
    }
    if (pushed == Queue::Pushed::kDuplicate) note_duplicate(*queue, item, awaited, waits);
    item.message->release(meter_);
  }
  if (waits.places != nullptr && awaited) note_place(*queue, item, pushed, *waits.places);
  mark_dirty(*queue);
  return pushed == Queue::Pushed::kRejected;
}

// A window that only time limits knows whether the original has failed meanwhile.
void Home::note_duplicate(const Queue& queue, const PublishItem& item, bool awaited, Waits& waits) {
  waits.everything = true;
  if (!awaited || !queue.settings().deduplication_window_ms) return;
  const SeenIds::Duplicate& duplicate = queue.last_duplicate();
  waits.duplicates.push_back({item.sequence, queue.id(), duplicate.key, duplicate.number});
}

void Home::note_place(const Queue& queue, const PublishItem& item, Queue::Pushed pushed,
                      std::vector<PublishPlace>& places) {
  if (pushed == Queue::Pushed::kTaken) {
    places.push_back({item.sequence, queue.last_position(), {}, false});
  } else if (pushed == Queue::Pushed::kDuplicate) {
    const Original& original = queue.last_duplicate().original;
    places.push_back({item.sequence, original.position, original.id, true});
  }
}

// To an exchange that lives here; or it was routed to what is gone since.
void Home::push_elsewhere(const PublishItem& item, bool awaited, bool in_unit, Waits& waits) {
  Exchange* exchange = topology_.exchange(ExchangeId{item.target});
  if (exchange == nullptr) {
    item.message->release(meter_);
    return;
  }
  const auto published =
      exchanges_.publish(*exchange, item.message, item.sequence, awaited, in_unit);
  if (published.stored) waits.stored.push_back({item.target, *published.stored});
  waits.everything = waits.everything || published.duplicate;
}

void Home::handle(PublishBatch& batch) {
  PublishAnswer answer{batch.from, batch.number, {}};
  Waits waits;
  if (batch.tell_places) waits.places = &answer.places;
  waits.moved = batch.from.number() == kDeadLetterPublisher;
  const bool moving = batch.unit.id != 0;
  if (moving) store_.join_unit(batch.unit.id, batch.unit.parts);
  exchanges_.begin_batch(batch.from);
  for (const PublishItem& item : batch.items) {
    const bool awaited = item.sequence != 0;
    const auto arrival = !moving     ? Queue::Arrival::kAlone
                         : item.sure ? Queue::Arrival::kMovingForSure
                                     : Queue::Arrival::kMoving;
    const bool refused = push(item, awaited, arrival, waits);
    // Nobody asked about those without a sequence, though they share a batch with others.
    if (refused && awaited) answer.rejected.push_back(item.sequence);
  }
  if (batch.number == 0) return;
  const storage::CommitNumber commit = commit_of(waits);
  await({.commit = commit,
         .to = batch.from.shard(),
         .answer = std::move(answer),
         .sequences = {},
         .stored = std::move(waits.stored),
         .duplicates = std::move(waits.duplicates)},
        batch.items);
}

void Home::handle(const PublishAnswer& answer) {
  if (answer.to.number() == kDeadLetterPublisher) return dead_letters_.answered(answer);
  exchanges_.answered(answer);
  send_answers();
}

// --- settlement ---------------------------------------------------------------------------------
void Home::settle(const SettleItem& item) {
  Consumer* consumer = find_consumer(item.consumer);
  if (consumer == nullptr) return;  // its queue is gone, or it was released
  Queue& queue = *consumer->queue;
  queue.settle(*consumer, item.first, item.last, item.how);
  if (consumer->cancelled && consumer->leases.empty()) {
    free_consumer(*consumer);
  }
  if (!queue.deleting) mark_dirty(queue);
}

void Home::handle(SettleBatch& batch) {
  for (const SettleItem& item : batch.items) settle(item);
}

void Home::handle(WrittenBatch& batch) {
  const auto it = links_.find(batch.client.value);
  if (it == links_.end()) return;
  Link& link = *it->second;
  for (const WrittenItem& item : batch.items) {
    link.unwritten_bytes -= item.bytes;
    Consumer* consumer = find_consumer(item.consumer);
    if (consumer == nullptr) continue;
    if (consumer->poll) {
      if (item.last != 0) free_poll(*consumer);
      continue;
    }
    consumer->written = std::max(consumer->written, item.last);
    Queue& queue = *consumer->queue;
    if (consumer->options.no_ack || queue.deleting) {
      queue.settle(*consumer, 0, item.last, Settle::kAck);
      // Its place, its group, or a poll may have waited for that.
      const ConsumerSet& others = queue.consumers();
      const bool frees =
          others.single_active() || others.holds_back() || queue.settings().message_groups;
      if (frees && !queue.deleting) mark_dirty(queue);
      if (consumer->cancelled && consumer->leases.empty()) free_consumer(*consumer);
    }
  }
  if (link.waiting.empty() || !link.has_room()) return;
  for (const ConsumerId id : std::exchange(link.waiting, {})) {
    Consumer* consumer = find_consumer(id);
    if (consumer == nullptr || consumer->cancelled) continue;
    consumer->queue->consumers().wake(*consumer);
    mark_dirty(*consumer->queue);
  }
}

void Home::handle(const CloseClient& close) { links_.erase(close.client.value); }

void Home::handle(const ShareCredit& share) {
  const auto it = sessions_.find(share.session.value);
  if (it == sessions_.end()) return;
  for (const ConsumerId id : it->second.consumers) {
    Consumer& consumer = *find_consumer(id);
    if (consumer.options.one_shot || consumer.options.no_ack || consumer.cancelled) continue;
    consumer.shared_credit = share.on;
    consumer.queue->consumers().wake(consumer);
    mark_dirty(*consumer.queue);
  }
}

void Home::handle(const SetPrefetch& set) {
  const auto it = sessions_.find(set.session.value);
  if (it == sessions_.end()) return;
  for (const ConsumerId id : it->second.consumers) {
    Consumer& consumer = *find_consumer(id);
    if (consumer.options.one_shot || consumer.options.no_ack || consumer.cancelled) continue;
    consumer.options.prefetch = set.prefetch;
    consumer.queue->consumers().wake(consumer);
    mark_dirty(*consumer.queue);
  }
}

void Home::handle(const GrantToken& grant) {
  Consumer* consumer = find_consumer(grant.consumer);
  if (consumer == nullptr || consumer->cancelled) {
    mailer_.send(grant.session.shard(), TokensReturned{grant.session, 1});
    return;
  }
  ++consumer->tokens;
  granted_.push_back(grant.consumer);
  consumer->queue->consumers().wake(*consumer);
  mark_dirty(*consumer->queue);
}

void Home::want_token(Consumer& consumer) {
  mailer_.send(consumer.session.shard(), TokenWanted{consumer.session, consumer.id});
}

// --- units --------------------------------------------------------------------------------------
void Home::handle(ShardIndex from, UnitPart& part) {
  struct Load {
    std::size_t messages = 0;
    std::size_t bytes = 0;
  };
  boost::unordered_flat_map<QueueId, Load> loads;
  for (const PublishItem& item : part.publishes) {
    Load& load = loads[item.target];
    ++load.messages;
    load.bytes += item.message->body().size();
  }
  bool ok = true;
  for (const auto& [id, load] : loads) {
    Queue* queue = find_queue(id);
    if (queue != nullptr && queue->would_reject(load.messages, load.bytes)) ok = false;
  }
  const UnitId unit = part.unit;
  units_[unit] = std::move(part);
  mailer_.send(from, UnitPrepared{unit, ok});
}

void Home::handle(ShardIndex from, const UnitDecision& decision) {
  const auto it = units_.find(decision.unit);
  const UnitPart part = std::move(it->second);
  units_.erase(it);
  if (!decision.apply) {
    for (const PublishItem& item : part.publishes) item.message->release(meter_);
    return;
  }
  Waits waits;
  store_.join_unit(decision.unit, decision.parts);
  exchanges_.begin_batch({});
  // Others may have filled a queue since it agreed: it takes the unit all the same, whole.
  for (const PublishItem& item : part.publishes) {
    push(item, true, Queue::Arrival::kInTransaction, waits);
  }
  for (const SettleItem& item : part.settles) settle(item);
  dead_letters_.run();  // what was rejected is part of what is waited for
  // Also if nothing was published: what was acknowledged must not come back after a crash.
  const storage::CommitNumber commit =
      waits.everything ? store_.await_everything() : store_.await_staged();
  await({.commit = commit,
         .to = from,
         .answer = UnitDone{decision.unit, true},
         .sequences = {},
         .stored = std::move(waits.stored),
         .duplicates = std::move(waits.duplicates)},
        {});
}

// --- the turn -----------------------------------------------------------------------------------
bool Home::work() {
  go_on_marked();
  // What they publish here is handled later while that is so, but would be a part of this commit.
  bool worked = !loading() && dead_letters_.run();
  if (!dirty_.empty()) consumers_behind_ = false;
  for (Queue* queue : std::exchange(dirty_, {})) {
    queue->dirty = false;
    worked = true;
    queue->dispatch();
    answer_polls(*queue);
    page(*queue);
    // What has come may be ahead of what they wait for.
    if (parked_gets_.contains(queue->id()) && !queue->head_waits()) resume_gets(queue->id());
    const bool behind = queue->ready_bytes() > kBacklogBytes && !queue->consumers().empty();
    if (behind && !queue->deleting) consumers_behind_ = true;
  }
  exchanges_.work(paging_window());
  send_answers();
  return_tokens();
  hand_over();
  return worked;
}

void Home::hand_over() {
  for (Link* link : std::exchange(open_links_, {})) {
    link->open.client = link->client;
    link->last_batch = link->open.items.size();
    mailer_.send(link->client.shard(), std::exchange(link->open, {}));
  }
}

// A token is never kept: what found nothing to fetch goes back to the session at once.
void Home::return_tokens() {
  for (const ConsumerId id : std::exchange(granted_, {})) {
    Consumer* consumer = find_consumer(id);
    if (consumer == nullptr || consumer->tokens == 0) continue;
    mailer_.send(consumer->session.shard(),
                 TokensReturned{consumer->session, std::exchange(consumer->tokens, 0)});
  }
}

void Home::arm_timer(Queue& queue, WallMs at) {
  if (at >= queue.timer_at || queue.deleting) return;
  queue.timer_at = at;
  timers_.push({at, queue.entry().id});
}

void Home::run_timers() {
  if (!loading()) exchanges_.run_timers();
  // What a slice leaves over asks for a timer that is due at once: it is for the next turn.
  std::vector<Timer> due;
  for (; !timers_.empty() && timers_.top().at <= now_.wall; timers_.pop()) {
    due.push_back(timers_.top());
  }
  for (const Timer& timer : due) {
    Queue* queue = find_queue(timer.queue);
    if (queue == nullptr || queue->deleting || queue->timer_at != timer.at) continue;
    if (queue->expired()) {
      remove_queue(*queue, 0, mailer_.self());
      send_removals(nullptr, mailer_.self());
      continue;
    }
    queue->on_timer();
    note_paging(*queue);
    mark_dirty(*queue);
  }
  dead_letters_.retry();
}

WallMs Home::next_timer() const {
  return std::min({dead_letters_.next_retry(), exchanges_.next_timer(), moves_.next_timer(),
                   timers_.empty() ? kNever : timers_.top().at});
}

bool Home::sweep() {
  std::erase_if(sweeping_, [](Queue* queue) { return !queue->sweep(); });
  std::erase_if(dying_, [](const auto& queue) { return !queue->sweep() && queue->drained(); });
  const bool dying_work = std::any_of(dying_.begin(), dying_.end(),
                                      [](const auto& queue) { return queue->sweep_pending(); });
  const bool exchanges_work = exchanges_.sweep();
  const bool moves_work = !loading() && moves_.work();
  return !sweeping_.empty() || dying_work || exchanges_work || moves_work;
}

void Home::dead_letter(Queue& queue, Position position, const Message&, DeathReason reason) {
  dead_letters_.add(queue, position, reason);
}

void Home::handle(const ForgetStored& forget) {
  for (const QueueId queue : forget.queues) store_.remove_queue(queue);
}

Home::Leftovers Home::leftovers() const {
  return {consumers_.size(), sessions_.size(),        links_.size(),       dying_.size(),
          units_.size(),     dead_letters_.pending(), exchanges_.pending()};
}

}  // namespace polymq::engine
