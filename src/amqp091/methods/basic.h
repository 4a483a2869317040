// basic (60), confirm (85) and tx (90): publishing, consuming, settling, transactions.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "amqp091/method.h"

namespace polymq::amqp091::method {

struct BasicQos {
  static constexpr MethodId kId{60, 10};
  static constexpr std::string_view kName = "basic.qos";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint32_t prefetch_size = 0;
  std::uint16_t prefetch_count = 0;
  bool global = false;
  static constexpr auto kFields =
      std::tuple{&BasicQos::prefetch_size, &BasicQos::prefetch_count, &BasicQos::global};
  bool operator==(const BasicQos&) const = default;
};

struct BasicQosOk {
  static constexpr MethodId kId{60, 11};
  static constexpr std::string_view kName = "basic.qos-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const BasicQosOk&) const = default;
};

struct BasicConsume {
  static constexpr MethodId kId{60, 20};
  static constexpr std::string_view kName = "basic.consume";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view queue{};
  std::string_view consumer_tag{};
  bool no_local = false;
  bool no_ack = false;
  bool exclusive = false;
  bool nowait = false;
  FieldTable arguments{};
  static constexpr auto kFields =
      std::tuple{&BasicConsume::ticket,   &BasicConsume::queue,    &BasicConsume::consumer_tag,
                 &BasicConsume::no_local, &BasicConsume::no_ack,   &BasicConsume::exclusive,
                 &BasicConsume::nowait,   &BasicConsume::arguments};
  bool operator==(const BasicConsume&) const = default;
};

struct BasicConsumeOk {
  static constexpr MethodId kId{60, 21};
  static constexpr std::string_view kName = "basic.consume-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  std::string_view consumer_tag{};
  static constexpr auto kFields = std::tuple{&BasicConsumeOk::consumer_tag};
  bool operator==(const BasicConsumeOk&) const = default;
};

struct BasicCancel {
  static constexpr MethodId kId{60, 30};
  static constexpr std::string_view kName = "basic.cancel";
  static constexpr Direction kDirection = Direction::kBoth;
  std::string_view consumer_tag{};
  bool nowait = false;
  static constexpr auto kFields = std::tuple{&BasicCancel::consumer_tag, &BasicCancel::nowait};
  bool operator==(const BasicCancel&) const = default;
};

struct BasicCancelOk {
  static constexpr MethodId kId{60, 31};
  static constexpr std::string_view kName = "basic.cancel-ok";
  static constexpr Direction kDirection = Direction::kBoth;
  std::string_view consumer_tag{};
  static constexpr auto kFields = std::tuple{&BasicCancelOk::consumer_tag};
  bool operator==(const BasicCancelOk&) const = default;
};

struct BasicPublish {
  static constexpr MethodId kId{60, 40};
  static constexpr std::string_view kName = "basic.publish";
  static constexpr Direction kDirection = Direction::kToServer;
  static constexpr bool kContent = true;
  std::uint16_t ticket = 0;
  std::string_view exchange{};
  std::string_view routing_key{};
  bool mandatory = false;
  bool immediate = false;
  static constexpr auto kFields =
      std::tuple{&BasicPublish::ticket, &BasicPublish::exchange, &BasicPublish::routing_key,
                 &BasicPublish::mandatory, &BasicPublish::immediate};
  bool operator==(const BasicPublish&) const = default;
};

struct BasicReturn {
  static constexpr MethodId kId{60, 50};
  static constexpr std::string_view kName = "basic.return";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr bool kContent = true;
  std::uint16_t reply_code = 0;
  std::string_view reply_text{};
  std::string_view exchange{};
  std::string_view routing_key{};
  static constexpr auto kFields = std::tuple{&BasicReturn::reply_code, &BasicReturn::reply_text,
                                             &BasicReturn::exchange, &BasicReturn::routing_key};
  bool operator==(const BasicReturn&) const = default;
};

struct BasicDeliver {
  static constexpr MethodId kId{60, 60};
  static constexpr std::string_view kName = "basic.deliver";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr bool kContent = true;
  std::string_view consumer_tag{};
  std::uint64_t delivery_tag = 0;
  bool redelivered = false;
  std::string_view exchange{};
  std::string_view routing_key{};
  static constexpr auto kFields =
      std::tuple{&BasicDeliver::consumer_tag, &BasicDeliver::delivery_tag,
                 &BasicDeliver::redelivered, &BasicDeliver::exchange, &BasicDeliver::routing_key};
  bool operator==(const BasicDeliver&) const = default;
};

struct BasicGet {
  static constexpr MethodId kId{60, 70};
  static constexpr std::string_view kName = "basic.get";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view queue{};
  bool no_ack = false;
  static constexpr auto kFields =
      std::tuple{&BasicGet::ticket, &BasicGet::queue, &BasicGet::no_ack};
  bool operator==(const BasicGet&) const = default;
};

struct BasicGetOk {
  static constexpr MethodId kId{60, 71};
  static constexpr std::string_view kName = "basic.get-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr bool kContent = true;
  std::uint64_t delivery_tag = 0;
  bool redelivered = false;
  std::string_view exchange{};
  std::string_view routing_key{};
  std::uint32_t message_count = 0;
  static constexpr auto kFields =
      std::tuple{&BasicGetOk::delivery_tag, &BasicGetOk::redelivered, &BasicGetOk::exchange,
                 &BasicGetOk::routing_key, &BasicGetOk::message_count};
  bool operator==(const BasicGetOk&) const = default;
};

struct BasicGetEmpty {
  static constexpr MethodId kId{60, 72};
  static constexpr std::string_view kName = "basic.get-empty";
  static constexpr Direction kDirection = Direction::kToClient;
  std::string_view cluster_id{};
  static constexpr auto kFields = std::tuple{&BasicGetEmpty::cluster_id};
  bool operator==(const BasicGetEmpty&) const = default;
};

struct BasicAck {
  static constexpr MethodId kId{60, 80};
  static constexpr std::string_view kName = "basic.ack";
  static constexpr Direction kDirection = Direction::kBoth;
  std::uint64_t delivery_tag = 0;
  bool multiple = false;
  static constexpr auto kFields = std::tuple{&BasicAck::delivery_tag, &BasicAck::multiple};
  bool operator==(const BasicAck&) const = default;
};

struct BasicReject {
  static constexpr MethodId kId{60, 90};
  static constexpr std::string_view kName = "basic.reject";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint64_t delivery_tag = 0;
  bool requeue = false;
  static constexpr auto kFields = std::tuple{&BasicReject::delivery_tag, &BasicReject::requeue};
  bool operator==(const BasicReject&) const = default;
};

struct BasicRecoverAsync {
  static constexpr MethodId kId{60, 100};
  static constexpr std::string_view kName = "basic.recover-async";
  static constexpr Direction kDirection = Direction::kToServer;
  bool requeue = false;
  static constexpr auto kFields = std::tuple{&BasicRecoverAsync::requeue};
  bool operator==(const BasicRecoverAsync&) const = default;
};

struct BasicRecover {
  static constexpr MethodId kId{60, 110};
  static constexpr std::string_view kName = "basic.recover";
  static constexpr Direction kDirection = Direction::kToServer;
  bool requeue = false;
  static constexpr auto kFields = std::tuple{&BasicRecover::requeue};
  bool operator==(const BasicRecover&) const = default;
};

struct BasicRecoverOk {
  static constexpr MethodId kId{60, 111};
  static constexpr std::string_view kName = "basic.recover-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const BasicRecoverOk&) const = default;
};

struct BasicNack {
  static constexpr MethodId kId{60, 120};
  static constexpr std::string_view kName = "basic.nack";
  static constexpr Direction kDirection = Direction::kBoth;
  std::uint64_t delivery_tag = 0;
  bool multiple = false;
  bool requeue = false;
  static constexpr auto kFields =
      std::tuple{&BasicNack::delivery_tag, &BasicNack::multiple, &BasicNack::requeue};
  bool operator==(const BasicNack&) const = default;
};

struct ConfirmSelect {
  static constexpr MethodId kId{85, 10};
  static constexpr std::string_view kName = "confirm.select";
  static constexpr Direction kDirection = Direction::kToServer;
  bool nowait = false;
  static constexpr auto kFields = std::tuple{&ConfirmSelect::nowait};
  bool operator==(const ConfirmSelect&) const = default;
};

struct ConfirmSelectOk {
  static constexpr MethodId kId{85, 11};
  static constexpr std::string_view kName = "confirm.select-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const ConfirmSelectOk&) const = default;
};

struct TxSelect {
  static constexpr MethodId kId{90, 10};
  static constexpr std::string_view kName = "tx.select";
  static constexpr Direction kDirection = Direction::kToServer;
  static constexpr std::tuple<> kFields{};
  bool operator==(const TxSelect&) const = default;
};

struct TxSelectOk {
  static constexpr MethodId kId{90, 11};
  static constexpr std::string_view kName = "tx.select-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const TxSelectOk&) const = default;
};

struct TxCommit {
  static constexpr MethodId kId{90, 20};
  static constexpr std::string_view kName = "tx.commit";
  static constexpr Direction kDirection = Direction::kToServer;
  static constexpr std::tuple<> kFields{};
  bool operator==(const TxCommit&) const = default;
};

struct TxCommitOk {
  static constexpr MethodId kId{90, 21};
  static constexpr std::string_view kName = "tx.commit-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const TxCommitOk&) const = default;
};

struct TxRollback {
  static constexpr MethodId kId{90, 30};
  static constexpr std::string_view kName = "tx.rollback";
  static constexpr Direction kDirection = Direction::kToServer;
  static constexpr std::tuple<> kFields{};
  bool operator==(const TxRollback&) const = default;
};

struct TxRollbackOk {
  static constexpr MethodId kId{90, 31};
  static constexpr std::string_view kName = "tx.rollback-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const TxRollbackOk&) const = default;
};

}  // namespace polymq::amqp091::method
