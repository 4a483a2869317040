// channel (20) and access (30): opening, flow and closing of channels; the obsolete access tickets.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "amqp091/method.h"

namespace polymq::amqp091::method {

struct ChannelOpen {
  static constexpr MethodId kId{20, 10};
  static constexpr std::string_view kName = "channel.open";
  static constexpr Direction kDirection = Direction::kToServer;
  std::string_view out_of_band{};
  static constexpr auto kFields = std::tuple{&ChannelOpen::out_of_band};
  bool operator==(const ChannelOpen&) const = default;
};

struct ChannelOpenOk {
  static constexpr MethodId kId{20, 11};
  static constexpr std::string_view kName = "channel.open-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  LongString channel_id{};
  static constexpr auto kFields = std::tuple{&ChannelOpenOk::channel_id};
  bool operator==(const ChannelOpenOk&) const = default;
};

struct ChannelFlow {
  static constexpr MethodId kId{20, 20};
  static constexpr std::string_view kName = "channel.flow";
  static constexpr Direction kDirection = Direction::kToServer;
  bool active = false;
  static constexpr auto kFields = std::tuple{&ChannelFlow::active};
  bool operator==(const ChannelFlow&) const = default;
};

struct ChannelFlowOk {
  static constexpr MethodId kId{20, 21};
  static constexpr std::string_view kName = "channel.flow-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  bool active = false;
  static constexpr auto kFields = std::tuple{&ChannelFlowOk::active};
  bool operator==(const ChannelFlowOk&) const = default;
};

struct ChannelClose {
  static constexpr MethodId kId{20, 40};
  static constexpr std::string_view kName = "channel.close";
  static constexpr Direction kDirection = Direction::kBoth;
  std::uint16_t reply_code = 0;
  std::string_view reply_text{};
  std::uint16_t class_id = 0;
  std::uint16_t method_id = 0;
  static constexpr auto kFields = std::tuple{&ChannelClose::reply_code, &ChannelClose::reply_text,
                                             &ChannelClose::class_id, &ChannelClose::method_id};
  bool operator==(const ChannelClose&) const = default;
};

struct ChannelCloseOk {
  static constexpr MethodId kId{20, 41};
  static constexpr std::string_view kName = "channel.close-ok";
  static constexpr Direction kDirection = Direction::kBoth;
  static constexpr std::tuple<> kFields{};
  bool operator==(const ChannelCloseOk&) const = default;
};

struct AccessRequest {
  static constexpr MethodId kId{30, 10};
  static constexpr std::string_view kName = "access.request";
  static constexpr Direction kDirection = Direction::kToServer;
  std::string_view realm{};
  bool exclusive = false;
  bool passive = false;
  bool active = false;
  bool write = false;
  bool read = false;
  static constexpr auto kFields =
      std::tuple{&AccessRequest::realm,  &AccessRequest::exclusive, &AccessRequest::passive,
                 &AccessRequest::active, &AccessRequest::write,     &AccessRequest::read};
  bool operator==(const AccessRequest&) const = default;
};

struct AccessRequestOk {
  static constexpr MethodId kId{30, 11};
  static constexpr std::string_view kName = "access.request-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  std::uint16_t ticket = 0;
  static constexpr auto kFields = std::tuple{&AccessRequestOk::ticket};
  bool operator==(const AccessRequestOk&) const = default;
};

}  // namespace polymq::amqp091::method
