// The deduplication window: entries by hash, and the order in which to forget them.
#include "engine/deduplication_window.h"

#include "engine/hash.h"

namespace polymq::engine {

DeduplicationKey DeduplicationKey::of(std::string_view scope, std::string_view id) {
  // The length keeps ("ab", "c") apart from ("a", "bc").
  const std::uint64_t scope_size = scope.size();
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, &scope_size, sizeof scope_size);
  XXH3_128bits_update(&state, scope.data(), scope.size());
  XXH3_128bits_update(&state, id.data(), id.size());
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return {hash.high64, hash.low64};
}

DeduplicationWindow::Seen DeduplicationWindow::insert(DeduplicationKey key, WallMs now,
                                                      std::optional<std::int64_t> own_ttl_ms,
                                                      const Original& original) {
  // Where only time limits there may be many: what is left over does no harm.
  constexpr std::size_t kFew = 16;
  drop_expired(now, limits_.entries == DeduplicationLimits::kAny ? kFew : SIZE_MAX);
  const auto it = entries_.find(key);
  // One with a shorter time of its own may have expired behind one that has not.
  if (it != entries_.end() && it->second.expiry > now) return Seen::kDuplicate;
  entries_[key] = {expiry(now, own_ttl_ms), ++last_number_, original};
  order_.push_back({key, last_number_});
  drop_surplus();
  return Seen::kFresh;
}

std::optional<DeduplicationWindow::Known> DeduplicationWindow::find(DeduplicationKey key) const {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return std::nullopt;
  return Known{it->second.number, it->second.original};
}

WallMs DeduplicationWindow::expire(WallMs now) {
  constexpr std::size_t kSlice = 2000;
  constexpr std::size_t kFew = 1024;
  drop_expired(now, kSlice);
  const std::size_t room = entries_.bucket_count();
  if (room > kFew && entries_.size() < room / 8) entries_.rehash(0);
  if (order_.empty()) return kNever;
  return is_current(order_.front()) ? entries_.find(order_.front().key)->second.expiry : now;
}

std::size_t DeduplicationWindow::bytes() const {
  return entries_.bucket_count() * (sizeof(std::pair<DeduplicationKey, Entry>) + 1) +
         order_.size() * sizeof(Place);
}

std::uint64_t DeduplicationWindow::forget(DeduplicationKey key, Position position) {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return 0;
  const Position known = it->second.original.position;
  if (position != 0 && known != 0 && known != position) return 0;
  const std::uint64_t number = it->second.number;
  entries_.erase(it);
  compact();
  return number;
}

void DeduplicationWindow::restore(DeduplicationKey key, WallMs expiry, std::uint64_t number,
                                  const Original& original) {
  entries_[key] = {expiry, number, original};
  order_.push_back({key, number});
  drop_surplus();
}

bool DeduplicationWindow::is_current(const Place& place) const {
  const auto it = entries_.find(place.key);
  return it != entries_.end() && it->second.number == place.number;
}

void DeduplicationWindow::drop_surplus() {
  while (entries_.size() > limits_.entries) {
    if (is_current(order_.front())) entries_.erase(order_.front().key);
    order_.pop_front();
  }
  compact();
}

void DeduplicationWindow::drop_expired(WallMs now, std::size_t most) {
  for (; !order_.empty() && most != 0; --most) {
    const Place& oldest = order_.front();
    if (is_current(oldest)) {
      if (entries_.find(oldest.key)->second.expiry > now) return;
      entries_.erase(oldest.key);
    }
    order_.pop_front();
  }
}

void DeduplicationWindow::compact() {
  // Entries that were forgotten leave their places behind; more than one in two is too many.
  if (order_.size() < 2 * entries_.size() + kFewPlaces) return;
  std::erase_if(order_, [this](const Place& place) { return !is_current(place); });
}

}  // namespace polymq::engine
