// Requests of protocols without channels at a queue's home: receive, and leases by token.
#include "engine/home.h"

namespace polymq::engine {

// Answered by answer_polls().
void Home::receive(ShardIndex from, const QueueRequest& request, Queue& queue,
                   const ReceiveOptions& options) {
  queue.touch();
  Consumer& consumer = add_consumer(request, queue, 0, {.one_shot = true}, false);
  consumer.poll = std::make_unique<Poll>(Poll{.from = from,
                                              .request = request.request,
                                              .options = options,
                                              .until = after(now_.wall, options.wait_ms),
                                              .items = {}});
  mark_dirty(queue);
  if (options.attempt && queue.repeat_attempt(consumer)) return;
  queue.add_poll(consumer);
}

// Those that were handed something are kept until that is written.
void Home::answer_polls(Queue& queue) {
  queue.end_polls();
  for (Consumer* consumer : queue.take_ended_polls()) {
    const Poll& poll = *consumer->poll;
    if (poll.items.empty()) {
      mailer_.send(poll.from, Reply{poll.request, nothing_for(poll, queue)});
      free_consumer(*consumer);
      continue;
    }
    Received received{poll.items, consumer->id, queue.id(), 0, poll.repeated};
    if (poll.options.attempt && !poll.repeated) queue.note_attempt(poll);
    for (const ReceivedItem& item : poll.items) received.bytes += item.message->footprint();
    mailer_.send(poll.from, Reply{poll.request, std::move(received)});
  }
}

ReplyBody Home::nothing_for(const Poll& poll, const Queue& queue) {
  const bool waited = poll.options.wait_ms != 0;
  if (waited || queue.unacked() < poll.options.most_leased) return Received{};
  return EngineError{ErrorKind::kRefused, "too many messages are handed out"};
}

void Home::stop_receiving(ShardIndex from, Queue& queue, RequestId receive) {
  for (Consumer* consumer : queue.polls()) {
    const Poll& poll = *consumer->poll;
    if (poll.from == from && poll.request == receive) return drop_poll(*consumer, Received{});
  }
}

// `body` is the answer if it still waits for one.
void Home::drop_poll(Consumer& consumer, ReplyBody body) {
  const Poll& poll = *consumer.poll;
  if (poll.items.empty()) {
    consumer.queue->remove_poll(consumer);
    mailer_.send(poll.from, Reply{poll.request, std::move(body)});
  }
  free_poll(consumer);
}

void Home::close_poll(ConsumerId id) {
  if (Queue* queue = find_consumer(id)->queue; queue != nullptr) answer_polls(*queue);
  Consumer* consumer = find_consumer(id);
  if (consumer == nullptr) return;
  if (Queue* queue = consumer->queue; queue != nullptr && !consumer->poll->items.empty()) {
    queue->return_unwritten(*consumer->poll);
    if (!queue->deleting) mark_dirty(*queue);
  }
  drop_poll(*consumer, Received{});
}

// What is written to the client now is held without it.
void Home::leave_poll(Consumer& consumer) {
  if (consumer.poll->items.empty()) return drop_poll(consumer, Missing{});
  std::erase(consumer.queue->attached, &consumer);
  consumer.queue = nullptr;
}

void Home::free_poll(Consumer& consumer) {
  for (const ReceivedItem& item : consumer.poll->items) {
    const_cast<Message*>(item.message)->release(meter_);
  }
  free_consumer(consumer);
}

ReplyBody Home::extend(Queue& queue, const ExtendLeases& what) {
  TokensEnded ended;
  for (const LeaseExtension& one : what.leases) {
    const TokenEnd end = one.lease_ms == 0
                             ? queue.settle(one.token, what.freshness, Settle::kRequeue)
                             : queue.extend(one.token, what.freshness, one.lease_ms, what.most_ms);
    ended.ends.push_back(end);
  }
  mark_dirty(queue);
  return ended;
}

// What was deleted must not come back after a crash: the answer waits for that.
std::optional<ReplyBody> Home::settle_tokens(ShardIndex from, const QueueRequest& request,
                                             Queue& queue, const SettleTokens& what) {
  TokensEnded ended;
  for (const LeaseToken& token : what.tokens) {
    ended.ends.push_back(queue.settle(token, what.freshness, what.how));
  }
  mark_dirty(queue);
  // A token that is not known any more may be one that is being settled.
  const storage::CommitNumber commit = queue.entry().stored() ? store_.await_everything() : 0;
  if (commit == 0) return ended;
  awaiting_.push_back({commit, from, Reply{request.request, std::move(ended)}, {}, {}});
  return std::nullopt;
}

}  // namespace polymq::engine
