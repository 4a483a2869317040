// Entries of the window as records of a log: positions are the entries' numbers.
#include "engine/seen_ids.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace polymq::engine {

void SeenIds::keep_in(StoredLogs& logs, std::uint64_t log, storage::Lane lane) {
  store_ = &logs.store();
  log_ = log;
  window_.number_from(logs.open(log, lane, [this](const auto& record) { return restore(record); }));
}

Result<void> SeenIds::restore(const storage::MessageRecord& record) {
  DeduplicationKey key;
  if (record.extension.size() != sizeof key) return fail("an id of a wrong size");
  std::memcpy(&key, record.extension.data(), sizeof key);
  window_.restore(key, record.enqueued, record.position);
  return {};
}

bool SeenIds::insert(DeduplicationKey key, WallMs now, std::optional<std::int64_t> own_ttl_ms,
                     bool stored) {
  if (window_.insert(key, now, own_ttl_ms) == DeduplicationWindow::Seen::kDuplicate) return true;
  if (store_ == nullptr) return false;
  if (stored) {
    store_->append({.queue = log_,
                    .position = window_.last_number(),
                    .enqueued = window_.expiry(now, own_ttl_ms),
                    .extension = {reinterpret_cast<const char*>(&key), sizeof key}});
  }
  // They are forgotten oldest first, mostly: those in between go with their elders.
  if (const std::uint64_t oldest = window_.oldest_number(); oldest > kept_from_) {
    store_->settle(log_, kept_from_, oldest - 1);
    kept_from_ = oldest;
  }
  return false;
}

void SeenIds::forget(DeduplicationKey key) {
  const std::uint64_t number = window_.forget(key);
  if (store_ != nullptr && number != 0) store_->settle(log_, number, number);
}

}  // namespace polymq::engine
