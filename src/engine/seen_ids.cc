// Entries of the window as records of a log: positions are the entries' numbers.
#include "engine/seen_ids.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace polymq::engine {
namespace {

/// A record says the key, and behind it the original, where somebody asks for that.
struct Kept {
  DeduplicationKey key;
  Original original;
};
static_assert(sizeof(Kept) == 40 && std::is_trivially_copyable_v<Kept>);

std::string_view bytes_of(const Kept& kept) {
  const bool whole = kept.original.position != 0;
  return {reinterpret_cast<const char*>(&kept), whole ? sizeof kept : sizeof kept.key};
}

}  // namespace

void SeenIds::keep_in(StoredLogs& logs, std::uint64_t log, storage::Lane lane) {
  logs_ = &logs;
  store_ = &logs.store();
  log_ = log;
  window_.number_from(logs.open(log, lane, [this](const auto& record) { return restore(record); }));
}

Result<void> SeenIds::restore(const storage::MessageRecord& record) {
  Kept kept;
  const std::size_t size = record.extension.size();
  if (size != sizeof kept.key && size != sizeof kept) return fail("an id of a wrong size");
  std::memcpy(&kept, record.extension.data(), size);
  window_.restore(kept.key, record.enqueued, record.position, kept.original);
  return {};
}

bool SeenIds::insert(DeduplicationKey key, WallMs now, std::optional<std::int64_t> own_ttl_ms,
                     bool stored, const Original& original) {
  if (window_.insert(key, now, own_ttl_ms, original) == DeduplicationWindow::Seen::kDuplicate) {
    const auto known = window_.find(key);
    last_duplicate_ = {key, known->number, known->original};
    return true;
  }
  if (store_ == nullptr) return false;
  if (stored) {
    store_->append({.queue = log_,
                    .position = window_.last_number(),
                    .enqueued = window_.expiry(now, own_ttl_ms),
                    .extension = std::string(bytes_of({key, original}))});
  }
  let_go();
  return false;
}

// They are forgotten oldest first, mostly: those in between go with their elders.
void SeenIds::let_go() {
  if (store_ == nullptr) return;
  if (const std::uint64_t oldest = window_.oldest_number(); oldest > kept_from_) {
    store_->settle(log_, kept_from_, oldest - 1);
    kept_from_ = oldest;
  }
}

bool SeenIds::has(DeduplicationKey key, std::uint64_t number) const {
  const auto known = window_.find(key);
  return known && known->number == number;
}

void SeenIds::forget(DeduplicationKey key, Position position) {
  const std::uint64_t number = window_.forget(key, position);
  if (store_ != nullptr && number != 0) store_->settle(log_, number, number);
}

WallMs SeenIds::expire(WallMs now) {
  constexpr std::int64_t kPatienceMs = 1000;
  // What is still to come must not be forgotten.
  if (logs_ != nullptr && logs_->loading()) return now + kPatienceMs;
  const WallMs next = window_.expire(now);
  let_go();
  return next;
}

}  // namespace polymq::engine
