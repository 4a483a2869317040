// exchange (40) and queue (50): declaring, binding and deleting.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "amqp091/method.h"

namespace polymq::amqp091::method {

struct ExchangeDeclare {
  static constexpr MethodId kId{40, 10};
  static constexpr std::string_view kName = "exchange.declare";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view exchange{};
  std::string_view type{};
  bool passive = false;
  bool durable = false;
  bool auto_delete = false;
  bool internal = false;
  bool nowait = false;
  FieldTable arguments{};
  static constexpr auto kFields = std::tuple{
      &ExchangeDeclare::ticket,   &ExchangeDeclare::exchange, &ExchangeDeclare::type,
      &ExchangeDeclare::passive,  &ExchangeDeclare::durable,  &ExchangeDeclare::auto_delete,
      &ExchangeDeclare::internal, &ExchangeDeclare::nowait,   &ExchangeDeclare::arguments};
  bool operator==(const ExchangeDeclare&) const = default;
};

struct ExchangeDeclareOk {
  static constexpr MethodId kId{40, 11};
  static constexpr std::string_view kName = "exchange.declare-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const ExchangeDeclareOk&) const = default;
};

struct ExchangeDelete {
  static constexpr MethodId kId{40, 20};
  static constexpr std::string_view kName = "exchange.delete";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view exchange{};
  bool if_unused = false;
  bool nowait = false;
  static constexpr auto kFields = std::tuple{&ExchangeDelete::ticket, &ExchangeDelete::exchange,
                                             &ExchangeDelete::if_unused, &ExchangeDelete::nowait};
  bool operator==(const ExchangeDelete&) const = default;
};

struct ExchangeDeleteOk {
  static constexpr MethodId kId{40, 21};
  static constexpr std::string_view kName = "exchange.delete-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const ExchangeDeleteOk&) const = default;
};

struct ExchangeBind {
  static constexpr MethodId kId{40, 30};
  static constexpr std::string_view kName = "exchange.bind";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view destination{};
  std::string_view source{};
  std::string_view routing_key{};
  bool nowait = false;
  FieldTable arguments{};
  static constexpr auto kFields =
      std::tuple{&ExchangeBind::ticket,      &ExchangeBind::destination, &ExchangeBind::source,
                 &ExchangeBind::routing_key, &ExchangeBind::nowait,      &ExchangeBind::arguments};
  bool operator==(const ExchangeBind&) const = default;
};

struct ExchangeBindOk {
  static constexpr MethodId kId{40, 31};
  static constexpr std::string_view kName = "exchange.bind-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const ExchangeBindOk&) const = default;
};

struct ExchangeUnbind {
  static constexpr MethodId kId{40, 40};
  static constexpr std::string_view kName = "exchange.unbind";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view destination{};
  std::string_view source{};
  std::string_view routing_key{};
  bool nowait = false;
  FieldTable arguments{};
  static constexpr auto kFields = std::tuple{&ExchangeUnbind::ticket, &ExchangeUnbind::destination,
                                             &ExchangeUnbind::source, &ExchangeUnbind::routing_key,
                                             &ExchangeUnbind::nowait, &ExchangeUnbind::arguments};
  bool operator==(const ExchangeUnbind&) const = default;
};

/// The id really is 51.
struct ExchangeUnbindOk {
  static constexpr MethodId kId{40, 51};
  static constexpr std::string_view kName = "exchange.unbind-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const ExchangeUnbindOk&) const = default;
};

struct QueueDeclare {
  static constexpr MethodId kId{50, 10};
  static constexpr std::string_view kName = "queue.declare";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view queue{};
  bool passive = false;
  bool durable = false;
  bool exclusive = false;
  bool auto_delete = false;
  bool nowait = false;
  FieldTable arguments{};
  static constexpr auto kFields =
      std::tuple{&QueueDeclare::ticket,  &QueueDeclare::queue,     &QueueDeclare::passive,
                 &QueueDeclare::durable, &QueueDeclare::exclusive, &QueueDeclare::auto_delete,
                 &QueueDeclare::nowait,  &QueueDeclare::arguments};
  bool operator==(const QueueDeclare&) const = default;
};

struct QueueDeclareOk {
  static constexpr MethodId kId{50, 11};
  static constexpr std::string_view kName = "queue.declare-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  std::string_view queue{};
  std::uint32_t message_count = 0;
  std::uint32_t consumer_count = 0;
  static constexpr auto kFields = std::tuple{&QueueDeclareOk::queue, &QueueDeclareOk::message_count,
                                             &QueueDeclareOk::consumer_count};
  bool operator==(const QueueDeclareOk&) const = default;
};

struct QueueBind {
  static constexpr MethodId kId{50, 20};
  static constexpr std::string_view kName = "queue.bind";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view queue{};
  std::string_view exchange{};
  std::string_view routing_key{};
  bool nowait = false;
  FieldTable arguments{};
  static constexpr auto kFields =
      std::tuple{&QueueBind::ticket,      &QueueBind::queue,  &QueueBind::exchange,
                 &QueueBind::routing_key, &QueueBind::nowait, &QueueBind::arguments};
  bool operator==(const QueueBind&) const = default;
};

struct QueueBindOk {
  static constexpr MethodId kId{50, 21};
  static constexpr std::string_view kName = "queue.bind-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const QueueBindOk&) const = default;
};

struct QueuePurge {
  static constexpr MethodId kId{50, 30};
  static constexpr std::string_view kName = "queue.purge";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view queue{};
  bool nowait = false;
  static constexpr auto kFields =
      std::tuple{&QueuePurge::ticket, &QueuePurge::queue, &QueuePurge::nowait};
  bool operator==(const QueuePurge&) const = default;
};

struct QueuePurgeOk {
  static constexpr MethodId kId{50, 31};
  static constexpr std::string_view kName = "queue.purge-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  std::uint32_t message_count = 0;
  static constexpr auto kFields = std::tuple{&QueuePurgeOk::message_count};
  bool operator==(const QueuePurgeOk&) const = default;
};

struct QueueDelete {
  static constexpr MethodId kId{50, 40};
  static constexpr std::string_view kName = "queue.delete";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view queue{};
  bool if_unused = false;
  bool if_empty = false;
  bool nowait = false;
  static constexpr auto kFields =
      std::tuple{&QueueDelete::ticket, &QueueDelete::queue, &QueueDelete::if_unused,
                 &QueueDelete::if_empty, &QueueDelete::nowait};
  bool operator==(const QueueDelete&) const = default;
};

struct QueueDeleteOk {
  static constexpr MethodId kId{50, 41};
  static constexpr std::string_view kName = "queue.delete-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  std::uint32_t message_count = 0;
  static constexpr auto kFields = std::tuple{&QueueDeleteOk::message_count};
  bool operator==(const QueueDeleteOk&) const = default;
};

struct QueueUnbind {
  static constexpr MethodId kId{50, 50};
  static constexpr std::string_view kName = "queue.unbind";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t ticket = 0;
  std::string_view queue{};
  std::string_view exchange{};
  std::string_view routing_key{};
  FieldTable arguments{};
  static constexpr auto kFields =
      std::tuple{&QueueUnbind::ticket, &QueueUnbind::queue, &QueueUnbind::exchange,
                 &QueueUnbind::routing_key, &QueueUnbind::arguments};
  bool operator==(const QueueUnbind&) const = default;
};

struct QueueUnbindOk {
  static constexpr MethodId kId{50, 51};
  static constexpr std::string_view kName = "queue.unbind-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const QueueUnbindOk&) const = default;
};

}  // namespace polymq::amqp091::method
