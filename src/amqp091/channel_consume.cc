// Consumers, gets, deliveries and their settlement (docs/features.md: Consuming, Prefetch).
#include <algorithm>
#include <cassert>

#include "amqp091/channel.h"
#include "amqp091/direct_reply.h"
#include "amqp091/frame.h"
#include "amqp091/properties.h"
#include "amqp091/property_codec.h"
#include "amqp091/server_names.h"
#include "engine/consumer_arguments.h"

namespace polymq::amqp091 {
namespace {

using engine::EngineResult;
using engine::Settle;

/// Bytes waiting to be sent to a client beyond which it gets no more direct replies.
constexpr std::size_t kMostUnreadReplies = 64u << 20;

}  // namespace

// --- qos ----------------------------------------------------------------------------------------
void Channel::on(const method::BasicQos& qos) {
  if (qos.prefetch_size != 0) {
    return fail(ReplyCode::kNotImplemented,
                "prefetch_size!=0 (" + std::to_string(qos.prefetch_size) + ")");
  }
  if (qos.global) {
    session_.set_shared_prefetch(qos.prefetch_count);
  } else {
    prefetch_ = qos.prefetch_count;
    if (session_.shared_prefetch() != 0) session_.set_shared_prefetch(0);
    if (connection_.qos_by_specification()) session_.set_prefetch(prefetch_);
  }
  send(method::BasicQosOk{});
}

// --- consumers ----------------------------------------------------------------------------------
void Channel::on(const method::BasicConsume& consume) {
  const std::string tag =
      consume.consumer_tag.empty() ? generate_name("amq.ctag-") : std::string(consume.consumer_tag);
  if (tags_.contains(tag)) {
    return fail(ReplyCode::kNotAllowed, "attempt to reuse consumer tag '" + tag + "'");
  }
  const std::uint32_t most = connection_.settings().max_consumers_per_channel;
  if (most != 0 && tags_.size() >= most) {
    return fail(ReplyCode::kNotAllowed,
                "reached maximum (" + std::to_string(most) + ") of consumers per channel");
  }
  if (consume.queue == kDirectReplyPrefix) return consume_direct_replies(consume, tag);
  const std::optional<std::string> queue = queue_name(consume.queue);
  if (!queue || !check_queue_access(auth::Access::kRead, *queue)) return;

  const engine::QueueEntry* entry = find_queue(*queue);
  const engine::QueueType type =
      entry == nullptr ? engine::QueueType::kClassic : entry->declared->type;
  const auto settings = engine::parse_consumer_arguments(*queue, connection_.vhost(), type,
                                                         *decode_table(consume.arguments.bytes));
  if (!settings) return fail(settings.error());
  if (type == engine::QueueType::kQuorum && session_.shared_prefetch() != 0) {
    return fail(ReplyCode::kNotImplemented, engine::queue_in_vhost(*queue, connection_.vhost()) +
                                                " does not support global qos");
  }
  const std::int64_t timeout_ms = settings->timeout_ms.value_or(
      entry == nullptr ? 0
                       : entry->effective->consumer_timeout_ms.value_or(
                             connection_.settings().consumer_timeout.count()));
  const std::uint32_t handle = add_consumer({.tag = tag,
                                             .queue = *queue,
                                             .no_ack = consume.no_ack,
                                             .counts_shown = type == engine::QueueType::kQuorum,
                                             .timeout_ms = consume.no_ack ? 0 : timeout_ms});
  has_timeouts_ = has_timeouts_ || timeout_ms != 0;
  wait_for_reply();
  session_.consume(
      *queue, handle,
      {.prefetch = consume.no_ack ? 0u : prefetch_,
       .priority = settings->priority,
       .no_ack = consume.no_ack,
       .exclusive = consume.exclusive},
      [this, handle, nowait = consume.nowait](EngineResult<engine::ConsumerId> result) {
        reply_came();
        if (!result) {
          remove_consumer(handle);
          return fail(result.error());
        }
        consumers_[handle].id = *result;
        if (!nowait) send(method::BasicConsumeOk{consumers_[handle].tag});
      });
}

void Channel::consume_direct_replies(const method::BasicConsume& consume, std::string tag) {
  if (!consume.no_ack) {
    return fail(ReplyCode::kPreconditionFailed, "reply consumer cannot acknowledge");
  }
  if (direct_nonce_ != 0) {
    return fail(ReplyCode::kPreconditionFailed, "reply consumer already set");
  }
  direct_nonce_ = session_.accept_direct(true);
  direct_handle_ = add_consumer(
      {.tag = std::move(tag), .queue = std::string(kDirectReplyPrefix), .no_ack = true});
  if (!consume.nowait) send(method::BasicConsumeOk{consumers_[direct_handle_].tag});
}

std::uint32_t Channel::add_consumer(ConsumerInfo consumer) {
  auto handle = static_cast<std::uint32_t>(consumers_.size());
  if (free_handles_.empty()) {
    consumers_.emplace_back();
  } else {
    handle = free_handles_.back();
    free_handles_.pop_back();
  }
  tags_[consumer.tag] = handle;
  consumers_[handle] = std::move(consumer);
  return handle;
}

void Channel::remove_consumer(std::uint32_t handle) {
  ConsumerInfo& consumer = consumers_[handle];
  consumer.active = false;
  tags_.erase(consumer.tag);
  if (direct_nonce_ != 0 && handle == direct_handle_) {
    session_.accept_direct(false);
    direct_nonce_ = 0;
  }
}

void Channel::on(const method::BasicCancel& cancel) {
  const std::string tag(cancel.consumer_tag);
  const auto known = tags_.find(tag);
  if (known == tags_.end()) {
    if (!cancel.nowait) send(method::BasicCancelOk{tag});
    return;
  }
  const std::uint32_t handle = known->second;
  const engine::ConsumerId id = consumers_[handle].id;
  if (!id) {  // direct replies
    remove_consumer(handle);
    free_handles_.push_back(handle);
    if (!cancel.nowait) send(method::BasicCancelOk{tag});
    return;
  }
  consumers_[handle].cancelling = true;
  wait_for_reply();
  session_.cancel(id, [this, handle, tag, nowait = cancel.nowait] {
    reply_came();
    if (consumers_[handle].active) remove_consumer(handle);
    free_handles_.push_back(handle);
    if (!nowait) send(method::BasicCancelOk{tag});
  });
}

void Channel::on_consumer_gone(std::uint32_t handle) {
  ConsumerInfo& consumer = consumers_[handle];
  if (!consumer.active) return;
  const std::string tag = consumer.tag;
  remove_consumer(handle);
  if (!consumer.cancelling) free_handles_.push_back(handle);  // else when that is answered
  if (state_ == State::kOpen && connection_.can_cancel_consumers() && !consumer.cancelling) {
    send(method::BasicCancel{tag, true});
  }
}

void Channel::check_consumer_timeouts(MonotonicMs now) {
  if (!has_timeouts_ || state_ != State::kOpen) return;
  const auto now_s = static_cast<std::uint32_t>(now / 1000);
  std::vector<std::uint32_t> late;
  for (std::uint64_t tag = unacked_.front(); tag < unacked_.end(); tag = unacked_.next(tag + 1)) {
    const Unacked& entry = *unacked_.find(tag);
    if (entry.handle >= consumers_.size()) continue;
    const ConsumerInfo& consumer = consumers_[entry.handle];
    if (consumer.timeout_ms == 0 || !consumer.active || consumer.id != entry.consumer) continue;
    if ((now_s - entry.delivered_s) * std::int64_t{1000} <= consumer.timeout_ms) continue;
    if (std::find(late.begin(), late.end(), entry.handle) == late.end()) {
      late.push_back(entry.handle);
    }
  }
  for (const std::uint32_t handle : late) time_out(handle);
}

// What the consumer holds returns to the queue. The channel survives, except for clients that
// cannot be told that a consumer ended.
void Channel::time_out(std::uint32_t handle) {
  const ConsumerInfo consumer = consumers_[handle];
  if (!connection_.can_cancel_consumers()) {
    current_ = {};
    return fail(
        ReplyCode::kPreconditionFailed,
        "delivery acknowledgement on channel " + std::to_string(number_) +
            " timed out. Timeout value used: " + std::to_string(consumer.timeout_ms) +
            " ms. This timeout value can be configured, see consumers doc guide to learn more");
  }
  remove_consumer(handle);
  session_.cancel(consumer.id, [this, handle] { free_handles_.push_back(handle); });
  for (std::uint64_t tag = unacked_.front(); tag < unacked_.end(); tag = unacked_.next(tag + 1)) {
    const Unacked entry = *unacked_.find(tag);
    if (entry.handle != handle || entry.consumer != consumer.id) continue;
    // The tag stays known; what the client will say of it means nothing any more.
    session_.settle(entry.consumer, entry.lease, entry.lease, Settle::kFail);
    unacked_.find(tag)->handle = kTimedOut;
  }
  session_.flush();
  send(method::BasicCancel{consumer.tag, true});
}

// --- deliveries ---------------------------------------------------------------------------------
std::string_view Channel::shown_properties(bool counts_shown, const engine::DeliveryItem& item,
                                           std::string& amended) {
  const engine::Message& message = *item.message;
  std::string_view properties = message.properties();
  if (message.dialect() != engine::Dialect::kAmqp091) {
    properties = amended = translated_properties(message);
  }
  if (!counts_shown || item.acquired == 0) return properties;
  engine::Fields counts;
  if (item.failed != 0) {
    counts.push_back({"x-delivery-count", engine::Value::integer(item.failed)});
  }
  counts.push_back({"x-acquired-count", engine::Value::integer(item.acquired)});
  amended = engine::codec_of(engine::Dialect::kAmqp091)
                .amend(properties, {.set_headers = std::move(counts)});
  return amended;
}

void Channel::deliver(const ConsumerInfo& consumer, const engine::DeliveryItem& item,
                      std::uint64_t delivery_tag) {
  const engine::Message& message = *item.message;
  std::string amended;
  const std::string_view properties = shown_properties(consumer.counts_shown, item, amended);
  const method::BasicDeliver deliver{consumer.tag, delivery_tag, item.redelivered,
                                     message.exchange(), message.routing_key()};
  const std::size_t size =
      method_frame_size(deliver) +
      content_size(properties.size(), message.body().size(), connection_.frame_max());
  Buffer& output = connection_.output();
  char* to = output.reserve(size);
  char* const end = write_content(write_method_frame(to, number_, deliver), number_, properties,
                                  message.body(), connection_.frame_max());
  output.commit(static_cast<std::size_t>(end - to));
}

void Channel::on_deliveries(const engine::DeliveryRun& run, const engine::DeliveryItem* items) {
  const ConsumerInfo& consumer = consumers_[run.handle];
  const auto now_s = static_cast<std::uint32_t>(connection_.shard().now().monotonic / 1000);
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const engine::LeaseNumber lease = run.first + i;
    const std::uint64_t tag = consumer.no_ack
                                  ? unacked_.skip()
                                  : unacked_.push({run.consumer, lease, run.handle, now_s, false});
    deliver(consumer, items[i], tag);
    if (items[i].redelivered) ++counters_.redeliver;
    connection_.mark_delivered(run.consumer, lease, items[i].message->footprint());
  }
  (consumer.no_ack ? counters_.deliver_no_ack : counters_.deliver) += run.count;
  if (!consumer.no_ack) unacked_changed();
  connection_.output_ready();
}

void Channel::on_direct_message(const engine::Message& message) {
  if (state_ != State::kOpen) return;
  // No queue holds replies back for one who does not read: what is far too much is lost.
  if (connection_.output().size() >= kMostUnreadReplies) return;
  deliver(consumers_[direct_handle_], {&message, 0, 0, false}, unacked_.skip());
  ++counters_.deliver_no_ack;
  connection_.output_ready();
}

void Channel::on(const method::BasicGet& get) {
  const std::optional<std::string> queue = queue_name(get.queue);
  if (!queue || !check_queue_access(auth::Access::kRead, *queue)) return;
  const engine::QueueEntry* entry = find_queue(*queue);
  const bool quorum = entry != nullptr && entry->declared->type == engine::QueueType::kQuorum;
  if (quorum && entry->effective->single_active_consumer) {
    return fail(ReplyCode::kResourceLocked,
                "cannot obtain access to locked " +
                    engine::queue_in_vhost(*queue, connection_.vhost()) +
                    ". basic.get operations are not supported by quorum queues with single active "
                    "consumer");
  }
  wait_for_reply();
  session_.get(
      *queue, get.no_ack,
      [this, quorum, no_ack = get.no_ack](EngineResult<std::optional<engine::GotMessage>> result) {
        reply_came();
        if (!result) return fail(result.error());
        if (*result) return got(**result, quorum, no_ack);
        ++counters_.get_empty;
        send(method::BasicGetEmpty{});
      });
}

void Channel::got(const engine::GotMessage& got, bool counts_shown, bool no_ack) {
  const auto now_s = static_cast<std::uint32_t>(connection_.shard().now().monotonic / 1000);
  const engine::Message& message = *got.item.message;
  const std::uint64_t tag =
      no_ack ? unacked_.skip() : unacked_.push({got.consumer, got.lease, kGot, now_s, false});
  std::string amended;
  const std::string_view properties = shown_properties(counts_shown, got.item, amended);
  send(method::BasicGetOk{tag, got.item.redelivered, message.exchange(), message.routing_key(),
                          static_cast<std::uint32_t>(got.ready)});
  encode_content(connection_.output(), number_, properties, message.body(),
                 connection_.frame_max());
  connection_.mark_delivered(got.consumer, got.lease, message.footprint());
  ++(no_ack ? counters_.get_no_ack : counters_.get);
  if (got.item.redelivered) ++counters_.redeliver;
  if (!no_ack) ++unacked_gets_;
}

// --- settlement ---------------------------------------------------------------------------------
void Channel::on(const method::BasicAck& ack) {
  settle(ack.delivery_tag, ack.multiple, Settle::kAck);
}

void Channel::on(const method::BasicNack& nack) {
  settle(nack.delivery_tag, nack.multiple, nack.requeue ? Settle::kRequeue : Settle::kDiscard);
}

void Channel::on(const method::BasicReject& reject) {
  settle(reject.delivery_tag, false, reject.requeue ? Settle::kFail : Settle::kDiscard);
}

void Channel::settle(std::uint64_t tag, bool multiple, Settle how) {
  if (multiple && tag == 0) {
    if (!unacked_.empty()) settle_range(unacked_.front(), unacked_.end() - 1, how);
    return;
  }
  const Unacked* entry = unacked_.find(tag);
  if (entry == nullptr || entry->in_transaction) {
    return fail(ReplyCode::kPreconditionFailed, "unknown delivery tag " + std::to_string(tag));
  }
  settle_range(multiple ? unacked_.front() : tag, tag, how);
}

void Channel::settle_range(std::uint64_t first, std::uint64_t last, Settle how) {
  if (mode_ != Mode::kTransaction) return settle_now(first, last, how);
  for (std::uint64_t tag = unacked_.next(first); tag <= last && tag < unacked_.end();
       tag = unacked_.next(tag + 1)) {
    Unacked& entry = *unacked_.find(tag);
    if (std::exchange(entry.in_transaction, true)) continue;
    transaction_settles_.push_back({tag, tag, how});
  }
}

void Channel::settle_now(std::uint64_t first, std::uint64_t last, Settle how) {
  for (std::uint64_t tag = unacked_.next(first); tag <= last && tag < unacked_.end();
       tag = unacked_.next(tag + 1)) {
    settle_one(tag, how);
  }
  unacked_changed();
}

Channel::Unacked Channel::take_unacked(std::uint64_t tag) {
  const Unacked entry = *unacked_.find(tag);
  unacked_.erase(tag);
  if (entry.handle == kGot) --unacked_gets_;
  return entry;
}

void Channel::settle_one(std::uint64_t tag, Settle how) {
  const Unacked entry = take_unacked(tag);
  if (how == Settle::kAck) ++counters_.ack;
  if (entry.handle != kTimedOut) session_.settle(entry.consumer, entry.lease, entry.lease, how);
}

void Channel::requeue_all(bool requeue) {
  if (!requeue) return fail(ReplyCode::kNotImplemented, "requeue=false");
  for (std::uint64_t tag = unacked_.front(); tag < unacked_.end(); tag = unacked_.next(tag + 1)) {
    // What an open transaction settles is its own.
    if (!unacked_.find(tag)->in_transaction) settle_one(tag, Settle::kRequeue);
  }
  unacked_changed();
  session_.flush();
}

void Channel::on(const method::BasicRecover& recover) {
  requeue_all(recover.requeue);
  if (recover.requeue) send(method::BasicRecoverOk{});
}

void Channel::on(const method::BasicRecoverAsync& recover) { requeue_all(recover.requeue); }

}  // namespace polymq::amqp091
