// Which messages a queue has taken before, by the ids in their headers.
#include "engine/queue.h"
#include "engine/topology.h"

namespace polymq::engine {
namespace {

constexpr std::string_view kIdHeader = "x-deduplication-header";

/// A busy queue forgets as it goes; an idle one looks that much later, not for every single id.
constexpr std::int64_t kSlackMs = 30'000;

// Dead letters are no duplicates of themselves, whatever exchanges they came through.
bool has_died(const Message& message) {
  const MessageExtension* extension = message.extension();
  return extension != nullptr && !extension->deaths.empty();
}

}  // namespace

void Queue::begin_deduplication() {
  if (seen_) return;
  if (const auto window_ms = settings().deduplication_window_ms) {
    seen_ = std::make_unique<SeenIds>(DeduplicationLimits{DeduplicationLimits::kAny, window_ms});
    host_.arm_timer(*this, after(host_.now().wall, *window_ms + kSlackMs));  // for what is restored
  } else if (settings().deduplication) {
    seen_ = std::make_unique<SeenIds>(DeduplicationLimits{
        static_cast<std::size_t>(
            settings().deduplication_entries.value_or(QueueSettings::kDefaultDeduplicationEntries)),
        settings().deduplication_ttl_ms});
  } else {
    return;
  }
  host_.keep_ids(*this, *seen_);
}

std::optional<DeduplicationKey> Queue::deduplication_key(const Message& message) const {
  Value id;
  if (!seen_ || !MessageHeaders(message).header(kIdHeader, id)) return std::nullopt;
  const bool grouped = settings().deduplication_scope == DeduplicationScope::kGroup;
  return DeduplicationKey::of(grouped ? message.group() : "", to_text(id));
}

bool Queue::is_duplicate(const Message& message, bool moved) {
  const bool by_time = settings().deduplication_window_ms.has_value();
  if (by_time && (moved || has_died(message))) return false;
  const auto key = deduplication_key(message);
  if (!key) return false;
  const WallMs now = host_.now().wall;
  if (!by_time) return seen_->insert(*key, now, std::nullopt, message.persistent());
  const Original original{codec_of(message.dialect()).id(message.properties()), slots_.end()};
  const bool seen = seen_->insert(*key, now, std::nullopt, message.persistent(), original);
  if (seen) return true;
  account_ids();
  host_.arm_timer(*this, after(now, *settings().deduplication_window_ms + kSlackMs));
  return false;
}

// Only a window without a limit in numbers is worth the timer.
void Queue::forget_ids() {
  if (!seen_ || !settings().deduplication_window_ms) return;
  const WallMs now = host_.now().wall;
  const WallMs next = seen_->expire(now);
  account_ids();
  host_.arm_timer(*this, next <= now ? now : after(next, kSlackMs));
}

void Queue::account_ids() {
  if (!settings().deduplication_window_ms) return;
  const std::int64_t bytes = seen_->bytes();
  meter_.bytes += bytes - std::exchange(seen_bytes_, bytes);
}

}  // namespace polymq::engine
