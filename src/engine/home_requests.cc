// Requests about queues at their home: declare again, purge, delete, consume, cancel, get.
#include <algorithm>

#include "engine/home.h"

namespace polymq::engine {

void Home::handle(ShardIndex from, QueueRequest& request) {
  ReplyBody body;
  if (const auto* cancel_what = std::get_if<CancelConsumer>(&request.what)) {
    Reply reply{request.request, cancel(*cancel_what)};  // of a queue that may be gone
    hand_over();
    return send_removals(&reply, from);
  } else {
    Queue* queue = find_queue(request.queue);
    if (queue == nullptr || queue->deleting) {
      body = Missing{};
    } else if (const auto* what = std::get_if<DeleteQueue>(&request.what)) {
      std::optional<ReplyBody> answer = remove(from, request, *queue, *what);
      if (!answer) return send_removals(nullptr, from);
      body = std::move(*answer);
    } else if (const auto* consume_what = std::get_if<Consume>(&request.what)) {
      body = consume(request, *queue, *consume_what);
    } else if (const auto* get_what = std::get_if<Get>(&request.what)) {
      queue->dispatch();
      const bool cold = queue->head_waits();
      if (!cold) body = get(request, *queue, *get_what);
      // All it found may have expired, and the next one may be on disk.
      if (cold || (!std::get<Got>(body).item && queue->head_waits())) {
        mark_dirty(*queue);
        parked_gets_[request.queue].push_back({from, request});
        return hand_over();
      }
    } else if (const auto* purge_what = std::get_if<PurgeQueue>(&request.what)) {
      std::optional<ReplyBody> answer = purge(from, request, *queue, *purge_what);
      if (!answer) return hand_over();
      body = std::move(*answer);
    } else if (const auto* receive_what = std::get_if<Receive>(&request.what)) {
      receive(from, request, *queue, receive_what->options);
      return hand_over();
    } else if (const auto* stop_what = std::get_if<StopReceiving>(&request.what)) {
      stop_receiving(from, *queue, stop_what->receive);
      body = Done{};
    } else if (const auto* settle_what = std::get_if<SettleTokens>(&request.what)) {
      std::optional<ReplyBody> answer = settle_tokens(from, request, *queue, *settle_what);
      if (!answer) return hand_over();
      body = std::move(*answer);
    } else if (const auto* extend_what = std::get_if<ExtendLeases>(&request.what)) {
      body = extend(*queue, *extend_what);
    } else if (const auto* move_what = std::get_if<InspectMove>(&request.what)) {
      if (move_what->cancel) moves_.cancel(*queue);
      body = moves_.progress(*queue);
    } else {
      body = inspect(*queue);
    }
  }
  hand_over();
  mailer_.send(from, Reply{request.request, std::move(body)});
}

ReplyBody Home::inspect(Queue& queue) {
  queue.touch();
  queue.dispatch();
  mark_dirty(queue);
  return QueueStatus{queue.ready(), queue.consumers().size(), queue.unacked(), queue.delayed()};
}

// What was purged must not come back after a crash: the answer waits for that.
std::optional<ReplyBody> Home::purge(ShardIndex from, const QueueRequest& request, Queue& queue,
                                     const PurgeQueue& what) {
  queue.dispatch();
  const std::uint64_t dropped = queue.purge(what.everything);
  sweeping_.push_back(&queue);
  note_paging(queue);
  resume_gets(queue.id());
  mark_dirty(queue);
  // Another purge may be under way.
  const storage::CommitNumber commit = queue.entry().stored() ? store_.await_everything() : 0;
  if (commit == 0) return Removed{dropped};
  awaiting_.push_back({commit, from, Reply{request.request, Removed{dropped}}, {}, {}});
  return std::nullopt;
}

std::optional<ReplyBody> Home::remove(ShardIndex from, const QueueRequest& request, Queue& queue,
                                      const DeleteQueue& what) {
  const std::string name = queue_in_vhost(queue.entry().name, queue.entry().vhost->name);
  if (what.if_unused && !queue.consumers().empty()) {
    return EngineError{ErrorKind::kPrecondition, name + " in use"};
  }
  queue.dispatch();
  mark_dirty(queue);
  if (what.if_empty && queue.ready() != 0) {
    return EngineError{ErrorKind::kPrecondition, name + " not empty"};
  }
  remove_queue(queue, request.request, from);
  return std::nullopt;
}

void Home::remove_queue(Queue& queue, RequestId request, ShardIndex origin) {
  if (queue.deleting) return;
  const std::uint64_t messages = queue.ready();
  queue.deleting = true;
  removals_.push_back({queue.entry().id, request, origin, messages});
}

// Whoever is told that a consumer is gone may rely on what went with it: the answer comes from
// control then, after every shard knows.
void Home::send_removals(Reply* reply, ShardIndex from) {
  std::vector<RemoveQueue> removals = std::exchange(removals_, {});
  if (reply != nullptr) {
    if (removals.empty()) {
      mailer_.send(from, std::move(*reply));
    } else {
      removals.back().request = reply->request;
      removals.back().origin = from;
    }
  }
  for (RemoveQueue& removal : removals) mailer_.send(kControlShard, removal);
}

Link& Home::link_of(ClientId client) {
  std::unique_ptr<Link>& link = links_[client.value];
  if (!link) {
    link = std::make_unique<Link>();
    link->client = client;
  }
  return *link;
}

Consumer& Home::add_consumer(const QueueRequest& request, Queue& queue, std::uint32_t handle,
                             const ConsumerOptions& options, bool shared_credit) {
  const ConsumerId id = ConsumerId::make(mailer_.self(), next_consumer_++);
  auto made = std::make_unique<Consumer>(id, request.session, handle, queue,
                                         link_of(request.client), options);
  Consumer& consumer = *made;
  consumer.shared_credit = shared_credit && !options.no_ack && !options.one_shot;
  consumers_[id.value] = std::move(made);
  SessionHere& session = sessions_[request.session.value];
  session.consumers.push_back(id);
  queue.attached.push_back(&consumer);
  return consumer;
}

ReplyBody Home::consume(const QueueRequest& request, Queue& queue, const Consume& what) {
  const std::string name = queue_in_vhost(queue.entry().name, queue.entry().vhost->name);
  ConsumerOptions options = what.options;
  // A quorum queue lets others in beside an exclusive consumer.
  if (queue.settings().type == QueueType::kQuorum) options.exclusive = false;
  const bool clash = queue.consumers().has_exclusive() ||
                     (options.exclusive &&
                      (!queue.consumers().empty() || queue.settings().single_active_consumer));
  if (clash) return EngineError{ErrorKind::kRefused, name + " in exclusive use"};
  queue.touch();
  Consumer& consumer = add_consumer(request, queue, what.handle, options, what.shared_credit);
  queue.consumers().add(consumer);
  mark_dirty(queue);
  return Consuming{consumer.id};
}

ReplyBody Home::cancel(const CancelConsumer& what) {
  if (Consumer* consumer = find_consumer(what.consumer)) end_consumer(*consumer);
  return Done{};
}

// The consumer takes part no more; what it holds stays its own until settled.
void Home::end_consumer(Consumer& consumer) {
  if (consumer.cancelled) return;
  consumer.cancelled = true;
  if (consumer.tokens != 0) {
    mailer_.send(consumer.session.shard(),
                 TokensReturned{consumer.session, std::exchange(consumer.tokens, 0)});
  }
  Queue& queue = *consumer.queue;
  if (!consumer.options.one_shot) {
    queue.consumers().remove(consumer);
    consumer_left(queue);
  }
  if (consumer.leases.empty()) free_consumer(consumer);
}

void Home::consumer_left(Queue& queue) {
  if (queue.deleting) return;
  queue.touch();
  queue.wake_polls();  // it may have kept the queue for itself
  if (queue.consumers().empty()) {
    if (queue.entry().auto_delete) {
      remove_queue(queue, 0, mailer_.self());
      return;
    }
    if (queue.settings().expires_ms)
      arm_timer(queue, after(now_.wall, *queue.settings().expires_ms));
  }
  mark_dirty(queue);
}

void Home::free_consumer(Consumer& consumer) {
  if (consumer.tokens != 0) {  // granted in the turn in which its queue went
    mailer_.send(consumer.session.shard(), TokensReturned{consumer.session, consumer.tokens});
  }
  if (consumer.queue != nullptr) std::erase(consumer.queue->attached, &consumer);
  if (const auto it = sessions_.find(consumer.session.value); it != sessions_.end()) {
    std::erase(it->second.consumers, consumer.id);
    if (it->second.consumers.empty()) sessions_.erase(it);
  }
  consumers_.erase(consumer.id.value);
}

Consumer& Home::getter(const QueueRequest& request, Queue& queue, bool no_ack) {
  for (Consumer* consumer : queue.attached) {
    if (consumer->session == request.session && consumer->options.one_shot && !consumer->poll &&
        consumer->options.no_ack == no_ack) {
      return *consumer;
    }
  }
  return add_consumer(request, queue, 0, {.no_ack = no_ack, .one_shot = true}, false);
}

void Home::resume_gets(QueueId queue) {
  const auto it = parked_gets_.find(queue);
  if (it == parked_gets_.end()) return;
  std::vector<ParkedGet> parked = std::move(it->second);
  parked_gets_.erase(it);
  for (ParkedGet& get : parked) handle(get.from, get.request);
}

ReplyBody Home::get(const QueueRequest& request, Queue& queue, const Get& what) {
  mark_dirty(queue);
  Consumer& consumer = getter(request, queue, what.no_ack);
  const LeaseNumber lease = consumer.leases.end();
  std::optional<DeliveryItem> item = queue.take(consumer);
  const std::uint64_t bytes = item ? item->message->footprint() : 0;
  return Got{item, consumer.id, lease, queue.ready(), bytes};
}

void Home::handle(ShardIndex from, const CloseSession& close) {
  hand_over();
  for (auto& [queue, parked] : parked_gets_) {
    std::erase_if(parked, [&](const ParkedGet& get) {
      if (get.request.session != close.session) return false;
      mailer_.send(get.from, Reply{get.request.request, Got{}});
      return true;
    });
  }
  if (const auto it = sessions_.find(close.session.value); it != sessions_.end()) {
    for (const ConsumerId id : std::vector<ConsumerId>(it->second.consumers)) {
      Consumer* const known = find_consumer(id);
      if (known == nullptr) continue;  // a receive whose time was up, and was answered with another
      Consumer& consumer = *known;
      if (consumer.poll) {
        close_poll(id);
        continue;
      }
      Queue& queue = *consumer.queue;
      queue.release_all(consumer);
      end_consumer(consumer);
      if (find_consumer(id) != nullptr) free_consumer(consumer);  // cancelled before
      if (!queue.deleting) mark_dirty(queue);
    }
  }
  Reply reply{close.request, Done{}};
  send_removals(&reply, from);
}

}  // namespace polymq::engine
