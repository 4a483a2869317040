// connection (class 10): handshake, tuning and the end of a connection; channel 0 only.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "amqp091/method.h"

namespace polymq::amqp091::method {

struct ConnectionStart {
  static constexpr MethodId kId{10, 10};
  static constexpr std::string_view kName = "connection.start";
  static constexpr Direction kDirection = Direction::kToClient;
  std::uint8_t version_major = 0;
  std::uint8_t version_minor = 0;
  FieldTable server_properties{};
  LongString mechanisms{};
  LongString locales{};
  static constexpr auto kFields = std::tuple{
      &ConnectionStart::version_major, &ConnectionStart::version_minor,
      &ConnectionStart::server_properties, &ConnectionStart::mechanisms, &ConnectionStart::locales};
  bool operator==(const ConnectionStart&) const = default;
};

struct ConnectionStartOk {
  static constexpr MethodId kId{10, 11};
  static constexpr std::string_view kName = "connection.start-ok";
  static constexpr Direction kDirection = Direction::kToServer;
  FieldTable client_properties{};
  std::string_view mechanism{};
  LongString response{};
  std::string_view locale{};
  static constexpr auto kFields =
      std::tuple{&ConnectionStartOk::client_properties, &ConnectionStartOk::mechanism,
                 &ConnectionStartOk::response, &ConnectionStartOk::locale};
  bool operator==(const ConnectionStartOk&) const = default;
};

struct ConnectionSecure {
  static constexpr MethodId kId{10, 20};
  static constexpr std::string_view kName = "connection.secure";
  static constexpr Direction kDirection = Direction::kToClient;
  LongString challenge{};
  static constexpr auto kFields = std::tuple{&ConnectionSecure::challenge};
  bool operator==(const ConnectionSecure&) const = default;
};

struct ConnectionSecureOk {
  static constexpr MethodId kId{10, 21};
  static constexpr std::string_view kName = "connection.secure-ok";
  static constexpr Direction kDirection = Direction::kToServer;
  LongString response{};
  static constexpr auto kFields = std::tuple{&ConnectionSecureOk::response};
  bool operator==(const ConnectionSecureOk&) const = default;
};

struct ConnectionTune {
  static constexpr MethodId kId{10, 30};
  static constexpr std::string_view kName = "connection.tune";
  static constexpr Direction kDirection = Direction::kToClient;
  std::uint16_t channel_max = 0;
  std::uint32_t frame_max = 0;
  std::uint16_t heartbeat = 0;
  static constexpr auto kFields = std::tuple{
      &ConnectionTune::channel_max, &ConnectionTune::frame_max, &ConnectionTune::heartbeat};
  bool operator==(const ConnectionTune&) const = default;
};

struct ConnectionTuneOk {
  static constexpr MethodId kId{10, 31};
  static constexpr std::string_view kName = "connection.tune-ok";
  static constexpr Direction kDirection = Direction::kToServer;
  std::uint16_t channel_max = 0;
  std::uint32_t frame_max = 0;
  std::uint16_t heartbeat = 0;
  static constexpr auto kFields = std::tuple{
      &ConnectionTuneOk::channel_max, &ConnectionTuneOk::frame_max, &ConnectionTuneOk::heartbeat};
  bool operator==(const ConnectionTuneOk&) const = default;
};

struct ConnectionOpen {
  static constexpr MethodId kId{10, 40};
  static constexpr std::string_view kName = "connection.open";
  static constexpr Direction kDirection = Direction::kToServer;
  std::string_view virtual_host{};
  std::string_view capabilities{};
  bool insist = false;
  static constexpr auto kFields = std::tuple{
      &ConnectionOpen::virtual_host, &ConnectionOpen::capabilities, &ConnectionOpen::insist};
  bool operator==(const ConnectionOpen&) const = default;
};

struct ConnectionOpenOk {
  static constexpr MethodId kId{10, 41};
  static constexpr std::string_view kName = "connection.open-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  std::string_view known_hosts{};
  static constexpr auto kFields = std::tuple{&ConnectionOpenOk::known_hosts};
  bool operator==(const ConnectionOpenOk&) const = default;
};

struct ConnectionClose {
  static constexpr MethodId kId{10, 50};
  static constexpr std::string_view kName = "connection.close";
  static constexpr Direction kDirection = Direction::kBoth;
  std::uint16_t reply_code = 0;
  std::string_view reply_text{};
  std::uint16_t class_id = 0;
  std::uint16_t method_id = 0;
  static constexpr auto kFields =
      std::tuple{&ConnectionClose::reply_code, &ConnectionClose::reply_text,
                 &ConnectionClose::class_id, &ConnectionClose::method_id};
  bool operator==(const ConnectionClose&) const = default;
};

struct ConnectionCloseOk {
  static constexpr MethodId kId{10, 51};
  static constexpr std::string_view kName = "connection.close-ok";
  static constexpr Direction kDirection = Direction::kBoth;
  static constexpr std::tuple<> kFields{};
  bool operator==(const ConnectionCloseOk&) const = default;
};

struct ConnectionBlocked {
  static constexpr MethodId kId{10, 60};
  static constexpr std::string_view kName = "connection.blocked";
  static constexpr Direction kDirection = Direction::kToClient;
  std::string_view reason{};
  static constexpr auto kFields = std::tuple{&ConnectionBlocked::reason};
  bool operator==(const ConnectionBlocked&) const = default;
};

struct ConnectionUnblocked {
  static constexpr MethodId kId{10, 61};
  static constexpr std::string_view kName = "connection.unblocked";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const ConnectionUnblocked&) const = default;
};

struct ConnectionUpdateSecret {
  static constexpr MethodId kId{10, 70};
  static constexpr std::string_view kName = "connection.update-secret";
  static constexpr Direction kDirection = Direction::kToServer;
  LongString new_secret{};
  std::string_view reason{};
  static constexpr auto kFields =
      std::tuple{&ConnectionUpdateSecret::new_secret, &ConnectionUpdateSecret::reason};
  bool operator==(const ConnectionUpdateSecret&) const = default;
};

struct ConnectionUpdateSecretOk {
  static constexpr MethodId kId{10, 71};
  static constexpr std::string_view kName = "connection.update-secret-ok";
  static constexpr Direction kDirection = Direction::kToClient;
  static constexpr std::tuple<> kFields{};
  bool operator==(const ConnectionUpdateSecretOk&) const = default;
};

}  // namespace polymq::amqp091::method
