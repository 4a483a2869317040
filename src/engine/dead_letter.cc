// The record of deaths and its rendering.
#include "engine/dead_letter.h"

#include <algorithm>

namespace polymq::engine {
namespace {

Value text(std::string_view value) { return Value::string(std::string(value)); }

Value rendered(const DeathEntry& entry) {
  std::vector<Value> keys;
  for (const std::string& key : entry.routing_keys) keys.push_back(text(key));
  Fields table{
      {"count", Value::integer(static_cast<std::int64_t>(entry.count))},
      {"reason", text(to_text(entry.reason))},
      {"queue", text(entry.queue)},
      {"time", Value::integer(entry.time_s, FieldType::kTimestamp)},
      {"exchange", text(entry.exchange)},
      {"routing-keys", Value::array(std::move(keys))},
  };
  if (entry.original_expiration) {
    table.push_back({"original-expiration", text(*entry.original_expiration)});
  }
  return Value::table(std::move(table));
}

void render_death(std::string_view which, const DeathEntry& entry, Fields& headers) {
  const std::string prefix = "x-" + std::string(which) + "-death-";
  headers.push_back({prefix + "queue", text(entry.queue)});
  headers.push_back({prefix + "reason", text(to_text(entry.reason))});
  headers.push_back({prefix + "exchange", text(entry.exchange)});
}

DeathEntry entry_of(Death death) {
  DeathEntry entry;
  entry.queue = death.queue;
  entry.reason = death.reason;
  entry.time_s = death.time / 1000;
  entry.exchange = death.exchange;
  entry.routing_keys = std::move(death.routing_keys);
  entry.original_expiration = std::move(death.expiration);
  return entry;
}

}  // namespace

std::string_view to_text(DeathReason reason) {
  switch (reason) {
    case DeathReason::kRejected:
      return "rejected";
    case DeathReason::kExpired:
      return "expired";
    case DeathReason::kMaxLength:
      return "maxlen";
    case DeathReason::kDeliveryLimit:
      return "delivery_limit";
  }
  return {};
}

void record_death(std::vector<DeathEntry>& record, Death death) {
  const auto known = std::find_if(record.begin(), record.end(), [&](const DeathEntry& entry) {
    return entry.queue == death.queue && entry.reason == death.reason;
  });
  if (known != record.end()) {
    ++known->count;
    std::rotate(record.begin(), known, known + 1);
    return;
  }
  DeathEntry entry = entry_of(std::move(death));
  entry.first = record.empty();
  record.insert(record.begin(), std::move(entry));
}

PropertyChanges death_changes(std::span<const DeathEntry> record, bool routing_key_overridden) {
  PropertyChanges changes;
  changes.remove_expiration = true;
  if (routing_key_overridden) changes.remove_headers.push_back("CC");
  if (record.empty()) return changes;

  std::vector<Value> deaths;
  for (const DeathEntry& entry : record) deaths.push_back(rendered(entry));
  changes.set_headers.push_back({"x-death", Value::array(std::move(deaths))});
  const auto first = std::find_if(record.begin(), record.end(),
                                  [](const DeathEntry& entry) { return entry.first; });
  if (first != record.end()) render_death("first", *first, changes.set_headers);
  render_death("last", record.front(), changes.set_headers);
  return changes;
}

bool closes_cycle(std::span<const DeathEntry> record, std::string_view target) {
  for (const DeathEntry& entry : record) {
    if (entry.reason == DeathReason::kRejected) return false;
    if (entry.queue == target) return true;
  }
  return false;
}

}  // namespace polymq::engine
