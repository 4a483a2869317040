// Receiving deliveries.
#include "cli/perf/consumer.h"

#include <algorithm>

namespace polymq::perf {
namespace {

/// A time further away is not ours: some other program published the message.
constexpr Nanos kPlausible = 4000 * kSecond;

Result<void> set_prefetch(Client& client, std::uint16_t count, bool global) {
  if (count == 0) return {};
  const auto set =
      client.call<method::BasicQosOk>(method::BasicQos{.prefetch_count = count, .global = global});
  if (!set) return tl::make_unexpected(set.error());
  return {};
}

}  // namespace

Result<std::unique_ptr<Consumer>> Consumer::make(Client client, Worker& worker,
                                                 const ConsumerSettings& settings) {
  if (auto set = set_prefetch(client, settings.prefetch, false); !set) {
    return tl::make_unexpected(set.error());
  }
  if (auto set = set_prefetch(client, settings.global_prefetch, true); !set) {
    return tl::make_unexpected(set.error());
  }
  const auto consuming = client.call<method::BasicConsumeOk>(
      method::BasicConsume{.queue = settings.queue, .no_ack = settings.auto_ack});
  if (!consuming) return tl::make_unexpected(consuming.error());
  return std::make_unique<Consumer>(std::move(client), worker, settings);
}

Consumer::Consumer(Client client, Worker& worker, const ConsumerSettings& settings)
    : Link(std::move(client), worker), settings_(settings) {}

void Consumer::begin(Nanos start) {
  if (settings_.rate > 0) pacer_.emplace(settings_.rate, start, settings_.share);
  Link::begin(start);
}

bool Consumer::accepts_input() {
  if (settings_.limit != 0 && received_ == settings_.limit) return false;
  // In the middle of a message its other frames follow, whatever the time.
  if (!pacer_ || body_left_ != 0 || body_begins_) return true;
  const Nanos time = handled_at();
  if (pacer_->due(time) > received_) return true;
  wake_at(std::max(pacer_->intended(received_), time + 1));
  return false;
}

Nanos Consumer::handled_at() { return std::max(worker().loop.time(), input_time()); }

void Consumer::on_time() {
  process_input();
  flush();
}

void Consumer::on_frame(const Frame& frame) {
  switch (frame.type) {
    case FrameType::kMethod:
      return on_method(frame);
    case FrameType::kHeader:
      body_left_ = amqp091::parse_content_header(frame.payload).body_size;
      if (body_left_ == 0) complete();
      return;
    case FrameType::kBody:
      return on_body(frame.payload);
    case FrameType::kHeartbeat:
      return;
  }
}

void Consumer::on_method(const Frame& frame) {
  const MethodId id = Client::method_of(frame);
  if (id == method::BasicDeliver::kId) {
    method::BasicDeliver deliver;
    if (amqp091::decode(frame.payload.substr(4), deliver) != amqp091::DecodeStatus::kOk) {
      return fail("the server sent a malformed basic.deliver");
    }
    tag_ = deliver.delivery_tag;
    redelivered_ = deliver.redelivered;
    body_begins_ = true;
  } else if (id == method::BasicCancel::kId) {
    fail("the server cancelled a consumer: was its queue '" + settings_.queue + "' deleted?");
  }
}

void Consumer::on_body(std::string_view payload) {
  if (payload.size() > body_left_) return fail("the server sent more body than it announced");
  if (body_begins_) take_stamp(payload);
  body_left_ -= payload.size();
  if (body_left_ == 0) complete();
}

void Consumer::take_stamp(std::string_view body) {
  body_begins_ = false;
  Stamp stamp;
  bool has_sequence = false;
  if (!read_stamp(body, stamp, has_sequence)) return;
  count_latency(stamp.intended);
  if (!has_sequence || redelivered_) return;
  const std::size_t publisher = stamp.sequence >> 48;
  if (publisher >= next_sequence_.size()) next_sequence_.resize(publisher + 1);
  if (stamp.sequence < next_sequence_[publisher]) {
    ++out_of_order_;
  } else {
    next_sequence_[publisher] = stamp.sequence + 1;
  }
}

void Consumer::count_latency(Nanos intended) {
  if (intended != same_time_) {
    const Nanos latency = handled_at() - same_time_;
    if (same_count_ != 0 && latency > -kMillisecond && latency < kPlausible) {
      worker().counters.latency.record(static_cast<std::uint64_t>(std::max<Nanos>(latency, 0)),
                                       same_count_);
    }
    same_time_ = intended;
    same_count_ = 0;
  }
  ++same_count_;
}

void Consumer::complete() {
  body_begins_ = false;
  ++received_;
  if (redelivered_) ++redelivered_count_;
  if (settings_.auto_ack) return;
  ++unacknowledged_;
  if (unacknowledged_ == settings_.ack_every || received_ == settings_.limit) acknowledge();
}

void Consumer::acknowledge() {
  encode_method(out(), kChannel,
                method::BasicAck{.delivery_tag = tag_, .multiple = settings_.ack_every > 1});
  unacknowledged_ = 0;
}

void Consumer::on_input_end() {
  Counters& counters = worker().counters;
  count_latency(-1);  // no message has this time: records what is left
  same_count_ = 0;
  if (received_ == counted_) return;
  counters.received.add(received_ - counted_);
  counters.last_received.set(static_cast<std::uint64_t>(now()));
  counters.redelivered.add(std::exchange(redelivered_count_, 0));
  counters.out_of_order.add(std::exchange(out_of_order_, 0));
  counted_ = received_;
  if (received_ == settings_.limit) worker().run.finished();
}

}  // namespace polymq::perf
