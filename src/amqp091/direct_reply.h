// Addresses of direct replies: amq.rabbitmq.reply-to.<session>.<nonce> (docs/features.md:
// Replies and special headers).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/ids.h"

namespace polymq::amqp091 {

/// The pseudo-queue to consume from, and the prefix of the addresses.
inline constexpr std::string_view kDirectReplyPrefix = "amq.rabbitmq.reply-to";

/// Where a reply goes: a session, and a number that only those know who were given the address.
struct DirectAddress {
  engine::SessionId session;
  std::uint64_t nonce = 0;

  std::string text() const;
  /// Null when `queue` is not such an address. The session may not exist, nor its shard.
  static std::optional<DirectAddress> parse(std::string_view queue);
};

}  // namespace polymq::amqp091
