// Direct reply addresses to text and back.
#include "amqp091/direct_reply.h"

#include <charconv>

namespace polymq::amqp091 {
namespace {

void append_hex(std::string& to, std::uint64_t value) {
  char digits[16];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value, 16);
  to.append(digits, end);
}

bool take_hex(std::string_view& text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::string DirectAddress::text() const {
  std::string text(kDirectReplyPrefix);
  text += '.';
  append_hex(text, session.value);
  text += '.';
  append_hex(text, nonce);
  return text;
}

std::optional<DirectAddress> DirectAddress::parse(std::string_view queue) {
  if (!queue.starts_with(kDirectReplyPrefix)) return std::nullopt;
  queue.remove_prefix(kDirectReplyPrefix.size());
  DirectAddress address;
  if (!queue.starts_with('.')) return std::nullopt;
  queue.remove_prefix(1);
  if (!take_hex(queue, address.session.value) || !queue.starts_with('.')) return std::nullopt;
  queue.remove_prefix(1);
  if (!take_hex(queue, address.nonce) || !queue.empty()) return std::nullopt;
  return address;
}

}  // namespace polymq::amqp091
