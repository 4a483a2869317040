// Holding, remembering and recognizing messages.
#include "engine/exchange_state.h"

#include "engine/exchange/delay.h"
#include "engine/stored_message.h"

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

std::uint64_t history_of(ExchangeId exchange) {
  return storage::log_of(exchange, storage::LogPart::kHistory);
}

}  // namespace

ExchangeState::ExchangeState(StatefulKind kind, const Fields& arguments,
                             const std::optional<DeduplicationLimits>& deduplication,
                             MemoryMeter& meter)
    : kind_(kind), meter_(meter), held_(meter) {
  if (kind == StatefulKind::kRecentHistory) history_length_ = recent_history_length(arguments);
  if (deduplication) seen_ = std::make_unique<SeenIds>(*deduplication);
}

void ExchangeState::keep_in(StoredLogs& logs, ExchangeId exchange) {
  using storage::LogPart;
  const storage::Lane lane = storage::lane_of_exchange(exchange);
  store_ = &logs.store();
  id_ = exchange;
  next_held_ = logs.open(exchange, lane, [this](const auto& record) -> Result<void> {
    held_.add_on_disk(record);
    return {};
  });
  if (seen_) seen_->keep_in(logs, storage::log_of(exchange, LogPart::kSeenIds), lane);
  if (history_length_ == 0) return;
  next_history_ = logs.open(history_of(exchange), lane,
                            [this](const auto& record) { return restore_history(record); });
}

Result<void> ExchangeState::restore_history(const storage::MessageRecord& record) {
  auto message = from_record(record, meter_);
  if (!message) return tl::make_unexpected(message.error());
  history_.push_back({record.position, *message});
  if (history_.size() > history_length_) drop_oldest();
  return {};
}

// --- deduplication ------------------------------------------------------------------------------
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
  return seen_->insert(key, now, own ? std::optional(*ttl.as_integer()) : std::nullopt,
                       keeps(message));
}

// --- holding ------------------------------------------------------------------------------------
std::optional<Position> ExchangeState::hold(const Message& message, WallMs now) {
  if (kind_ != StatefulKind::kDelayed) return std::nullopt;
  const MessageHeaders headers(message);
  const std::int64_t delay = delay_ms(headers);
  if (delay == 0) return std::nullopt;
  Value header;
  headers.header(kDelayHeader, header);
  const std::string properties =
      codec_of(message.dialect())
          .amend(message.properties(),
                 {.set_headers = {{std::string(kDelayHeader), elapsed_delay(header)}}});
  Message* held = message.rewritten(message.exchange(), message.routing_key(), properties, meter_);
  copy_extension(message, *held);
  return hold(held, delay < kNever - now ? now + delay : kNever);
}

Position ExchangeState::hold(Message* message, WallMs due) {
  const Position position = next_held_++;
  const bool stored = keeps(*message);
  held_.add({due, position}, message, stored);
  if (stored) store_->append(to_held_record(*message, id_, position, due));
  return position;
}

void ExchangeState::let_go(Position position) {
  if (store_ != nullptr) store_->settle(id_, position, position);
}

bool ExchangeState::page(WallMs now, std::uint64_t window, bool may_read) {
  if (store_ == nullptr) return false;
  held_.evict(window, store_->readable_below(id_));
  if (!held_.reads_by(now)) return false;
  if (!may_read) return true;
  const auto wanted = held_.next_page(now, window);
  if (!wanted.empty()) store_->read_ranges(id_, wanted, window);
  return false;
}

// --- history ------------------------------------------------------------------------------------
bool ExchangeState::record(const Message& message) {
  if (history_length_ == 0) return false;
  Value no_store;
  if (MessageHeaders(message).header(kNoStoreHeader, no_store) && no_store.as_bool() != nullptr &&
      *no_store.as_bool()) {
    return false;
  }
  Message* copy =
      message.rewritten(message.exchange(), message.routing_key(), message.properties(), meter_);
  copy_extension(message, *copy);
  history_.push_back({next_history_++, copy});
  if (keeps(*copy)) {
    store_->append(to_record(*copy, history_of(id_), history_.back().position, 0));
  }
  if (history_.size() > history_length_) drop_oldest();
  return true;
}

void ExchangeState::drop_oldest() {
  const Remembered& oldest = history_.front();
  if (store_ != nullptr) store_->settle(history_of(id_), oldest.position, oldest.position);
  oldest.message->release(meter_);
  history_.pop_front();
}

bool ExchangeState::clear(std::size_t most) {
  const bool more = held_.clear(most);
  for (; most != 0 && !history_.empty(); --most) {
    history_.front().message->release(meter_);
    history_.pop_front();
  }
  return more || !history_.empty();
}

}  // namespace polymq::engine
