// Holding, remembering and recognizing messages.
#include "engine/exchange_state.h"

#include <algorithm>
#include <functional>

#include "engine/exchange/delay.h"

namespace polymq::engine {
namespace {

constexpr std::string_view kDeduplicationHeader = "x-deduplication-header";
constexpr std::string_view kCacheTtlHeader = "x-cache-ttl";
constexpr std::string_view kNoStoreHeader = "x-recent-history-no-store";

/// The same message by itself: what it reached before has nothing to do with what it will reach.
void copy_extension(const Message& from, Message& to) {
  if (from.extension() == nullptr) return;
  to.make_extension() = *from.extension();
  to.make_extension().passed.clear();
}

}  // namespace

ExchangeState::ExchangeState(StatefulKind kind, const Fields& arguments,
                             const std::optional<DeduplicationLimits>& deduplication)
    : kind_(kind) {
  if (kind == StatefulKind::kRecentHistory) history_length_ = recent_history_length(arguments);
  if (deduplication) seen_ = std::make_unique<DeduplicationWindow>(*deduplication);
}

std::optional<DeduplicationKey> ExchangeState::deduplication_key(const Message& message) const {
  Value id;
  if (!seen_ || !MessageHeaders(message).header(kDeduplicationHeader, id)) return std::nullopt;
  return DeduplicationKey::of("", to_text(id));
}

bool ExchangeState::seen(DeduplicationKey key, const Message& message, WallMs now) {
  Value ttl;
  const bool own = MessageHeaders(message).header(kCacheTtlHeader, ttl) &&
                   ttl.as_integer() != nullptr && *ttl.as_integer() > 0 &&
                   *ttl.as_integer() < kNever - now;
  const auto seen = own ? seen_->insert(key, now, *ttl.as_integer()) : seen_->insert(key, now);
  return seen == DeduplicationWindow::Seen::kDuplicate;
}

bool ExchangeState::hold(const Message& message, WallMs now, MemoryMeter& meter) {
  if (kind_ != StatefulKind::kDelayed) return false;
  const MessageHeaders headers(message);
  const std::int64_t delay = delay_ms(headers);
  if (delay == 0) return false;
  Value header;
  headers.header(kDelayHeader, header);
  const std::string properties =
      codec_of(message.dialect())
          .amend(message.properties(),
                 {.set_headers = {{std::string(kDelayHeader), elapsed_delay(header)}}});
  Message* held = message.rewritten(message.exchange(), message.routing_key(), properties, meter);
  copy_extension(message, *held);
  const WallMs due = delay < kNever - now ? now + delay : kNever;
  held_.push_back({due, arrivals_++, held});
  std::push_heap(held_.begin(), held_.end(), std::greater<>());
  return true;
}

Message* ExchangeState::take_due(WallMs now) {
  if (next_due() > now) return nullptr;
  std::pop_heap(held_.begin(), held_.end(), std::greater<>());
  Message* message = held_.back().message;
  held_.pop_back();
  return message;
}

void ExchangeState::record(const Message& message, MemoryMeter& meter) {
  if (history_length_ == 0) return;
  Value no_store;
  if (MessageHeaders(message).header(kNoStoreHeader, no_store) && no_store.as_bool() != nullptr &&
      *no_store.as_bool()) {
    return;
  }
  Message* copy =
      message.rewritten(message.exchange(), message.routing_key(), message.properties(), meter);
  copy_extension(message, *copy);
  history_.push_back(copy);
  if (history_.size() <= history_length_) return;
  history_.front()->release(meter);
  history_.pop_front();
}

bool ExchangeState::clear(std::size_t most, MemoryMeter& meter) {
  for (; most != 0 && !held_.empty(); --most) {
    held_.back().message->release(meter);
    held_.pop_back();
  }
  for (; most != 0 && !history_.empty(); --most) {
    history_.front()->release(meter);
    history_.pop_front();
  }
  return !held_.empty() || !history_.empty();
}

}  // namespace polymq::engine
