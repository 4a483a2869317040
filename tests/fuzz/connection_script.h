// What clients say in the connection fuzz target: frames made of a run's octets, mostly
// well-formed.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

#include "amqp091/field_table.h"
#include "amqp091/testing/frames.h"

namespace polymq::amqp091 {

using namespace std::string_view_literals;
using engine::Value;

/// What a run has to say, octet by octet; zeros when there is no more.
class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t octet() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string_view octets(std::size_t most) {
    const std::string_view taken = rest_.substr(0, most);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  /// A length octet and that much.
  std::string_view text() { return octets(octet()); }
  std::string_view rest() { return octets(rest_.size()); }
  template <class T, std::size_t kSize>
  const T& one_of(const std::array<T, kSize>& all) {
    return all[octet() % kSize];
  }

 private:
  std::string_view rest_;
};

inline constexpr std::array kQueues{"q"sv, "r"sv, ""sv, "none"sv, "amq.rabbitmq.reply-to"sv};
inline constexpr std::array kExchanges{""sv,          "amq.direct"sv, "amq.fanout"sv,
                                       "amq.topic"sv, "x"sv,          "none"sv};
inline constexpr std::array kTypes{
    "direct"sv, "fanout"sv, "topic"sv, "headers"sv, "x-delayed-message"sv, "x-recent-history"sv};
inline constexpr std::array kTags{"a"sv, "b"sv, ""sv};
inline constexpr std::array kTexts{"1"sv, "abc"sv, "-1"sv, "guest"sv, "amq.rabbitmq.reply-to"sv,
                                   ""sv};

/// Arguments of queues, consumers and exchanges that change what happens.
inline const std::array<std::string, 14>& tables() {
  static const std::array<std::string, 14> all{
      "",
      encode_table({{"x-queue-type", Value::string("quorum")}}),
      encode_table({{"x-max-length", Value::integer(1)}}),
      encode_table(
          {{"x-max-length", Value::integer(0)}, {"x-overflow", Value::string("reject-publish")}}),
      encode_table({{"x-message-ttl", Value::integer(1)},
                    {"x-dead-letter-exchange", Value::string("")},
                    {"x-dead-letter-routing-key", Value::string("r")}}),
      encode_table(
          {{"x-dead-letter-exchange", Value::string("x")}, {"x-max-priority", Value::integer(3)}}),
      encode_table({{"x-single-active-consumer", Value::boolean(true)}}),
      encode_table({{"x-expires", Value::integer(1000)}}),
      encode_table({{"x-priority", Value::integer(5)}}),
      encode_table({{"x-consumer-timeout", Value::integer(1000)}}),
      encode_table({{"x-delayed-type", Value::string("fanout")}}),
      encode_table({{"alternate-exchange", Value::string("amq.fanout")}}),
      encode_table({{"CC", Value::array({Value::string("q"), Value::string("r")})},
                    {"BCC", Value::array({Value::string("q")})},
                    {"x-delay", Value::integer(10)}}),
      encode_table({{"CC", Value::string("q")}})};
  return all;
}

inline FieldTable any_table(Script& script, bool wanted) {
  return wanted ? FieldTable{script.one_of(tables())} : FieldTable{};
}

template <class... M>
constexpr auto ids_of(std::tuple<M...>*) {
  return std::array{M::kId...};
}
inline constexpr auto kMethods = ids_of(static_cast<method::All*>(nullptr));

inline std::string any_properties(Script& script) {
  const std::uint8_t what = script.octet();
  Properties properties;
  if ((what & 1) != 0) properties.delivery_mode = kPersistent;
  if ((what & 2) != 0) properties.headers = FieldTable{script.one_of(tables())};
  if ((what & 4) != 0) properties.expiration = script.one_of(kTexts);
  if ((what & 8) != 0) properties.reply_to = script.one_of(kTexts);
  if ((what & 16) != 0) properties.user_id = script.one_of(kTexts);
  if ((what & 32) != 0) properties.priority = script.octet();
  if ((what & 128) != 0) return std::string(script.text());
  return encode(properties);
}

inline std::string any_body(Script& script) {
  const std::size_t size = script.octet();
  // Some need several frames, some are collected rather than received at once.
  return std::string(size < 128 ? size : size * 300, 'x');
}

inline std::string any_publish(Script& script, std::uint16_t channel) {
  const std::string_view exchange = script.one_of(kExchanges);
  const std::string_view key = script.one_of(kQueues);
  const std::uint8_t how = script.octet();
  const std::string properties = any_properties(script);
  const std::string body = any_body(script);
  const method::BasicPublish publish{.exchange = exchange,
                                     .routing_key = key,
                                     .mandatory = (how & 1) != 0,
                                     .immediate = (how & 0x7e) == 0x7e};
  std::string frames =
      method_frame(channel, publish) + header_frame(channel, body.size(), properties);
  for (std::size_t at = 0; at < body.size(); at += 4088) {
    frames += body_frame(channel, std::string_view(body).substr(at, 4088));
  }
  return frames;
}

inline std::string any_topology(Script& script, std::uint16_t channel) {
  const std::uint8_t what = script.octet();
  const bool one = (what & 0x10) != 0;
  const bool two = (what & 0x20) != 0;
  const bool three = (what & 0x40) != 0;
  const bool nowait = (what & 0x80) != 0;
  const std::string_view queue = script.one_of(kQueues);
  const std::string_view exchange = script.one_of(kExchanges);
  const FieldTable arguments = any_table(script, (what & 8) != 0);
  switch (what & 7) {
    case 0:
      return method_frame(channel, method::QueueDeclare{.queue = queue,
                                                        .passive = one,
                                                        .durable = two,
                                                        .exclusive = three,
                                                        .auto_delete = one && two,
                                                        .nowait = nowait,
                                                        .arguments = arguments});
    case 1:
      return method_frame(channel, method::ExchangeDeclare{.exchange = exchange,
                                                           .type = script.one_of(kTypes),
                                                           .passive = one,
                                                           .durable = two,
                                                           .auto_delete = three,
                                                           .nowait = nowait,
                                                           .arguments = arguments});
    case 2:
      return method_frame(channel, method::QueueBind{.queue = queue,
                                                     .exchange = exchange,
                                                     .routing_key = script.one_of(kQueues),
                                                     .nowait = nowait,
                                                     .arguments = arguments});
    case 3:
      return method_frame(channel, method::QueueUnbind{.queue = queue,
                                                       .exchange = exchange,
                                                       .routing_key = script.one_of(kQueues),
                                                       .arguments = arguments});
    case 4:
      return method_frame(channel, method::ExchangeBind{.destination = script.one_of(kExchanges),
                                                        .source = exchange,
                                                        .nowait = nowait});
    case 5:
      return one ? method_frame(channel, method::QueuePurge{.queue = queue, .nowait = nowait})
                 : method_frame(channel,
                                method::ExchangeUnbind{.destination = script.one_of(kExchanges),
                                                       .source = exchange,
                                                       .nowait = nowait});
    case 6:
      return method_frame(
          channel,
          method::QueueDelete{.queue = queue, .if_unused = one, .if_empty = two, .nowait = nowait});
    default:
      return method_frame(channel, method::ExchangeDelete{
                                       .exchange = exchange, .if_unused = one, .nowait = nowait});
  }
}

inline std::string any_consuming(Script& script, std::uint16_t channel) {
  const std::uint8_t what = script.octet();
  const bool one = (what & 0x10) != 0;
  const bool two = (what & 0x20) != 0;
  const bool nowait = (what & 0x80) != 0;
  switch (what & 15) {
    case 0:
    case 1:
      return method_frame(channel,
                          method::BasicConsume{.queue = script.one_of(kQueues),
                                               .consumer_tag = script.one_of(kTags),
                                               .no_ack = one,
                                               .exclusive = two,
                                               .nowait = nowait,
                                               .arguments = any_table(script, (what & 0x40) != 0)});
    case 2:
      return method_frame(channel, method::BasicCancel{script.one_of(kTags), nowait});
    case 3:
      return method_frame(channel,
                          method::BasicGet{.queue = script.one_of(kQueues), .no_ack = one});
    case 4:
    case 5:
      return method_frame(channel, method::BasicAck{script.octet(), one});
    case 6:
      return method_frame(channel, method::BasicNack{script.octet(), one, two});
    case 7:
      return method_frame(channel, method::BasicReject{script.octet(), two});
    case 8:
      return method_frame(channel, method::BasicQos{0, script.octet(), one});
    case 9:
      return method_frame(channel, method::BasicRecover{!two});
    case 10:
      return method_frame(channel, method::BasicRecoverAsync{!two});
    case 11:
      return method_frame(channel, method::ConfirmSelect{nowait});
    case 12:
      return method_frame(channel, method::TxSelect{});
    case 13:
      return method_frame(channel, method::TxCommit{});
    case 14:
      return method_frame(channel, method::TxRollback{});
    default:
      return method_frame(channel, method::ChannelFlow{!two});
  }
}

inline std::string any_frames(Script& script) {
  const std::uint8_t what = script.octet();
  constexpr std::array<std::uint16_t, 16> kChannels{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 0};
  const std::uint16_t channel = kChannels[what >> 4];
  switch (what & 15) {
    case 0:
      return method_frame(channel, method::ChannelOpen{});
    case 1:
      return method_frame(channel, method::ChannelClose{});
    case 2:
      return method_frame(channel, method::ChannelCloseOk{});
    case 3:
      return method_frame(channel, script.one_of(kMethods), script.text());
    case 4:
      return header_frame(channel, script.octet() * 1000u, any_properties(script));
    case 5:
      return body_frame(channel, any_body(script));
    case 6:
      return any_frame(script.octet(), channel, script.text());
    case 7:
      return std::string(script.text());
    case 8:
      return std::string(kHeartbeatFrame);
    case 9:
      return method_frame(0, method::ConnectionClose{});
    case 10:
      return method_frame(0, method::ConnectionCloseOk{});
    case 11:
    case 12:
      return any_consuming(script, channel);
    case 13:
      return any_topology(script, channel);
    default:
      return any_publish(script, channel);
  }
}

}  // namespace polymq::amqp091
