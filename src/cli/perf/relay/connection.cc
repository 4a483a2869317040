// The relay's side of the protocol.
#include "cli/perf/relay/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "amqp091/codec.h"

namespace polymq::perf {
namespace {

constexpr std::size_t kInputSize = 256 * 1024;
constexpr std::size_t kMostOutput = 4 * 1024 * 1024;
constexpr std::uint32_t kFrameMax = 131072;

/// Rewrites the channel in each of the frames of `content`.
void set_channel(char* content, std::size_t size, std::uint16_t channel) {
  for (std::size_t at = 0; at < size;) {
    store_big_endian(content + at + 1, channel);
    at += amqp091::announced_size({content + at, size - at});
  }
}

}  // namespace

/// Answers a method. Those without an overload are refused.
struct RelayConnection::Visitor {
  RelayConnection& self;
  std::uint16_t channel;

  template <class M>
  void operator()(const M&) const {
    self.refuse(540,
                std::string("NOT_IMPLEMENTED - the relay does not know ") + std::string(M::kName));
  }
  void operator()(const method::ConnectionStartOk&) const {
    self.reply(0, method::ConnectionTune{.channel_max = 2047, .frame_max = kFrameMax});
  }
  void operator()(const method::ConnectionTuneOk&) const {}
  void operator()(const method::ConnectionOpen&) const {
    self.reply(0, method::ConnectionOpenOk{});
  }
  void operator()(const method::ConnectionClose&) const {
    self.reply(0, method::ConnectionCloseOk{});
    self.closing_ = true;
  }
  void operator()(const method::ConnectionCloseOk&) const { self.closing_ = true; }
  void operator()(const method::ChannelOpen&) const {
    self.channels_[channel] = {};
    self.reply(channel, method::ChannelOpenOk{});
  }
  void operator()(const method::ChannelClose&) const {
    self.channels_.erase(channel);
    self.reply(channel, method::ChannelCloseOk{});
  }
  void operator()(const method::ConfirmSelect& select) const {
    self.channels_[channel].confirms = true;
    if (!select.nowait) self.reply(channel, method::ConfirmSelectOk{});
  }
  void operator()(const method::QueueDeclare& declare) const {
    const RelayQueue& queue = self.broker_.declare(declare.queue);
    if (declare.nowait) return;
    self.reply(channel, method::QueueDeclareOk{
                            .queue = queue.name,
                            .message_count = static_cast<std::uint32_t>(queue.waiting.size()),
                            .consumer_count = static_cast<std::uint32_t>(queue.consumers.size())});
  }
  void operator()(const method::QueueDelete& remove) const {
    self.broker_.remove(remove.queue);
    if (!remove.nowait) self.reply(channel, method::QueueDeleteOk{});
  }
  void operator()(const method::BasicQos&) const { self.reply(channel, method::BasicQosOk{}); }
  void operator()(const method::BasicConsume& consume) const {
    std::string tag(consume.consumer_tag);
    if (tag.empty()) tag = "relay-" + std::to_string(++self.made_up_tags_);
    if (!consume.nowait) self.reply(channel, method::BasicConsumeOk{.consumer_tag = tag});
    self.broker_.consume(self.broker_.declare(consume.queue), {&self, channel, tag});
  }
  void operator()(const method::BasicAck&) const {}
  void operator()(const method::BasicNack&) const {}
  void operator()(const method::BasicReject&) const {}
};

RelayConnection::RelayConnection(Socket socket, RelayBroker& broker)
    : broker_(broker), socket_(std::move(socket)), input_(kInputSize) {
  socket_.set_blocking(false);
  broker_.loop().add(socket_.get(), *this, true, false);
}

void RelayConnection::on_ready(bool readable, bool writable) {
  if (dead_) return;
  if (readable && reads_) receive();
  if (writable && !dead_) flush();
  broker_.flush_dirty();
}

void RelayConnection::receive() {
  if (begin_ != 0) {
    std::memmove(input_.data(), input_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == input_.size()) input_.resize(input_.size() * 2);  // one message larger than all this
  const ssize_t received = recv(socket_.get(), input_.data() + end_, input_.size() - end_, 0);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received <= 0) return drop();
  end_ += static_cast<std::size_t>(received);
  process();
  confirm();
}

bool RelayConnection::take_protocol_header() {
  if (end_ - begin_ < amqp091::kProtocolHeader.size()) return false;
  begin_ += amqp091::kProtocolHeader.size();
  greeted_ = true;
  reply(0,
        method::ConnectionStart{.version_minor = 9, .mechanisms = {"PLAIN"}, .locales = {"en_US"}});
  return true;
}

void RelayConnection::process() {
  if (!greeted_ && !take_protocol_header()) return;
  while (!closing_) {
    const std::string_view input(input_.data() + begin_, end_ - begin_);
    Frame frame;
    const auto status = amqp091::parse_frame(input, kFrameMax, frame);
    if (status == amqp091::FrameStatus::kNeedMore) return;
    if (status != amqp091::FrameStatus::kFrame) {
      return refuse(501, "FRAME_ERROR - " + frame_error(status, frame, input, kFrameMax));
    }
    const std::size_t used = take_frame(input, frame);
    if (used == 0) return;
    begin_ += used;
  }
}

std::size_t RelayConnection::take_frame(std::string_view input, const Frame& frame) {
  if (frame.type != FrameType::kMethod) return frame.size();
  const MethodId id = Client::method_of(frame);
  if (id == method::BasicPublish::kId) return take_publish(input, frame);
  const auto status = amqp091::dispatch<method::ToServer>(id, frame.payload.substr(4),
                                                          Visitor{*this, frame.channel});
  if (status != amqp091::DecodeStatus::kOk) refuse(503, "COMMAND_INVALID - cannot decode a method");
  return frame.size();
}

std::size_t RelayConnection::take_publish(std::string_view input, const Frame& frame) {
  // Only a whole message is passed on, so that its frames stay together.
  std::size_t end = frame.size();
  std::uint64_t body_left = 1;
  for (bool header = true; header || body_left != 0; header = false) {
    Frame part;
    if (amqp091::parse_frame(input.substr(end), kFrameMax, part) != amqp091::FrameStatus::kFrame) {
      return 0;
    }
    end += part.size();
    body_left = header ? amqp091::parse_content_header(part.payload).body_size
                       : body_left - std::min<std::uint64_t>(body_left, part.payload.size());
  }
  method::BasicPublish publish;
  if (amqp091::decode(frame.payload.substr(4), publish) != amqp091::DecodeStatus::kOk ||
      !publish.exchange.empty()) {
    refuse(540, "NOT_IMPLEMENTED - the relay has just the default exchange");
    return end;
  }
  if (last_queue_ == nullptr || publish.routing_key != last_key_) {
    last_key_ = publish.routing_key;
    last_queue_ = broker_.find(last_key_);
  }
  if (!publishes_) {
    publishes_ = true;
    update_interest();
  }
  ++channels_[frame.channel].published;
  if (last_queue_ != nullptr) {
    broker_.publish(*last_queue_, input.substr(frame.size(), end - frame.size()), frame.channel);
  }
  return end;
}

void RelayConnection::confirm() {
  if (dead_) return;
  for (auto& [number, channel] : channels_) {
    if (!channel.confirms || channel.confirmed == channel.published) continue;
    reply(number, method::BasicAck{.delivery_tag = channel.published, .multiple = true});
    channel.confirmed = channel.published;
  }
}

void RelayConnection::deliver(RelayConsumer& consumer, std::string_view routing_key,
                              std::string_view content, std::uint16_t content_channel) {
  if (dead_) return;
  encode_method(out_, consumer.channel,
                method::BasicDeliver{.consumer_tag = consumer.tag,
                                     .delivery_tag = ++consumer.last_delivery,
                                     .routing_key = routing_key});
  char* const to = out_.reserve(content.size());
  std::memcpy(to, content.data(), content.size());
  if (content_channel != consumer.channel) set_channel(to, content.size(), consumer.channel);
  out_.commit(content.size());
  mark_dirty();
}

void RelayConnection::mark_dirty() {
  if (dirty_) return;
  dirty_ = true;
  broker_.mark_dirty(*this);
}

void RelayConnection::flush() {
  dirty_ = false;
  while (!out_.empty()) {
    const std::string_view bytes = out_.view();
    const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return drop();
    out_.consume(static_cast<std::size_t>(sent));
  }
  if (closing_ && out_.empty()) return drop();
  const bool congested = out_.size() > kMostOutput;
  if (congested != std::exchange(congested_, congested)) broker_.set_congested(congested);
  update_interest();
}

void RelayConnection::update_interest() {
  if (dead_) return;
  const bool reads = !(publishes_ && broker_.congested());
  const bool writes = !out_.empty();
  if (reads == reads_ && writes == writes_) return;
  reads_ = reads;
  writes_ = writes;
  broker_.loop().change(socket_.get(), *this, reads, writes);
}

void RelayConnection::forget(const RelayQueue* queue) {
  if (last_queue_ == queue) last_queue_ = nullptr;
}

void RelayConnection::refuse(std::uint16_t code, std::string_view text) {
  reply(0, method::ConnectionClose{.reply_code = code, .reply_text = text});
  closing_ = true;
}

void RelayConnection::drop() {
  if (dead_) return;
  dead_ = true;
  broker_.loop().remove(socket_.get());
  if (congested_) broker_.set_congested(false);
  broker_.drop(*this);
}

}  // namespace polymq::perf
